// What the servers of a cluster say about themselves, asked on their monitoring ports (wire.md 21).
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "broker/base/result.h"

namespace natrix::brokerapi {

struct ServerAddress {
  std::string name;  // the caller's name for it
  std::string host;
  int port = 0;  // monitoring port
};

// The certificate that a listener shows.
struct ServedCertificate {
  std::string serial;     // lower case hex; empty: no TLS, or the server does not say
  std::string not_after;  // RFC 3339
  friend bool operator==(const ServedCertificate&, const ServedCertificate&) = default;
};

struct ServerReport {
  std::string server_id;
  std::string server_name;
  std::string version;     // NATS feature level, semver
  int routed_servers = 0;  // other servers it is connected to
  bool healthy = false;
  std::string health;  // the server's words when it is not
  // Digest of the configuration in use, as brokerconf/reload.h computes it; empty: not told.
  std::string config_digest;
  bool reloads_by_itself = false;  // when its files change
  ServedCertificate client_certificate;
  ServedCertificate route_certificate;
  friend bool operator==(const ServerReport&, const ServerReport&) = default;
};

class BrokerApi {
 public:
  virtual ~BrokerApi() = default;

  // Asks all servers at the same time and blocks the caller for at most `deadline`, whatever the
  // servers do. One entry for every address, by name. Safe from any thread.
  virtual std::map<std::string, Result<ServerReport>> ask(const std::vector<ServerAddress>& servers,
                                                          std::chrono::milliseconds deadline) = 0;
};

}  // namespace natrix::brokerapi
