#include "broker/monitor/render.h"

#include <algorithm>
#include <tuple>

#include "broker/base/duration.h"
#include "broker/base/time_format.h"
#include "broker/monitor/render_parts.h"
#include "broker/monitor/text.h"

namespace natrix::monitor {
namespace {

Json subscription(const SubscriptionInfo& sub, bool with_account) {
  Json out = Json::object();
  if (with_account) {
    put_if(out, "account", sub.account);
    put_if(out, "account_tag", tag_of(sub.account_tag, sub.account));
  }
  out["subject"] = sub.subject;
  put_if(out, "qgroup", sub.queue);
  out["sid"] = sub.sid;
  out["msgs"] = sub.msgs;
  put_if(out, "max", sub.max);
  out["cid"] = sub.cid;
  return out;
}

void put_subscriptions(Json& out, const std::vector<SubscriptionInfo>& list, ListSubs subs,
                       bool with_account) {
  if (list.empty() || subs == ListSubs::kNo) return;
  Json entries = Json::array();
  for (const SubscriptionInfo& sub : list) {
    entries.push_back(subs == ListSubs::kDetail ? subscription(sub, with_account)
                                                : Json(sub.subject));
  }
  bool detail = subs == ListSubs::kDetail;
  out[detail ? "subscriptions_list_detail" : "subscriptions_list"] = std::move(entries);
}

void put_traffic(Json& out, const Traffic& traffic) {
  out["in_msgs"] = traffic.in_msgs;
  out["out_msgs"] = traffic.out_msgs;
  out["in_bytes"] = traffic.in_bytes;
  out["out_bytes"] = traffic.out_bytes;
}

void put_tls(Json& out, const ConnectionInfo& info, bool auth) {
  put_if(out, "tls_version", info.tls_version);
  put_if(out, "tls_cipher_suite", info.tls_cipher_suite);
  if (auth && !info.tls_peer_certs.empty()) {
    Json certificates = Json::array();
    for (const tls::PeerCertificate& one : info.tls_peer_certs) {
      certificates.push_back({{"subject", one.subject},
                              {"spki_sha256", one.spki_sha256},
                              {"cert_sha256", one.cert_sha256}});
    }
    out["tls_peer_certs"] = std::move(certificates);
  }
  put_if(out, "tls_first", info.tls_first);
}

Json connection(const ConnectionInfo& info, Time now, ListSubs subs, bool auth) {
  Json out = Json::object();
  Time end = info.stop.value_or(now);
  out["cid"] = info.cid;
  put_if(out, "kind", info.kind);
  put_if(out, "type", info.type);
  out["ip"] = info.ip;
  out["port"] = info.port;
  out["start"] = format_rfc3339(info.start);
  out["last_activity"] = format_rfc3339(info.last_activity);
  if (info.stop) out["stop"] = format_rfc3339(*info.stop);
  put_if(out, "reason", info.reason);
  if (info.rtt) out["rtt"] = rtt_text(*info.rtt);
  out["uptime"] = format_uptime(end - info.start);
  out["idle"] = format_uptime(end - info.last_activity);
  out["pending_bytes"] = info.pending_bytes;
  put_traffic(out, info.traffic);
  put_if(out, "stalls", info.stalls);
  out["subscriptions"] = info.subscriptions;
  put_if(out, "name", info.name);
  put_if(out, "lang", info.lang);
  put_if(out, "version", info.version);
  put_tls(out, info, auth);
  if (auth) {
    put_if(out, "authorized_user", info.authorized_user);
    if (info.account != "$G") put_if(out, "account", info.account);
  }
  // As in nats-server, the subscriptions of a closed connection name their account.
  put_subscriptions(out, info.subscription_list, subs, info.stop.has_value());
  if (auth) put_if(out, "name_tag", tag_of(info.account_tag, info.account));
  put_if(out, "mqtt_client", info.mqtt_client);
  return out;
}

void put_rules(Json& out, const char* name, const std::optional<SubjectRules>& rules) {
  if (!rules) return;
  Json both = Json::object();
  put_if(both, "allow", rules->allow);
  put_if(both, "deny", rules->deny);
  out[name] = std::move(both);
}

Json route(const RouteInfo& info, Time now, ListSubs subs) {
  Json out = Json::object();
  out["rid"] = info.rid;
  out["remote_id"] = info.remote_id;
  out["remote_name"] = info.remote_name;
  out["did_solicit"] = info.did_solicit;
  out["is_configured"] = info.is_configured;
  out["ip"] = info.ip;
  out["port"] = info.port;
  out["start"] = format_rfc3339(info.start);
  out["last_activity"] = format_rfc3339(info.last_activity);
  if (info.rtt) out["rtt"] = rtt_text(*info.rtt);
  out["uptime"] = format_uptime(now - info.start);
  out["idle"] = format_uptime(now - info.last_activity);
  put_rules(out, "import", info.import_rules);
  put_rules(out, "export", info.export_rules);
  out["pending_size"] = info.pending_size;
  put_traffic(out, info.traffic);
  out["subscriptions"] = info.subscriptions;
  put_subscriptions(out, info.subscription_list, subs, false);
  put_if(out, "account", info.account);
  put_if(out, "compression", info.compression);
  return out;
}

}  // namespace

Json render_connz(const ConnectionPage& page, ListSubs subs, bool auth) {
  Json out = page_head(page.server_id, page.now);
  out["num_connections"] = page.connections.size();
  out["total"] = page.total;
  out["offset"] = page.offset;
  out["limit"] = page.limit;
  Json connections = Json::array();
  for (const ConnectionInfo& info : page.connections) {
    connections.push_back(connection(info, page.now, subs, auth));
  }
  out["connections"] = std::move(connections);
  return out;
}

Json render_routez(RoutePage page, ListSubs subs) {
  std::sort(page.routes.begin(), page.routes.end(), [](const RouteInfo& a, const RouteInfo& b) {
    return std::tie(a.remote_name, a.account, a.pool_index, a.rid) <
           std::tie(b.remote_name, b.account, b.pool_index, b.rid);
  });
  Json out = Json::object();
  out["server_id"] = page.server_id;
  out["server_name"] = page.server_name;
  out["now"] = format_rfc3339(page.now);
  put_rules(out, "import", page.import_rules);
  put_rules(out, "export", page.export_rules);
  out["num_routes"] = page.routes.size();
  Json routes = Json::array();
  for (const RouteInfo& info : page.routes) routes.push_back(route(info, page.now, subs));
  out["routes"] = std::move(routes);
  return out;
}

Json render_subsz(const SubscriptionPage& page, bool list) {
  Json out = page_head(page.server_id, page.now);
  out.update(sublist_stats(page));
  out["total"] = page.total;
  out["offset"] = page.offset;
  out["limit"] = page.limit;
  if (list && !page.list.empty()) {
    Json entries = Json::array();
    for (const SubscriptionInfo& sub : page.list) entries.push_back(subscription(sub, true));
    out["subscriptions_list"] = std::move(entries);
  }
  return out;
}

std::string json_text(const Json& document, bool indented) {
  std::string text = document.dump(indented ? 2 : -1, ' ', false, Json::error_handler_t::replace);
  // In valid JSON these characters occur only inside strings.
  std::string escaped;
  size_t from = 0;
  for (size_t at; (at = text.find_first_of("<>&", from)) != std::string::npos; from = at + 1) {
    escaped.append(text, from, at - from);
    escaped += text[at] == '<' ? "\\u003c" : text[at] == '>' ? "\\u003e" : "\\u0026";
  }
  if (from == 0) return text;
  return escaped.append(text, from);
}

}  // namespace natrix::monitor
