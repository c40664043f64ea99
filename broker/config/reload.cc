#include "broker/config/reload.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/base/duration.h"

namespace natrix::config {
namespace {

std::string show(bool value) {
  return value ? "true" : "false";
}
std::string show(int64_t value) {
  return std::to_string(value);
}
std::string show(int value) {
  return std::to_string(value);
}
std::string show(const std::string& value) {
  return value;
}
std::string show(std::chrono::nanoseconds value) {
  return format_duration(value);
}
std::string show(const std::vector<std::string>& value) {
  return fmt::format("[{}]", fmt::join(value, " "));
}
std::string show(const std::map<std::string, std::string>& value) {
  std::vector<std::string> pairs;
  for (const auto& [key, text] : value) pairs.push_back(key + ":" + text);
  return show(pairs);
}
std::string show(const std::vector<Url>& value) {
  std::vector<std::string> urls;
  for (const Url& url : value) urls.push_back(url.text());
  return show(urls);
}
std::string show(const JetStreamOptions& value) {
  if (!value.enabled) return "off";
  return fmt::format(
      "{{store_dir: \"{}\", max_memory: {}, max_file: {}, sync_interval: {}, domain: \"{}\"}}",
      value.store_dir, value.max_memory, value.max_file, show(value.sync_interval), value.domain);
}
std::string show(const Authorization&) {
  return "[REDACTED]";
}
std::string show(const std::shared_ptr<const tls::Context>& value) {
  return value ? "certificate serial " + value->certificate().serial : "disabled";
}
std::string show(const std::optional<Permissions>& value) {
  if (!value) return "none";
  auto part = [](const SubjectPermission& rules) {
    return fmt::format("allow {} deny {}", show(rules.allow), show(rules.deny));
  };
  return fmt::format("import {} export {}", part(value->publish), part(value->subscribe));
}

// The part of a server that a live change concerns.
enum class Effect : uint8_t { kNone, kLog, kPidFile, kPortsFile, kAuthorization, kInfo, kRefused };

struct Rule {
  std::string_view name;
  Effect effect;
  bool (*equal)(const Options& a, const Options& b);
  std::string (*text)(const Options& options);
};

template <auto Member>
constexpr Rule top(std::string_view name, Effect effect) {
  return {name, effect, [](const Options& a, const Options& b) { return a.*Member == b.*Member; },
          [](const Options& o) { return show(o.*Member); }};
}
// Contexts are made anew by every load: they differ when their files or options do.
bool same_tls(const tls::Context* a, const tls::Context* b) {
  return a == b || (a != nullptr && b != nullptr && a->digest() == b->digest());
}

template <auto Member>
constexpr Rule logging(std::string_view name) {
  return {name, Effect::kLog,
          [](const Options& a, const Options& b) { return a.log.*Member == b.log.*Member; },
          [](const Options& o) { return show(o.log.*Member); }};
}
template <auto Member>
constexpr Rule cluster(std::string_view name, Effect effect) {
  return {name, effect,
          [](const Options& a, const Options& b) { return a.cluster.*Member == b.cluster.*Member; },
          [](const Options& o) { return show(o.cluster.*Member); }};
}

using C = ClusterOptions;
using L = LogOptions;
using O = Options;

constexpr Rule kRules[] = {
    top<&O::host>("host", Effect::kRefused),
    top<&O::port>("port", Effect::kRefused),
    top<&O::server_name>("server_name", Effect::kRefused),
    top<&O::http_host>("http host", Effect::kRefused),
    top<&O::http_port>("http_port", Effect::kRefused),
    top<&O::https_port>("https_port", Effect::kRefused),
    top<&O::http_base_path>("http_base_path", Effect::kRefused),
    top<&O::disable_sublist_cache>("disable_sublist_cache", Effect::kRefused),
    top<&O::no_header_support>("no_header_support", Effect::kRefused),
    top<&O::jetstream>("jetstream", Effect::kRefused),
    top<&O::system_account>("system_account", Effect::kRefused),
    top<&O::no_system_account>("no_system_account", Effect::kRefused),
    top<&O::shards>("natrix_shards", Effect::kRefused),
    cluster<&C::name>("cluster name", Effect::kRefused),
    cluster<&C::host>("cluster host", Effect::kRefused),
    cluster<&C::port>("cluster port", Effect::kRefused),
    cluster<&C::pool_size>("cluster pool_size", Effect::kRefused),
    cluster<&C::pinned_accounts>("cluster accounts", Effect::kRefused),

    logging<&L::debug>("debug"),
    logging<&L::trace>("trace"),
    logging<&L::time>("logtime"),
    logging<&L::time_utc>("logtime_utc"),
    logging<&L::file>("log_file"),
    logging<&L::file_size_limit_bytes>("log_size_limit"),
    logging<&L::file_max_num>("log_max_num"),
    logging<&L::syslog>("syslog"),
    logging<&L::remote_syslog>("remote_syslog"),
    top<&O::trace_verbose>("trace_verbose", Effect::kNone),
    top<&O::trace_headers>("trace_headers", Effect::kNone),
    top<&O::max_traced_msg_len>("max_traced_msg_len", Effect::kNone),
    top<&O::pid_file>("pid_file", Effect::kPidFile),
    top<&O::ports_file_dir>("ports_file_dir", Effect::kPortsFile),

    top<&O::client_advertise>("client_advertise", Effect::kInfo),
    top<&O::max_payload>("max_payload", Effect::kInfo),
    top<&O::tags>("server_tags", Effect::kNone),
    top<&O::metadata>("server_metadata", Effect::kNone),
    top<&O::max_control_line>("max_control_line", Effect::kNone),
    top<&O::max_pending>("max_pending", Effect::kNone),
    top<&O::max_connections>("max_connections", Effect::kNone),
    top<&O::max_subscriptions>("max_subscriptions", Effect::kNone),
    top<&O::max_subscription_tokens>("max_sub_tokens", Effect::kNone),
    top<&O::max_closed_clients>("max_closed_clients", Effect::kNone),
    top<&O::ping_interval>("ping_interval", Effect::kNone),
    top<&O::ping_max>("ping_max", Effect::kNone),
    top<&O::write_deadline>("write_deadline", Effect::kNone),
    top<&O::lame_duck_duration>("lame_duck_duration", Effect::kNone),
    top<&O::lame_duck_grace_period>("lame_duck_grace_period", Effect::kNone),
    top<&O::no_fast_producer_stall>("no_fast_producer_stall", Effect::kNone),
    top<&O::connect_error_reports>("connect_error_reports", Effect::kNone),
    top<&O::reconnect_error_reports>("reconnect_error_reports", Effect::kNone),
    {"tls", Effect::kInfo,
     [](const O& a, const O& b) { return same_tls(a.tls.get(), b.tls.get()); },
     [](const O& o) { return show(o.tls); }},
    top<&O::allow_non_tls>("allow_non_tls", Effect::kInfo),
    top<&O::authorization>("authorization", Effect::kAuthorization),
    top<&O::no_auth_user>("no_auth_user", Effect::kAuthorization),

    cluster<&C::advertise>("cluster advertise", Effect::kNone),
    cluster<&C::no_advertise>("cluster no_advertise", Effect::kInfo),
    cluster<&C::connect_retries>("cluster connect_retries", Effect::kNone),
    cluster<&C::connect_backoff>("cluster connect_backoff", Effect::kNone),
    cluster<&C::routes>("cluster routes", Effect::kNone),
    cluster<&C::authorization>("cluster authorization", Effect::kNone),
    {"cluster tls", Effect::kNone,
     [](const O& a, const O& b) { return same_tls(a.cluster.tls.get(), b.cluster.tls.get()); },
     [](const O& o) { return show(o.cluster.tls); }},
    cluster<&C::permissions>("cluster permissions", Effect::kNone),
    cluster<&C::ping_interval>("cluster ping_interval", Effect::kNone),
    cluster<&C::ping_max>("cluster ping_max", Effect::kNone),
    cluster<&C::write_deadline>("cluster write_deadline", Effect::kNone),
};

void note(ReloadPlan& plan, Effect effect) {
  switch (effect) {
    case Effect::kLog:
      plan.log = true;
      return;
    case Effect::kPidFile:
      plan.pid_file = true;
      return;
    case Effect::kPortsFile:
      plan.ports_file = true;
      return;
    case Effect::kAuthorization:
      plan.authorization = true;
      return;
    case Effect::kInfo:
      plan.client_info = true;
      return;
    case Effect::kNone:
    case Effect::kRefused:
      return;
  }
}

// Those of `these` that `others` lacks.
std::vector<Url> without(const std::vector<Url>& these, const std::vector<Url>& others) {
  std::vector<Url> left;
  for (const Url& url : these) {
    if (std::find(others.begin(), others.end(), url) == others.end()) left.push_back(url);
  }
  return left;
}

}  // namespace

Result<ReloadPlan> reload_plan(const Options& current, const Options& next) {
  ReloadPlan plan;
  for (const Rule& rule : kRules) {
    if (rule.equal(current, next)) continue;
    std::string change = fmt::format("old={}, new={}", rule.text(current), rule.text(next));
    if (rule.effect == Effect::kRefused)
      return fail(fmt::format("config reload not supported for {}: {}", rule.name, change));
    plan.changes.push_back(fmt::format("{}: {}", rule.name, change));
    note(plan, rule.effect);
  }
  plan.routes_added = without(next.cluster.routes, current.cluster.routes);
  plan.routes_removed = without(current.cluster.routes, next.cluster.routes);
  return plan;
}

}  // namespace natrix::config
