// The JSON of INFO and CONNECT (wire.md 1.3, 1.4, 5): values in, text out and back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"

namespace natrix::protocol {

struct Info {
  std::string server_id;
  std::string server_name;
  std::string version;
  int proto = 1;
  std::string git_commit;
  std::string go;
  std::string host;
  int port = 0;
  bool headers = true;
  bool auth_required = false;
  bool tls_required = false;
  bool tls_verify = false;
  bool tls_available = false;  // allowed, not required
  int64_t max_payload = 0;
  bool jetstream = false;
  std::string ip;  // routes: where to dial this server, "nats-route://host:port/"
  uint64_t client_id = 0;
  std::string client_ip;
  std::string nonce;
  std::string cluster;
  bool cluster_dynamic = false;
  std::string domain;
  std::vector<std::string> connect_urls;
  std::vector<std::string> ws_connect_urls;
  bool ldm = false;
  bool connect_info = false;
  std::string remote_account;
  bool acc_is_sys = false;
  int api_level = 0;  // of JetStream's API
  std::string impl;   // our own: the product and its version, beside the feature level
  std::string impl_version;

  // Routes only.
  bool lnoc = false;
  bool lnocu = false;
  bool info_on_connect = false;
  std::optional<std::vector<std::string>> import_allow, import_deny, export_allow, export_deny;
  int route_pool_size = 0;
  int route_pool_idx = 0;
  std::string route_account;
  std::string route_acc_add_reqid;
  int gossip_mode = 0;
  std::string compression;  // of routes: "not supported", "off", "accept", "s2_..."
  std::string gateway;      // set in INFO that is about gateways, not about the sender
};

// "INFO {...}\r\n"
std::string encode(const Info& info);
// `json` is the argument of an INFO line.
Result<Info> decode_info(std::string_view json);

// What a client or route says of itself; the defaults are those of missing fields.
struct Connect {
  bool verbose = true;
  bool pedantic = true;
  bool echo = true;
  bool tls_required = false;
  bool headers = false;
  bool no_responders = false;
  int protocol = 0;
  std::string name;
  std::string lang;
  std::string version;
  std::string user;
  std::string pass;
  std::string auth_token;
  std::string nkey;
  std::string sig;
  std::string jwt;
  std::string account;
  bool new_account = false;

  // Routes only.
  std::string cluster;
  bool cluster_dynamic = false;
  bool lnoc = false;
  bool lnocu = false;
  std::string gateway;

  // Of those that every server understands; what a key or a JWT means depends on its configuration.
  [[nodiscard]] bool has_credentials() const {
    return !user.empty() || !pass.empty() || !auth_token.empty();
  }
};

// A syntax error or a field of the wrong type fails.
Result<Connect> decode_connect(std::string_view json);
// "CONNECT {...}\r\n" of a quiet client with headers, and of a route.
std::string encode_client_connect(const Connect& connect);
std::string encode_route_connect(const Connect& connect);

}  // namespace natrix::protocol
