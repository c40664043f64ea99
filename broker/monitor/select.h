// From everything there is to the page that was asked for: filter, sort, cut (wire.md 17, /connz
// and /subsz). For implementers of Source: they gather unsorted snapshots and call these.
// Pure functions, safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"
#include "broker/monitor/source.h"

namespace natrix::monitor {

// Whether /connz can sort by `sort`, given the state; the error is the text of a 400.
Result<void> check_sort(std::string_view sort, ConnState state);

// `all` holds every connection in query.state, in any order. total counts those of query.account
// (all of them, if empty), as nats-server does; the other filters narrow the list and the sums
// only. filter_subject looks at subscription_list, which must then be filled; lists that the query
// does not ask for are dropped. Everything of the page is filled but server_id.
ConnectionPage select_connections(std::vector<ConnectionInfo> all, const ConnectionQuery& query);

// `all` holds the subscriptions of query.account, or of every account; those that query.test would
// not reach are dropped. Sorted by account, subject, cid, sid, so that pages do not overlap.
// Fills total, offset, limit and list of `page`.
void select_subscriptions(std::vector<SubscriptionInfo> all, const SubscriptionQuery& query,
                          SubscriptionPage& page);

}  // namespace natrix::monitor
