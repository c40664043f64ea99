// Filter, sort and cut of connections and subscriptions.
#include "broker/monitor/select.h"

#include <gtest/gtest.h>

#include <random>

namespace natrix::monitor {
namespace {

using std::chrono::seconds;

ConnectionInfo connection(uint64_t cid) {
  ConnectionInfo info;
  info.cid = cid;
  info.account = "$G";
  return info;
}

std::vector<uint64_t> cids(const ConnectionPage& page) {
  std::vector<uint64_t> numbers;
  for (const auto& info : page.connections) numbers.push_back(info.cid);
  return numbers;
}

using Cids = std::vector<uint64_t>;

// Three connections whose every number differs, in an order that no sort yields by accident.
std::vector<ConnectionInfo> three() {
  Time now = std::chrono::system_clock::now();
  ConnectionInfo a = connection(2), b = connection(3), c = connection(1);
  a.start = now - seconds(30), b.start = now - seconds(10), c.start = now - seconds(20);
  a.last_activity = now - seconds(5), b.last_activity = now - seconds(6);
  c.last_activity = now - seconds(4);
  a.subscriptions = 7, b.subscriptions = 5, c.subscriptions = 6;
  a.pending_bytes = 1, b.pending_bytes = 3, c.pending_bytes = 2;
  a.traffic = {1, 30, 100, 2000}, b.traffic = {2, 10, 300, 1000}, c.traffic = {3, 20, 200, 3000};
  a.rtt = seconds(1), b.rtt = seconds(2);
  a.reason = "b", b.reason = "a", c.reason = "c";
  a.stop = now - seconds(1), b.stop = now - seconds(3), c.stop = now - seconds(2);
  return {a, b, c};
}

TEST(SelectConnections, EverySort) {
  const std::vector<std::pair<std::string, Cids>> orders{
      {"cid", {1, 2, 3}},      {"start", {2, 1, 3}},      {"subs", {2, 1, 3}},
      {"pending", {3, 1, 2}},  {"msgs_to", {2, 1, 3}},    {"msgs_from", {1, 3, 2}},
      {"bytes_to", {1, 2, 3}}, {"bytes_from", {3, 1, 2}}, {"last", {1, 2, 3}},
      {"idle", {3, 2, 1}},     {"stop", {2, 1, 3}},       {"reason", {3, 2, 1}},
      {"rtt", {3, 2, 1}},      {"uptime", {3, 1, 2}},
  };
  for (const auto& [sort, order] : orders) {
    ASSERT_TRUE(check_sort(sort, ConnState::kClosed).ok()) << sort;
    ConnectionQuery query;
    query.sort = sort;
    EXPECT_EQ(cids(select_connections(three(), query)), order) << sort;
  }
}

TEST(SelectConnections, SortsThatCannotBe) {
  EXPECT_EQ(
      check_sort("foo", ConnState::kOpen).error().message.rfind("invalid sorting option: ", 0), 0u);
  EXPECT_FALSE(check_sort("", ConnState::kOpen).ok());
  for (const char* sort : {"stop", "reason"}) {
    for (ConnState state : {ConnState::kOpen, ConnState::kAll}) {
      EXPECT_EQ(check_sort(sort, state)
                    .error()
                    .message.rfind(
                        std::string("sort by ") + sort + " only valid on closed connections", 0),
                0u);
    }
  }
  EXPECT_TRUE(check_sort("uptime", ConnState::kAll).ok());
}

TEST(SelectConnections, EqualOnesAreOrderedByCid) {
  std::vector<ConnectionInfo> all;
  for (uint64_t cid : {5, 3, 9, 1}) all.push_back(connection(cid));
  ConnectionQuery query;
  query.sort = "subs";
  EXPECT_EQ(cids(select_connections(all, query)), (Cids{1, 3, 5, 9}));
}

TEST(SelectConnections, PagesCoverEverythingOnce) {
  std::mt19937 random(7);
  std::vector<ConnectionInfo> all;
  for (uint64_t cid = 1; cid <= 100; ++cid) {
    all.push_back(connection(cid));
    all.back().pending_bytes = random() % 10;
  }
  Cids seen;
  for (int64_t offset = 0; offset < 120; offset += 7) {
    ConnectionQuery query;
    query.sort = "pending";
    query.offset = offset;
    query.limit = 7;
    ConnectionPage page = select_connections(all, query);
    EXPECT_EQ(page.total, 100);
    EXPECT_EQ(page.offset, offset);
    EXPECT_EQ(page.limit, 7);
    for (uint64_t cid : cids(page)) seen.push_back(cid);
  }
  EXPECT_EQ(seen.size(), 100u);
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
}

TEST(SelectConnections, OffsetsAndLimitsBeyondReason) {
  ConnectionQuery query;
  query.offset = INT64_MAX;
  query.limit = INT64_MAX;
  EXPECT_TRUE(select_connections(three(), query).connections.empty());
  query.offset = 1;
  EXPECT_EQ(select_connections(three(), query).connections.size(), 2u);
  query.offset = -1;
  query.limit = 0;
  ConnectionPage page = select_connections(three(), query);
  EXPECT_EQ(page.offset, 0);
  EXPECT_EQ(page.limit, 1024);
}

TEST(SelectConnections, Filters) {
  std::vector<ConnectionInfo> all;
  for (uint64_t cid = 1; cid <= 4; ++cid) all.push_back(connection(cid));
  all[0].account = all[1].account = "A";
  all[1].authorized_user = all[2].authorized_user = "u";
  all[3].mqtt_client = "m";
  all[3].subscription_list.push_back({.subject = "a.*"});
  auto select = [&](auto set) {
    ConnectionQuery query;
    set(query);
    return select_connections(all, query);
  };
  ConnectionPage page = select([](ConnectionQuery& q) { q.account = "A"; });
  EXPECT_EQ(cids(page), (Cids{1, 2}));
  EXPECT_EQ(page.total, 2);
  page = select([](ConnectionQuery& q) { q.user = "u"; });
  EXPECT_EQ(cids(page), (Cids{2, 3}));
  EXPECT_EQ(page.total, 4);  // as nats-server: the user narrows the list only
  page = select([](ConnectionQuery& q) { q.account = "A", q.user = "u"; });
  EXPECT_EQ(cids(page), (Cids{2}));
  EXPECT_EQ(cids(select([](ConnectionQuery& q) { q.mqtt_client = "m"; })), (Cids{4}));
  EXPECT_EQ(cids(select([](ConnectionQuery& q) { q.filter_subject = "*.b"; })), (Cids{4}));
  EXPECT_EQ(cids(select([](ConnectionQuery& q) { q.filter_subject = "b.>"; })), (Cids{}));
  page = select([](ConnectionQuery& q) { q.cid = 3, q.user = "other"; });
  EXPECT_EQ(cids(page), (Cids{3}));
  EXPECT_EQ(page.limit, 1);
  EXPECT_EQ(cids(select([](ConnectionQuery& q) { q.cid = 99; })), (Cids{}));
}

TEST(SelectConnections, SumsAreOverAllThatMatch) {
  ConnectionQuery query;
  query.limit = 1;
  ConnectionPage page = select_connections(three(), query);
  EXPECT_EQ(page.connections.size(), 1u);
  EXPECT_EQ(page.sums.pending_bytes, 6);
  EXPECT_EQ(page.sums.subscriptions, 18u);
  EXPECT_EQ(page.sums.traffic.in_msgs, 6);
  EXPECT_EQ(page.sums.traffic.out_msgs, 60);
  EXPECT_EQ(page.sums.traffic.in_bytes, 600);
  EXPECT_EQ(page.sums.traffic.out_bytes, 6000);
  query.sums_only = true;
  page = select_connections(three(), query);
  EXPECT_TRUE(page.connections.empty());
  EXPECT_EQ(page.total, 3);
  EXPECT_EQ(page.sums.traffic.out_bytes, 6000);
}

TEST(SelectConnections, ListsOnlyWhenAskedFor) {
  std::vector<ConnectionInfo> all{connection(1)};
  all[0].subscription_list.push_back({.subject = "a"});
  EXPECT_TRUE(select_connections(all, {}).connections[0].subscription_list.empty());
  ConnectionQuery query;
  query.subscriptions = true;
  EXPECT_EQ(select_connections(all, query).connections[0].subscription_list.size(), 1u);
}

SubscriptionInfo subscription(const char* account, const char* subject, uint64_t cid) {
  return {.account = account, .subject = subject, .sid = "1", .cid = cid};
}

TEST(SelectSubscriptions, FiltersSortsAndCuts) {
  std::vector<SubscriptionInfo> all{subscription("B", "x.>", 1), subscription("A", "x.y", 2),
                                    subscription("A", "x.y", 1), subscription("A", "z", 3)};
  SubscriptionPage page;
  select_subscriptions(all, {}, page);
  ASSERT_EQ(page.list.size(), 4u);
  EXPECT_EQ(page.total, 4);
  EXPECT_EQ(page.list[0].cid, 1u);
  EXPECT_EQ(page.list[1].cid, 2u);
  EXPECT_EQ(page.list[2].subject, "z");
  EXPECT_EQ(page.list[3].account, "B");

  SubscriptionQuery query;
  query.test = "x.y";
  select_subscriptions(all, query, page);
  EXPECT_EQ(page.total, 3);
  query.account = "B";
  select_subscriptions(all, query, page);
  ASSERT_EQ(page.list.size(), 1u);
  EXPECT_EQ(page.list[0].subject, "x.>");

  query = {};
  query.offset = 1;
  query.limit = 2;
  select_subscriptions(all, query, page);
  ASSERT_EQ(page.list.size(), 2u);
  EXPECT_EQ(page.total, 4);
  EXPECT_EQ(page.list[0].cid, 2u);
  query.offset = INT64_MAX;
  query.limit = INT64_MAX;
  select_subscriptions(all, query, page);
  EXPECT_TRUE(page.list.empty());
}

}  // namespace
}  // namespace natrix::monitor
