// Options: everything a server is told at start, from flags and configuration file (wire.md 22,
// 23).
//
// A plain value, but for the TLS contexts, which hold what the files said when it was made: made by
// load_options(), owned by whoever starts a server, immutable afterwards; a
// reload makes a new one and compares. Defaults are those of wire.md 2. Durations are std::chrono.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/log.h"
#include "broker/tls/context.h"

namespace natrix::config {

inline constexpr int kRandomPort = -1;
inline constexpr int kNoPort = 0;  // the listener is off

// Subjects a user may use. `allow` empty = everything; deny wins. Subscribe entries may be
// "subject queue", then only that queue may subscribe. Beside allow_responses an empty
// publish.allow means that nothing but replies may be published.
struct SubjectPermission {
  std::vector<std::string> allow;
  std::vector<std::string> deny;

  bool operator==(const SubjectPermission&) const = default;
};

struct ResponsePermission {
  int64_t max_msgs = 1;                                        // -1: unlimited
  std::chrono::nanoseconds expires = std::chrono::minutes(2);  // <= 0: no limit

  bool operator==(const ResponsePermission&) const = default;
};

struct Permissions {
  SubjectPermission publish;
  SubjectPermission subscribe;
  std::optional<ResponsePermission> allow_responses;

  bool operator==(const Permissions&) const = default;
};

struct User {
  std::string name;      // or the public nkey
  std::string password;  // plain or bcrypt ($2a$...)
  std::optional<Permissions> permissions;
  bool nkey = false;                          // proves its name with a signature
  std::vector<std::string> connection_types;  // in capitals, wire.md 3; empty: all

  bool operator==(const User&) const = default;
};

struct Authorization {
  std::string user;
  std::string password;
  std::string token;  // plain or bcrypt
  std::vector<User> users;
  std::optional<Permissions> default_permissions;  // of users without permissions of their own
  std::chrono::nanoseconds timeout{0};             // 0: see auth_timeout()

  [[nodiscard]] bool required() const { return !user.empty() || !token.empty() || !users.empty(); }

  bool operator==(const Authorization&) const = default;
};

struct Url {
  std::string scheme;
  std::string user;
  std::string password;
  std::string host;
  int port = 0;
  [[nodiscard]] std::string text(bool with_password = false) const;

  bool operator==(const Url&) const = default;
};

// How long a peer may take to say who it is; with TLS it has the handshake to do before.
std::chrono::nanoseconds auth_timeout(const Authorization& authorization, const tls::Context* tls);

struct ClusterOptions {
  std::string name;
  std::string host = "0.0.0.0";
  int port = kNoPort;
  std::string advertise;
  bool no_advertise = false;
  int connect_retries = 0;
  bool connect_backoff = false;
  int pool_size = 3;                         // -1: one connection without pooling
  std::vector<std::string> pinned_accounts;  // one route connection each
  std::vector<Url> routes;
  Authorization authorization;
  std::shared_ptr<const tls::Context> tls;    // null: routes in clear
  std::optional<Permissions> permissions;     // import = publish, export = subscribe
  std::chrono::nanoseconds ping_interval{0};  // 0: as for clients, at most 30 s
  int ping_max = 0;
  std::chrono::nanoseconds write_deadline{0};

  bool operator==(const ClusterOptions&) const = default;
};

// JetStream: what is stored, where, and how much of it.
struct JetStreamOptions {
  bool enabled = false;
  bool strict = true;       // unknown fields of requests are refused
  std::string store_dir;    // empty: <temporary folder>/nats; the store is in jetstream/ below it
  int64_t max_memory = -1;  // bytes, -1: three quarters of the machine's memory
  int64_t max_file = -1;    // bytes, -1: three quarters of what is free on the disk
  // 0: every acknowledged message is synced (`always`, and our default); else how often.
  std::chrono::nanoseconds sync_interval{0};
  std::string domain;
  // limits {}; 0: none
  int64_t max_ack_pending = 0;
  int64_t max_request_batch = 0;
  std::chrono::nanoseconds duplicate_window{0};

  bool operator==(const JetStreamOptions&) const = default;
};

struct Options {
  std::string host = "0.0.0.0";
  int port = 4222;
  std::string server_name;
  std::string client_advertise;
  std::vector<std::string> tags;
  std::map<std::string, std::string> metadata;

  LogOptions log;
  bool trace_verbose = false;
  bool trace_headers = false;
  int64_t max_traced_msg_len = 0;
  std::string pid_file;
  std::string ports_file_dir;

  int32_t max_control_line = 4096;
  int32_t max_payload = 1024 * 1024;
  int64_t max_pending = 64LL * 1024 * 1024;
  int64_t max_connections = 64 * 1024;  // -1: none allowed
  int64_t max_subscriptions = 0;        // per connection, 0: unlimited
  int32_t max_subscription_tokens = 0;
  int32_t max_closed_clients = 10000;
  std::chrono::nanoseconds ping_interval = std::chrono::minutes(2);
  int ping_max = 2;
  std::chrono::nanoseconds write_deadline = std::chrono::seconds(10);
  std::chrono::nanoseconds lame_duck_duration = std::chrono::minutes(2);
  std::chrono::nanoseconds lame_duck_grace_period = std::chrono::seconds(10);
  bool no_fast_producer_stall = false;
  bool disable_sublist_cache = false;
  bool no_header_support = false;
  int connect_error_reports = 3600;
  int reconnect_error_reports = 1;

  std::string http_host;  // empty: `host`
  int http_port = kNoPort;
  int https_port = kNoPort;  // with the certificates of `tls`; only one of the two
  std::string http_base_path = "/";

  std::shared_ptr<const tls::Context> tls;  // of clients; null: connections in clear
  bool allow_non_tls = false;               // with `tls`: both kinds on one port
  Authorization authorization;
  std::string no_auth_user;
  std::string system_account;  // empty: $SYS
  bool no_system_account = false;
  ClusterOptions cluster;
  JetStreamOptions jetstream;

  int shards = 0;  // natrix_shards: threads that move messages; 0: one per core available

  // How often the files of the configuration are looked at, to reload it when they change; 0: only
  // when told to. From the environment (kReloadIntervalVariable), which every server ignores that
  // does not know it.
  std::chrono::nanoseconds reload_interval{0};

  std::string config_file;    // empty: none
  std::string config_digest;  // "sha256:..." of what the file says, shown in /varz

  bool operator==(const Options&) const = default;
};

}  // namespace natrix::config
