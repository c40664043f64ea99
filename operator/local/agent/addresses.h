// Addresses: loopback addresses for pods and Services.
//
// One running agent owns one 127.x.0.0/16, guarded by a lock that the kernel drops with the
// process, so several can run on a machine. An address belongs to a name for as long as the agent
// runs: a pod that comes back has the address it had, and a server can be told the address of one
// that does not exist yet. Safe from any thread.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "broker/base/result.h"

namespace natrix::agent {

class Addresses {
 public:
  // Takes the first free network; the error says that all are taken.
  static Result<std::unique_ptr<Addresses>> claim();
  ~Addresses();
  Addresses(const Addresses&) = delete;
  Addresses& operator=(const Addresses&) = delete;

  // Empty when the range is used up (about 60,000 pods, 3,500 Services, counting all names ever).
  std::string pod(const std::string& ns, const std::string& name);
  std::string service(const std::string& ns, const std::string& name);
  [[nodiscard]] std::string host() const;

 private:
  Addresses(int network, int lock) : network_(network), lock_(lock) {}
  std::string take(std::map<std::string, std::string>& names, const std::string& key, int first,
                   int last);

  const int network_;  // the second octet
  const int lock_;
  std::mutex mutex_;
  std::map<std::string, std::string> pods_;
  std::map<std::string, std::string> services_;
};

}  // namespace natrix::agent
