// Whole clusters in this process, over loopback.
#include "broker/route/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/route/node.h"

namespace natrix::route {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

config::Options routes_to(std::initializer_list<int> ports) {
  config::Options options;
  for (int port : ports) options.cluster.routes.push_back(route_to(port));
  return options;
}

// Publishes "yes" to whoever asks.
class Answerer final : public core::Receiver {
 public:
  explicit Answerer(Node& node) : node_(node) {}
  core::Delivery deliver(subject::Subscription& sub, const core::Message& message,
                         std::span<const std::string_view>) override {
    node_.publish_soon(sub.shard, std::string(message.reply()), "yes");
    return core::Delivery::kTaken;
  }

 private:
  Node& node_;
};

constexpr int kFull = 4;  // a pool of three and the system account's

TEST(Cluster, TwoServersFillTheirPool) {
  Node a("a");
  Node b("b", routes_to({a.port()}));
  EXPECT_TRUE(eventually([&] { return a.peers()["b"] == kFull && b.peers()["a"] == kFull; }));
  std::multiset<int> places;
  for (const RouteSnapshot& route : b.routes()) {
    places.insert(route.pool_index);
    EXPECT_EQ(route.remote_id, a.id);
    EXPECT_TRUE(route.did_solicit && route.is_configured);
    EXPECT_EQ(route.account, route.pool_index < 0 ? "$SYS" : "");
  }
  EXPECT_THAT(places, ElementsAre(-1, 0, 1, 2));
  EXPECT_THAT(a.urls(), ElementsAre("b:4222"));
  EXPECT_THAT(b.urls(), ElementsAre("a:4222"));
}

TEST(Cluster, MessagesReachTheSubscribersOfPeers) {
  Node a("a");
  Node b("b", routes_to({a.port()}));
  Inbox first, second;
  b.subscribe(first, "x.*", {}, 0);
  b.subscribe(second, "x.>", {}, 1);
  ASSERT_TRUE(eventually([&] { return a.remote_subscriptions() == 2; }));
  EXPECT_EQ(a.publish("x.1", "hello", "back"), 1U);  // one message for both
  a.publish("x.2", "NATS/1.0\r\n\r\nbody", {}, 12, 1);
  std::string large(300000, 'z');
  a.publish("x.3", large);
  for (Inbox* inbox : {&first, &second}) {
    ASSERT_TRUE(eventually([&] { return inbox->count() == 3; }));
    EXPECT_THAT(
        inbox->messages(),
        UnorderedElementsAre("x.1|back|hello", "x.2||NATS/1.0\r\n\r\nbody", "x.3||" + large));
  }
  EXPECT_EQ(a.publish("y", "nobody"), 0U);
}

// An answer finds its way although the asker subscribed only just before.
TEST(Cluster, InterestIsKnownBeforeTheMessageThatNeedsIt) {
  Node a("a");
  Node b("b", routes_to({a.port()}));
  Answerer service(b);
  b.subscribe(service, "svc");
  ASSERT_TRUE(eventually([&] { return a.remote_subscriptions() == 1; }));
  Inbox inbox;
  for (size_t i = 0; i < 300; ++i) {
    std::string reply = "back." + std::to_string(i);
    a.subscribe_and_publish(inbox, reply, "svc", i % 2);
    ASSERT_TRUE(eventually([&] { return inbox.count() == i + 1; })) << i;
  }
}

TEST(Cluster, InterestGoesAgain) {
  Node a("a");
  Node b("b", routes_to({a.port()}));
  Inbox inbox;
  auto* one = b.subscribe(inbox, "x");
  auto* two = b.subscribe(inbox, "x", {}, 1);
  auto* queued = b.subscribe(inbox, "q", "g");
  ASSERT_TRUE(eventually([&] { return a.remote_subscriptions() == 2; }));
  b.unsubscribe(one);
  b.unsubscribe(queued);
  ASSERT_TRUE(eventually([&] { return a.remote_subscriptions() == 1; }));
  EXPECT_EQ(a.publish("x", "m"), 1U);
  b.unsubscribe(two);
  EXPECT_TRUE(eventually([&] { return a.remote_subscriptions() == 0; }));
}

TEST(Cluster, QueueGroupsGetEachMessageOnce) {
  Node a("a");
  Node b("b", routes_to({a.port()}));
  Node c("c", routes_to({a.port()}));
  Inbox at_b, at_c;
  for (size_t i = 0; i < 4; ++i) b.subscribe(at_b, "q", "g", i % 2);
  c.subscribe(at_c, "q", "g");
  auto weights = [&] {
    std::multiset<int64_t> found;
    for (const RouteSnapshot& route : a.routes(true)) {
      for (const RouteSubscription& sub : route.subscription_list) found.insert(sub.weight);
    }
    return found;
  };
  ASSERT_TRUE(eventually([&] { return weights() == std::multiset<int64_t>{1, 4}; }));
  for (int i = 0; i < 500; ++i) EXPECT_EQ(a.publish("q", std::to_string(i), "reply"), 1U);
  ASSERT_TRUE(eventually([&] { return at_b.count() + at_c.count() == 500; }));
  std::set<std::string> seen;
  for (Inbox* inbox : {&at_b, &at_c}) {
    for (const std::string& m : inbox->messages()) EXPECT_TRUE(seen.insert(m).second) << m;
  }
  EXPECT_GT(at_c.count(), 30U);
  EXPECT_LT(at_c.count(), 250U);  // one member of five
}

TEST(Cluster, GossipMakesAFullMesh) {
  Node seed("seed");
  Node b("b", routes_to({seed.port()}));
  Node c("c", routes_to({seed.port()}));
  Node d("d", routes_to({seed.port()}));
  for (Node* node : {&seed, &b, &c, &d}) {
    EXPECT_TRUE(eventually([&] {
      auto peers = node->peers();
      return peers.size() == 3 && std::all_of(peers.begin(), peers.end(), [](const auto& peer) {
               return peer.second == kFull;
             });
    }));
  }
  EXPECT_TRUE(eventually([&] { return seed.urls().size() == 3; }));
}

// Everybody lists everybody, itself included, and all start together.
TEST(Cluster, ServersThatDialEachOtherSettle) {
  for (int round = 0; round < 5; ++round) {
    std::vector<int> ports;
    {
      asio::io_context context;
      std::vector<asio::ip::tcp::acceptor> probes;
      for (int i = 0; i < 3; ++i) {
        probes.emplace_back(context,
                            asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
        ports.push_back(probes.back().local_endpoint().port());
      }
    }
    config::Options all = routes_to({ports[0], ports[1], ports[2]});
    Node a("a", all, ports[0]), b("b", all, ports[1]), c("c", all, ports[2]);
    Inbox inbox;
    for (Node* node : {&a, &b, &c}) node->subscribe(inbox, "m");
    auto settled = [&] {
      for (Node* node : {&a, &b, &c}) {
        auto peers = node->peers();
        if (peers.size() != 2) return false;
        for (const auto& [name, connections] : peers) {
          if (connections != kFull) return false;
        }
        if (node->remote_subscriptions() != 2) return false;
      }
      return true;
    };
    ASSERT_TRUE(eventually(settled));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ASSERT_TRUE(settled());
    EXPECT_EQ(a.publish("m", "1"), 3U);
    EXPECT_TRUE(eventually([&] { return inbox.count() == 3; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(inbox.count(), 3U);
  }
}

TEST(Cluster, ALostServerReturns) {
  Node a("a");
  auto b = std::make_unique<Node>("b", routes_to({a.port()}));
  int port = b->port();
  Inbox inbox;
  b->subscribe(inbox, "x");
  ASSERT_TRUE(eventually([&] { return a.remote_subscriptions() == 1 && a.peers()["b"] == kFull; }));
  b.reset();
  EXPECT_TRUE(eventually([&] { return a.peers().empty() && a.urls().empty(); }));
  EXPECT_EQ(a.publish("x", "lost"), 0U);
  b = std::make_unique<Node>("b", routes_to({a.port()}), port);
  b->subscribe(inbox, "x");
  ASSERT_TRUE(eventually([&] { return a.remote_subscriptions() == 1; }));
  a.publish("x", "found");
  EXPECT_TRUE(eventually([&] { return inbox.count() == 1; }));
  EXPECT_THAT(a.urls(), ElementsAre("b:4222"));
}

TEST(Cluster, TheConfiguredServerMayReturn) {
  auto a = std::make_unique<Node>("a");
  int port = a->port();
  Node b("b", routes_to({port}));
  ASSERT_TRUE(eventually([&] { return b.peers()["a"] == kFull; }));
  a.reset();
  ASSERT_TRUE(eventually([&] { return b.peers().empty(); }));
  a = std::make_unique<Node>("a", config::Options{}, port);
  EXPECT_TRUE(eventually([&] { return b.peers()["a"] == kFull; }));
}

TEST(Cluster, WithoutAPoolOneConnectionServesAll) {
  config::Options plain;
  plain.cluster.pool_size = -1;
  Node a("a", plain);
  Node b("b", routes_to({a.port()}));
  Inbox inbox;
  b.subscribe(inbox, "x");
  a.subscribe(inbox, "y");
  ASSERT_TRUE(
      eventually([&] { return a.remote_subscriptions() == 1 && b.remote_subscriptions() == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_THAT(b.peers(), ElementsAre(Pair("a", 1)));
  EXPECT_THAT(a.peers(), ElementsAre(Pair("b", 1)));
  a.publish("x", "1");
  b.publish("y", "2");
  EXPECT_TRUE(eventually([&] { return inbox.count() == 2; }));
}

TEST(Cluster, PoolsOfDifferentSize) {
  config::Options large;
  large.cluster.pool_size = 5;
  Node a("a", large);
  Node b("b", routes_to({a.port()}));
  Inbox at_a, at_b;
  a.subscribe(at_a, "x");
  b.subscribe(at_b, "x");
  EXPECT_TRUE(eventually([&] { return a.peers()["b"] == 6 && b.peers()["a"] == 6; }));
  ASSERT_TRUE(
      eventually([&] { return a.remote_subscriptions() == 1 && b.remote_subscriptions() == 1; }));
  EXPECT_EQ(a.publish("x", "1"), 2U);
  EXPECT_EQ(b.publish("x", "2"), 2U);
  EXPECT_TRUE(eventually([&] { return at_a.count() == 2 && at_b.count() == 2; }));
}

TEST(Cluster, OtherClusterNamesAreRefused) {
  config::Options other;
  Node a("a");
  other.cluster.name = "other";
  other.cluster.routes = {route_to(a.port())};
  Node b("b", other);
  EXPECT_TRUE(eventually([&] {
    return b.log_lines->text().find(
               "Rejecting connection, cluster name \"test\" does not match \"other\"") !=
           std::string::npos;
  }));
  EXPECT_TRUE(a.peers().empty());
  EXPECT_TRUE(b.peers().empty());
}

TEST(Cluster, TheSameServerNameIsRefused) {
  Node a("twin");
  Node b("twin", routes_to({a.port()}));
  EXPECT_TRUE(eventually([&] {
    return b.log_lines->text().find("Remote server has a duplicate name: \"twin\"") !=
           std::string::npos;
  }));
  EXPECT_TRUE(a.peers().empty());
}

TEST(Cluster, RoutesMustLogIn) {
  config::Options secret;
  secret.cluster.authorization.user = "r";
  secret.cluster.authorization.password = "pw";
  Node a("a", secret);
  config::Options right = secret, wrong = secret;
  right.cluster.routes = {route_to(a.port(), "r", "pw")};
  wrong.cluster.routes = {route_to(a.port(), "r", "no")};
  Node b("b", right);
  Node c("c", wrong);
  EXPECT_TRUE(eventually([&] { return a.peers()["b"] == kFull; }));
  EXPECT_TRUE(
      eventually([&] { return c.log_lines->text().find("Route Error") != std::string::npos; }));
  EXPECT_FALSE(a.peers().contains("c"));
  // What gossip tells of b is dialled with our own user, which is right.
  EXPECT_THAT(c.log_lines->text(), HasSubstr("Authorization Violation"));
}

TEST(Cluster, PermissionsFilterInterest) {
  config::Options rules;
  rules.cluster.permissions.emplace();
  rules.cluster.permissions->publish.allow = {"in.>"};     // import
  rules.cluster.permissions->subscribe.allow = {"out.>"};  // export
  rules.cluster.permissions->subscribe.deny = {"out.secret"};
  Node a("a", rules);
  Node b("b", routes_to({a.port()}));
  Inbox at_a, at_b;
  a.subscribe(at_a, "in.x");
  a.subscribe(at_a, "other");
  b.subscribe(at_b, "out.*");
  b.subscribe(at_b, "out.secret");
  b.subscribe(at_b, "private");
  ASSERT_TRUE(
      eventually([&] { return a.remote_subscriptions() == 1 && b.remote_subscriptions() == 1; }));
  EXPECT_EQ(b.publish("in.x", "1"), 1U);
  EXPECT_EQ(b.publish("other", "2"), 0U);
  a.publish("out.open", "3");
  a.publish("out.secret", "4");
  EXPECT_TRUE(eventually([&] { return at_a.count() == 1 && at_b.count() == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_THAT(at_b.messages(), ElementsAre("out.open||3"));
  for (const RouteSnapshot& route : b.routes()) {
    EXPECT_THAT(route.import_allow.value(), ElementsAre("in.>"));
  }
}

TEST(Cluster, ReloadChangesTheRoutes) {
  Node a("a"), b("b");
  Node c("c", routes_to({a.port()}));
  ASSERT_TRUE(eventually([&] { return c.peers()["a"] == kFull; }));
  c.on_control([&] { c.cluster->reload(routes_to({b.port()})); });
  EXPECT_TRUE(eventually([&] { return c.peers() == std::map<std::string, int>{{"b", kFull}}; }));
  EXPECT_TRUE(eventually([&] { return a.peers().empty(); }));
  config::Options larger = routes_to({b.port()});
  larger.cluster.pool_size = 5;
  c.on_control([&] { c.cluster->reload(larger); });
  EXPECT_TRUE(eventually([&] { return c.peers() == std::map<std::string, int>{{"b", 6}}; }));
}

TEST(Cluster, LameDucksAndNewUrlsAreTold) {
  Node a("a");
  Node b("b", routes_to({a.port()}));
  ASSERT_TRUE(eventually([&] { return a.urls().size() == 1; }));
  b.on_control([&] { b.cluster->set_client_urls({"b:1", "b:2"}); });
  EXPECT_TRUE(eventually([&] { return a.urls() == std::vector<std::string>{"b:1", "b:2"}; }));
  b.on_control([&] { b.cluster->lame_duck(); });
  EXPECT_TRUE(eventually([&] { return a.urls().empty(); }));
  EXPECT_EQ(a.peers().size(), 1U);
}

// Names that were made up yield to configured and to larger ones; they begin with "dynamic" here.
TEST(Cluster, MadeUpNamesYield) {
  auto named = [](std::string name, std::initializer_list<int> ports) {
    config::Options options = routes_to(ports);
    options.cluster.name = std::move(name);
    return options;
  };
  Node a("a", named("test", {}));
  Node b("b", named("dynamic1", {a.port()}));
  EXPECT_TRUE(eventually([&] { return b.peers()["a"] == kFull; }));
  EXPECT_EQ(b.new_name(), "test");
  Node c("c", named("dynamic2", {}));
  Node d("d", named("dynamic1", {c.port()}));
  EXPECT_TRUE(eventually([&] { return c.peers()["d"] == kFull; }));
  EXPECT_EQ(d.new_name(), "dynamic2");
  EXPECT_EQ(c.new_name(), "");
}

}  // namespace
}  // namespace natrix::route
