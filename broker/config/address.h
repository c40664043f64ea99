// Addresses and URLs as configuration and flags write them. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "broker/base/result.h"
#include "broker/config/options.h"

namespace natrix::config {

struct HostPort {
  std::string host;  // without brackets; may be empty
  int port = 0;      // kRandomPort for "-1"
};

// "host:port", ":port", "[::1]:port". The error quotes the text.
Result<HostPort> parse_host_port(std::string_view text);

// What a server tells others about itself: as above, but the port may be missing or -1, then it is
// 0 (the real port of the listener is meant).
Result<HostPort> parse_advertise(std::string_view text);

// "nats://user:password@host:port" with percent escapes in user and password; the port is required
// and may be -1. Errors never quote a password.
Result<Url> parse_url(std::string_view text);

// The same for a listener: without a host it listens on all addresses.
Result<Url> parse_listen_url(std::string_view text);

// Comma-separated URLs.
Result<std::vector<Url>> parse_urls(std::string_view text);

// A port number, -1 to 65535.
Result<int> parse_port(std::string_view text);

}  // namespace natrix::config
