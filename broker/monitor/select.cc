#include "broker/monitor/select.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "broker/monitor/query.h"
#include "broker/monitor/text.h"
#include "broker/subject/tokens.h"

namespace natrix::monitor {
namespace {

// What a page can be sorted by: a number of the connection, smallest first unless `descending`;
// without a key by the text of its close reason.
struct Sort {
  std::string_view name;
  int64_t (*key)(const ConnectionInfo& info, Time now);
  bool descending = true;
  bool closed_only = false;
};

int64_t count(Duration duration) {
  return duration.count();
}
int64_t count(Time time) {
  return count(Duration(time.time_since_epoch()));
}

using Info = const ConnectionInfo&;
constexpr std::array<Sort, 14> kSorts{{
    {"cid", [](Info c, Time) { return static_cast<int64_t>(c.cid); }, false},
    {"start", [](Info c, Time) { return count(c.start); }, false},
    {"subs", [](Info c, Time) { return int64_t{c.subscriptions}; }},
    {"pending", [](Info c, Time) { return c.pending_bytes; }},
    {"msgs_to", [](Info c, Time) { return c.traffic.out_msgs; }},
    {"msgs_from", [](Info c, Time) { return c.traffic.in_msgs; }},
    {"bytes_to", [](Info c, Time) { return c.traffic.out_bytes; }},
    {"bytes_from", [](Info c, Time) { return c.traffic.in_bytes; }},
    {"last", [](Info c, Time) { return count(c.last_activity); }},
    {"idle", [](Info c, Time now) { return count(now - c.last_activity); }},
    {"uptime", [](Info c, Time now) { return count(c.stop.value_or(now) - c.start); }, false},
    {"stop", [](Info c, Time) { return count(c.stop.value_or(Time{})); }, true, true},
    {"reason", nullptr, false, true},
    {"rtt", [](Info c, Time) { return count(c.rtt.value_or(Duration{0})); }},
}};

const Sort* find_sort(std::string_view name) {
  auto found = std::find_if(kSorts.begin(), kSorts.end(),
                            [&](const Sort& sort) { return sort.name == name; });
  return found == kSorts.end() ? nullptr : &*found;
}

bool wanted(const ConnectionInfo& info, const ConnectionQuery& query) {
  if (query.cid != 0 && info.cid != query.cid) return false;
  if (query.cid != 0) return true;  // asked for by its number, the rest does not matter
  if (!query.user.empty() && info.authorized_user != query.user) return false;
  if (!query.mqtt_client.empty() && info.mqtt_client != query.mqtt_client) return false;
  if (query.filter_subject.empty() || query.filter_subject == ">") return true;
  return std::any_of(info.subscription_list.begin(), info.subscription_list.end(),
                     [&](const SubscriptionInfo& sub) {
                       return subject::overlaps(query.filter_subject, sub.subject);
                     });
}

void add(ConnectionSums& sums, const ConnectionInfo& info) {
  sums.pending_bytes += info.pending_bytes;
  sums.subscriptions += info.subscriptions;
  sums.traffic.in_msgs += info.traffic.in_msgs;
  sums.traffic.out_msgs += info.traffic.out_msgs;
  sums.traffic.in_bytes += info.traffic.in_bytes;
  sums.traffic.out_bytes += info.traffic.out_bytes;
}

// Moves the page out of `from` (sorted by `less`, equal ones by cid). Only as much is sorted as the
// page needs; a server may have very many connections.
std::vector<ConnectionInfo> cut(std::vector<ConnectionInfo*> from, const ConnectionPage& page,
                                std::string_view sort) {
  size_t begin = std::min(static_cast<size_t>(page.offset), from.size());
  size_t end = begin + std::min(static_cast<size_t>(page.limit), from.size() - begin);
  const Sort* by = find_sort(sort);
  auto less = [&](const ConnectionInfo* a, const ConnectionInfo* b) {
    if (by != nullptr && by->key != nullptr) {
      int64_t key_a = by->key(*a, page.now), key_b = by->key(*b, page.now);
      if (key_a != key_b) return (key_a < key_b) != by->descending;
    } else if (by != nullptr && a->reason != b->reason) {
      return a->reason < b->reason;
    }
    return a->cid < b->cid;
  };
  std::partial_sort(from.begin(), from.begin() + static_cast<ptrdiff_t>(end), from.end(), less);
  std::vector<ConnectionInfo> connections;
  connections.reserve(end - begin);
  for (size_t i = begin; i < end; ++i) connections.push_back(std::move(*from[i]));
  return connections;
}

}  // namespace

Result<void> check_sort(std::string_view sort, ConnState state) {
  const Sort* found = find_sort(sort);
  if (found == nullptr) {
    std::string names;
    for (const Sort& each : kSorts) names += fmt::format(" {}", each.name);
    return fail(fmt::format("invalid sorting option: {}; use one of{}", in_quotes(sort), names));
  }
  if (found->closed_only && state != ConnState::kClosed) {
    return fail(fmt::format("sort by {} only valid on closed connections; add state=closed", sort));
  }
  return {};
}

ConnectionPage select_connections(std::vector<ConnectionInfo> all, const ConnectionQuery& query) {
  ConnectionPage page;
  page.now = std::chrono::system_clock::now();
  page.offset = std::max<int64_t>(query.offset, 0);
  page.limit = query.limit <= 0 ? kDefaultPageEntries : query.limit;
  if (query.cid != 0) page.limit = 1;
  std::vector<ConnectionInfo*> selected;
  for (ConnectionInfo& info : all) {
    if (!query.account.empty() && info.account != query.account) continue;
    ++page.total;
    if (!wanted(info, query)) continue;
    add(page.sums, info);
    if (query.sums_only) continue;
    if (!query.subscriptions) info.subscription_list.clear();
    selected.push_back(&info);
  }
  page.connections = cut(std::move(selected), page, query.sort);
  return page;
}

void select_subscriptions(std::vector<SubscriptionInfo> all, const SubscriptionQuery& query,
                          SubscriptionPage& page) {
  page.offset = std::max<int64_t>(query.offset, 0);
  page.limit = query.limit <= 0 ? kDefaultPageEntries : query.limit;
  std::erase_if(all, [&](const SubscriptionInfo& sub) {
    return (!query.account.empty() && sub.account != query.account) ||
           (!query.test.empty() && !subject::matches(sub.subject, query.test));
  });
  page.total = static_cast<int64_t>(all.size());
  size_t begin = std::min(static_cast<size_t>(page.offset), all.size());
  size_t end = begin + std::min(static_cast<size_t>(page.limit), all.size() - begin);
  std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(end), all.end(),
                    [](const SubscriptionInfo& a, const SubscriptionInfo& b) {
                      return std::tie(a.account, a.subject, a.cid, a.sid) <
                             std::tie(b.account, b.subject, b.cid, b.sid);
                    });
  page.list.assign(std::make_move_iterator(all.begin() + static_cast<ptrdiff_t>(begin)),
                   std::make_move_iterator(all.begin() + static_cast<ptrdiff_t>(end)));
}

}  // namespace natrix::monitor
