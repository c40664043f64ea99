// The JSON of the pages, with nats-server's field names, order and rules of omission (wire.md 17;
// server/monitor.go): from snapshots to documents.
//
// Pure functions, safe from any thread. Fields that nats-server always shows are always shown;
// those that it leaves out when empty, zero or false are left out. What has no meaning here
// (features that this server does not have) is left out where nats-server would, and zero where it
// would show zero.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "broker/base/result.h"
#include "broker/monitor/process_facts.h"
#include "broker/monitor/query.h"
#include "broker/monitor/source.h"

namespace natrix::monitor {

using Json = nlohmann::ordered_json;

// Requests per page, by the page's path without the base path.
using RequestCounts = std::map<std::string, uint64_t>;

Json render_varz(const ServerInfo& info, const ProcessFacts& process, const RequestCounts& requests,
                 Time now);

// `auth`: show users and accounts.
Json render_connz(const ConnectionPage& page, ListSubs subs, bool auth);
Json render_routez(RoutePage page, ListSubs subs);
Json render_subsz(const SubscriptionPage& page, bool list);
Json render_accountz(const AccountPage& page);
// Error: there is no such account.
Result<Json> render_account_detail(const AccountPage& page, const std::string& account);
// `unused`: also accounts that nobody is connected to.
Json render_accstatz(const AccountPage& page, bool unused);

// The pages of what this server does not have.
Json render_gatewayz(const ServerInfo& info, Time now);
Json render_leafz(const ServerInfo& info, Time now);
// What /jsz shows beyond the totals.
struct JszView {
  bool details = false;  // accounts, with whatever streams and consumers the page has
  bool config = false;
  bool direct_consumers = false;
  int64_t offset = 0, limit = 1024;  // of accounts
};
Json render_jsz(const ServerInfo& info, const JetStreamPage& page, const JszView& view, Time now);

struct HealthAnswer {
  int status = 200;
  Json body;
};
// `details`: every problem by itself instead of the first one as a text.
HealthAnswer render_healthz(const Health& health, bool details);
HealthAnswer render_healthz_bad_request(const std::string& error, bool details);

// A document as text: indented by two spaces, or in one line. What is not UTF-8 in it (client
// names, subjects) is replaced; '<', '>' and '&' are escaped as nats-server does.
std::string json_text(const Json& document, bool indented);

}  // namespace natrix::monitor
