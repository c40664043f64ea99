#include "broker/config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include "broker/config/address.h"
#include "broker/config/load_parts.h"
#include "broker/config/parser.h"

namespace natrix::config {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kMost32 = std::numeric_limits<int32_t>::max();

void read_max_connections(const Field& field, int64_t& target) {
  int64_t number = 0;
  // 0 in a file means that nobody may connect; that is -1 in Options.
  if (field.read(number, {-1, kMost32})) target = number == 0 ? -1 : number;
}

void read_max_subscriptions(const Field& field, int64_t& target) {
  int64_t number = 0;
  if (field.read(number, {-1, kMost})) target = std::max<int64_t>(number, 0);
}

void read_server_name(const Field& field, std::string& target) {
  std::string name;
  if (!field.read(name)) return;
  if (name.find(' ') != std::string::npos)
    field.error("server name cannot contain spaces");
  else
    target = std::move(name);
}

void read_client_advertise(const Field& field, std::string& target) {
  std::string text;
  if (!field.read(text)) return;
  Result<HostPort> address = parse_advertise(text);
  if (text.empty() || address)
    target = std::move(text);
  else
    field.error(fmt::format("invalid client_advertise: {}", address.error().message));
}

// Tags are a set of lower case words.
void read_tags(const Field& field, std::vector<std::string>& target) {
  std::vector<std::string> tags;
  if (!field.read(tags)) return;
  for (std::string& tag : tags) {
    constexpr const char* kSpace = " \t\r\n";
    size_t first = tag.find_first_not_of(kSpace);
    if (first == std::string::npos) continue;
    tag = tag.substr(first, tag.find_last_not_of(kSpace) - first + 1);
    std::transform(tag.begin(), tag.end(), tag.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (std::find(target.begin(), target.end(), tag) == target.end()) target.push_back(tag);
  }
}

void read_metadata(const Field& field, std::map<std::string, std::string>& target) {
  const Value* map = field.map();
  if (map == nullptr) return;
  for (size_t i = 0; i < map->items.size(); ++i) {
    std::string text;
    if (Field(field.report(), map->keys[i], map->items[i]).read(text)) target[map->keys[i]] = text;
  }
}

void read_grace_period(const Field& field, nanoseconds& target) {
  nanoseconds period{0};
  if (!field.read_text_duration(period)) return;
  if (period.count() < 0)
    field.error("invalid lame_duck_grace_period, needs to be positive");
  else if (period.count() != 0)
    target = period;
}

void read_max_payload(const Field& field, int32_t& target) {
  constexpr int32_t kAdvised = 8 * 1024 * 1024;
  if (field.read_unless_zero(target, {0, kMost32}) && target > kAdvised) {
    field.warning(
        "Maximum payloads over 8.00 MB are generally discouraged and could lead to poor "
        "performance");
  }
}

// One that implies another: verbose tracing is tracing.
void read_trace_detail(const Field& field, bool& detail, Options& options) {
  if (field.read(detail)) options.log.trace = detail;
}

void read_base_path(const Field& field, std::string& target) {
  std::string path;
  if (!field.read(path)) return;
  std::string clean = std::filesystem::path("/" + path).lexically_normal().string();
  clean.erase(0, clean.find_first_not_of('/') == std::string::npos ? clean.size()
                                                                   : clean.find_first_not_of('/'));
  while (!clean.empty() && clean.back() == '/') clean.pop_back();
  target = "/" + clean;
}

// What happens when a client takes too long: "close" is what we do and the default for clients.
void read_write_timeout(const Field& field) {
  std::string policy;
  if (!field.read(policy)) return;
  if (policy == "retry")
    field.error(
        "\"write_timeout\" of 'retry' is not supported by this version of natrix-broker; "
        "remove the line");
  else if (policy != "default" && policy != "close")
    field.error("write_timeout must be 'default', 'close' or 'retry'");
}

using O = Options;

constexpr Key<Options> kListenerKeys[] = {
    {"listen", [](const Field& f, O& o) { read_listen(f, o.host, o.port); }},
    {"host/net", [](const Field& f, O& o) { f.read(o.host); }},
    {"port",
     [](const Field& f, O& o) {
       f.read_unless_zero(o.port, {-1, kMaxPort});
     }},
    {"server_name", [](const Field& f, O& o) { read_server_name(f, o.server_name); }},
    {"client_advertise",
     [](const Field& f, O& o) { read_client_advertise(f, o.client_advertise); }},
    {"server_tags", [](const Field& f, O& o) { read_tags(f, o.tags); }},
    {"server_metadata", [](const Field& f, O& o) { read_metadata(f, o.metadata); }},
    {"http", [](const Field& f, O& o) { read_listen(f, o.http_host, o.http_port); }},
    {"http_port/monitor_port",
     [](const Field& f, O& o) {
       f.read(o.http_port, {-1, kMaxPort});
     }},
    {"https", [](const Field& f, O& o) { read_listen(f, o.http_host, o.https_port); }},
    {"https_port",
     [](const Field& f, O& o) {
       f.read(o.https_port, {-1, kMaxPort});
     }},
    {"tls", [](const Field& f, O& o) { read_tls(f, TlsUse::kClients, o.tls); }},
    {"allow_non_tls", [](const Field& f, O& o) { f.read(o.allow_non_tls); }},
    {"http_base_path", [](const Field& f, O& o) { read_base_path(f, o.http_base_path); }},
    {"authorization", [](const Field& f, O& o) { read_authorization(f, o.authorization); }},
    {"no_auth_user", [](const Field& f, O& o) { f.read(o.no_auth_user); }},
    {"system_account/system", [](const Field& f, O& o) { f.read(o.system_account); }},
    {"no_system_account/no_system/no_sys_acc",
     [](const Field& f, O& o) { f.read(o.no_system_account); }},
    {"cluster", [](const Field& f, O& o) { read_cluster(f, o.cluster); }},
};

constexpr Key<Options> kProcessKeys[] = {
    {"debug", [](const Field& f, O& o) { f.read(o.log.debug); }},
    {"trace", [](const Field& f, O& o) { f.read(o.log.trace); }},
    {"trace_verbose", [](const Field& f, O& o) { read_trace_detail(f, o.trace_verbose, o); }},
    {"trace_headers", [](const Field& f, O& o) { read_trace_detail(f, o.trace_headers, o); }},
    {"max_traced_msg_len",
     [](const Field& f, O& o) {
       f.read(o.max_traced_msg_len, {0, kMost32});
     }},
    {"logtime", [](const Field& f, O& o) { f.read(o.log.time); }},
    {"logtime_utc", [](const Field& f, O& o) { f.read(o.log.time_utc); }},
    {"logfile/log_file", [](const Field& f, O& o) { f.read(o.log.file); }},
    {"logfile_size_limit/log_size_limit",
     [](const Field& f, O& o) {
       f.read(o.log.file_size_limit_bytes, {0, kMost});
     }},
    {"logfile_max_num/log_max_num",
     [](const Field& f, O& o) {
       f.read(o.log.file_max_num, {0, kMost32});
     }},
    {"syslog", [](const Field& f, O& o) { f.read(o.log.syslog); }},
    {"remote_syslog", [](const Field& f, O& o) { f.read(o.log.remote_syslog); }},
    {"pidfile/pid_file", [](const Field& f, O& o) { f.read(o.pid_file); }},
    {"ports_file_dir", [](const Field& f, O& o) { f.read(o.ports_file_dir); }},
    {"store_dir/storedir", [](const Field& f, O& o) { f.read(o.jetstream.store_dir); }},
    {"jetstream", [](const Field& f, O& o) { read_jetstream(f, o.jetstream); }},
    {"natrix_shards",
     [](const Field& f, O& o) {
       f.read(o.shards, {0, 1024});
     }},
};

constexpr Key<Options> kLimitKeys[] = {
    {"max_control_line",
     [](const Field& f, O& o) {
       f.read_unless_zero(o.max_control_line, {0, kMost32});
     }},
    {"max_payload", [](const Field& f, O& o) { read_max_payload(f, o.max_payload); }},
    {"max_pending",
     [](const Field& f, O& o) {
       f.read_unless_zero(o.max_pending, {0, kMost});
     }},
    {"max_connections/max_conn",
     [](const Field& f, O& o) { read_max_connections(f, o.max_connections); }},
    {"max_subscriptions/max_subs",
     [](const Field& f, O& o) { read_max_subscriptions(f, o.max_subscriptions); }},
    {"max_sub_tokens/max_subscription_tokens",
     [](const Field& f, O& o) {
       f.read(o.max_subscription_tokens, {1, 255});
     }},
    {"max_closed_clients",
     [](const Field& f, O& o) {
       f.read_unless_zero(o.max_closed_clients, {0, 10'000'000});
     }},
    {"ping_interval", [](const Field& f, O& o) { f.read(o.ping_interval, nanoseconds(1)); }},
    {"ping_max",
     [](const Field& f, O& o) {
       f.read_unless_zero(o.ping_max, {0, kMost32});
     }},
    {"write_deadline", [](const Field& f, O& o) { f.read(o.write_deadline, nanoseconds(1)); }},
    {"write_timeout", [](const Field& f, O&) { read_write_timeout(f); }},
    {"lame_duck_duration", [](const Field& f, O& o) { f.read(o.lame_duck_duration, seconds(30)); }},
    {"lame_duck_grace_period",
     [](const Field& f, O& o) { read_grace_period(f, o.lame_duck_grace_period); }},
    {"no_fast_producer_stall", [](const Field& f, O& o) { f.read(o.no_fast_producer_stall); }},
    {"disable_sublist_cache/no_sublist_cache",
     [](const Field& f, O& o) { f.read(o.disable_sublist_cache); }},
    {"no_header_support", [](const Field& f, O& o) { f.read(o.no_header_support); }},
    {"connect_error_reports",
     [](const Field& f, O& o) {
       f.read_unless_zero(o.connect_error_reports, {0, kMost32});
     }},
    {"reconnect_error_reports",
     [](const Field& f, O& o) {
       f.read_unless_zero(o.reconnect_error_reports, {0, kMost32});
     }},
};

// wire.md 22.2, what is left of it.
constexpr Absent kTopAbsent[] = {
    {"accounts"},
    {"mappings/maps"},
    {"default_sentinel"},
    {"operator/operators/root/roots/root_operator/root_operators"},
    {"trusted/trusted_keys"},
    {"resolver/account_resolver/accounts_resolver"},
    {"resolver_tls"},
    {"resolver_preload"},
    {"resolver_pinned_accounts"},
    {"ocsp", true},
    {"ocsp_cache", true},
    {"prof_port", true},
    {"prof_block_rate", true},
    {"proxy_protocol", true},
    {"proxies"},
    {"gateway"},
    {"leafnodes/leaf"},
    {"default_js_domain"},
    {"websocket/ws"},
    {"mqtt"},
    {"feature_flags"},
};

std::vector<Key<Options>> top_keys() {
  std::vector<Key<Options>> keys;
  const std::span<const Key<Options>> parts[] = {kListenerKeys, kProcessKeys, kLimitKeys};
  for (auto part : parts) keys.insert(keys.end(), part.begin(), part.end());
  return keys;
}

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace

void read_listen(const Field& field, std::string& host, int& port) {
  const Value& value = field.value();
  if (value.is(Value::Type::kInteger)) {
    field.read(port, {-1, kMaxPort});
    return;
  }
  if (!value.is(Value::Type::kString)) {
    field.wrong_type("a port or \"host:port\"");
    return;
  }
  Result<HostPort> address = parse_host_port(value.text);
  if (!address) {
    field.error(address.error().message);
    return;
  }
  if (!address->host.empty()) host = address->host;
  port = address->port;
}

Result<Loaded> load_options(const Value& root) {
  Loaded loaded;
  Report report;
  if (root.items.empty()) report.warning(root, "config has no values or is empty");
  read_section<Options>(report, root, top_keys(), kTopAbsent, loaded.options);
  if (!report.errors.empty()) return fail(joined(report.errors));
  // Port 0 is the default port for clients, as if nothing had been said.
  if (loaded.options.port == 0) loaded.options.port = Options{}.port;
  loaded.warnings = std::move(report.warnings);
  return loaded;
}

Result<Loaded> load_options_file(const std::string& path, const Surroundings& surroundings) {
  Result<Value> root = parse_config_file(path, surroundings);
  if (!root) return fail(root.error().message);
  Result<Loaded> loaded = load_options(*root);
  if (!loaded) return loaded;
  loaded->options.config_file = path;
  loaded->options.config_digest = config_digest(*root);
  return loaded;
}

}  // namespace natrix::config
