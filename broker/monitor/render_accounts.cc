#include <fmt/format.h>

#include <algorithm>

#include "broker/monitor/render.h"
#include "broker/monitor/render_parts.h"
#include "broker/monitor/text.h"

namespace natrix::monitor {
namespace {

Json amount(int64_t msgs, int64_t bytes) {
  return {{"msgs", msgs}, {"bytes", bytes}};
}

Json sent(const AccountInfo& info) {
  Json out = amount(info.traffic.out_msgs, info.traffic.out_bytes);
  out["gateways"] = amount(info.gateway_traffic.out_msgs, info.gateway_traffic.out_bytes);
  out["routes"] = amount(info.route_traffic.out_msgs, info.route_traffic.out_bytes);
  out["leafs"] = amount(info.leaf_traffic.out_msgs, info.leaf_traffic.out_bytes);
  return out;
}

Json received(const AccountInfo& info) {
  Json out = amount(info.traffic.in_msgs, info.traffic.in_bytes);
  out["gateways"] = amount(info.gateway_traffic.in_msgs, info.gateway_traffic.in_bytes);
  out["routes"] = amount(info.route_traffic.in_msgs, info.route_traffic.in_bytes);
  out["leafs"] = amount(info.leaf_traffic.in_msgs, info.leaf_traffic.in_bytes);
  return out;
}

Json accounts_head(const AccountPage& page) {
  Json out = page_head(page.server_id, page.now);
  put_if(out, "system_account", page.system_account);
  return out;
}

}  // namespace

Json render_accountz(const AccountPage& page) {
  Json out = accounts_head(page);
  Json names = Json::array();
  for (const AccountInfo& info : page.accounts) names.push_back(info.name);
  put_if(out, "accounts", names);
  return out;
}

Result<Json> render_account_detail(const AccountPage& page, const std::string& account) {
  auto found = std::find_if(page.accounts.begin(), page.accounts.end(),
                            [&](const AccountInfo& info) { return info.name == account; });
  if (found == page.accounts.end()) {
    return fail(fmt::format("Account {} does not exist; /accountz without acc lists all",
                            in_quotes(account)));
  }
  Json detail = Json::object();
  detail["account_name"] = found->name;
  detail["update_time"] = format_rfc3339(found->updated);
  put_if(detail, "is_system", found->is_system);
  detail["expired"] = found->expired;
  detail["complete"] = found->complete;
  detail["jetstream_enabled"] = found->jetstream;
  detail["leafnode_connections"] = found->leafnodes;
  detail["client_connections"] = found->client_connections;
  detail["subscriptions"] = found->subscriptions.num_subscriptions;
  put_if(detail, "name_tag", tag_of(found->tag, found->name));
  detail["sublist_stats"] = sublist_stats(found->subscriptions);
  Json out = accounts_head(page);
  out["account_detail"] = std::move(detail);
  return out;
}

Json render_accstatz(const AccountPage& page, bool unused) {
  Json out = page_head(page.server_id, page.now);
  Json stats = Json::array();
  for (const AccountInfo& info : page.accounts) {
    if (!unused && info.client_connections == 0 && info.leafnodes == 0) continue;
    stats.push_back({{"acc", info.name},
                     {"name", tag_of(info.tag, info.name)},
                     {"conns", info.client_connections},
                     {"leafnodes", info.leafnodes},
                     {"total_conns", info.client_connections + info.leafnodes},
                     {"num_subscriptions", info.subscriptions.num_subscriptions},
                     {"sent", sent(info)},
                     {"received", received(info)},
                     {"slow_consumers", info.slow_consumers}});
  }
  out["account_statz"] = std::move(stats);
  return out;
}

Json render_gatewayz(const ServerInfo& info, Time now) {
  Json out = page_head(info.server_id, now);
  out["outbound_gateways"] = Json::object();
  out["inbound_gateways"] = Json::object();
  return out;
}

Json render_leafz(const ServerInfo& info, Time now) {
  Json out = page_head(info.server_id, now);
  out["leafnodes"] = 0;
  out["leafs"] = Json::array();
  return out;
}

HealthAnswer render_healthz(const Health& health, bool details) {
  if (health.problems.empty()) return {200, {{"status", "ok"}}};
  const Health::Problem& first = health.problems.front();
  bool not_up = first.type == "CONNECTION";
  HealthAnswer answer{not_up ? 500 : first.absent ? 404 : 503, Json::object()};
  if (details) {
    answer.body["status"] = "error";
    Json errors = Json::array();
    for (const Health::Problem& problem : health.problems) {
      Json error = {{"type", problem.type}, {"error", problem.error}};
      put_if(error, "account", problem.account);
      put_if(error, "stream", problem.stream);
      put_if(error, "consumer", problem.consumer);
      errors.push_back(std::move(error));
    }
    answer.body["errors"] = std::move(errors);
  } else {
    answer.body["status"] = not_up ? "error" : "unavailable";
    answer.body["error"] = first.error;
  }
  return answer;
}

HealthAnswer render_healthz_bad_request(const std::string& error, bool details) {
  HealthAnswer answer = render_healthz({{{.type = "BAD_REQUEST", .error = error}}}, details);
  answer.status = 400;
  answer.body["status"] = "error";
  return answer;
}

}  // namespace natrix::monitor
