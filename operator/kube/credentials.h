// The current secrets of a ClusterConfig. Files are read again now and then, because tokens and
// certificates in a pod are replaced while it runs.
//
// Safe from any thread. A read that fails after one that worked keeps the old values: a volume that
// is being switched must not cut us off.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "operator/base/clock.h"
#include "operator/base/log.h"
#include "operator/kube/config.h"

namespace natrix::kube {

struct Credentials {
  std::string ca_pem;
  std::string cert_pem;
  std::string key_pem;
  std::string authorization;  // header value; empty: none
  friend bool operator==(const Credentials&, const Credentials&) = default;
};

class CredentialStore {
 public:
  static constexpr std::chrono::seconds kRefresh{30};

  CredentialStore(ClusterConfig config, ops::Clock& clock, ops::Log& log);

  // The same pointer as long as nothing changed. Fails only if nothing was ever readable.
  Result<std::shared_ptr<const Credentials>> current();
  // The server refused them: read again at the next current().
  void expire();

  [[nodiscard]] const ClusterConfig& config() const { return config_; }

 private:
  [[nodiscard]] Result<Credentials> read() const;

  const ClusterConfig config_;
  ops::Clock& clock_;
  ops::Log& log_;
  std::mutex mutex_;
  std::shared_ptr<const Credentials> current_;
  ops::Time read_at_{};
  bool expired_ = true;
};

}  // namespace natrix::kube
