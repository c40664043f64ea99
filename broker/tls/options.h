// What a `tls` block says (wire.md 22.2). A plain value; Context::make() turns it into something
// that connections use.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace natrix::tls {

enum class Version : uint8_t { k12, k13 };

struct KeyPair {
  std::string cert_file;  // PEM: the certificate, then those that lead to its authority
  std::string key_file;

  bool operator==(const KeyPair&) const = default;
};

struct Options {
  // The first serves peers that name no other one.
  std::vector<KeyPair> certificates;
  std::string ca_file;            // empty: the authorities of the system
  bool verify = false;            // accepted peers must present a certificate
  bool map = false;               // the certificate says who the user is
  bool check_known_urls = false;  // routes: its DNS names must be among the configured routes
  bool insecure = false;          // routes: peers that we dial are not verified
  std::chrono::nanoseconds timeout = std::chrono::seconds(2);  // of the handshake
  // By their registered names; empty: the defaults. Those of TLS 1.3 and of 1.2 in one list.
  std::vector<std::string> cipher_suites;
  std::vector<std::string> curves;  // as is_curve() knows them
  Version min_version = Version::k12;
  int64_t connection_rate_limit = 0;   // handshakes a second; 0: unlimited
  std::set<std::string> pinned_certs;  // SHA-256 of the public key, lower case hex; empty: any
  // The handshake comes before INFO, from clients that begin with it within `fallback` (0: all).
  bool handshake_first = false;
  std::chrono::nanoseconds fallback{0};

  bool operator==(const Options&) const = default;
};

}  // namespace natrix::tls
