#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/consumer_bench.h"

namespace natrix::jetstream {
namespace {

using model::PriorityPolicy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
constexpr int64_t kSecond = FakeEnvironment::kSecond;

model::ConsumerConfig grouped(PriorityPolicy policy) {
  model::ConsumerConfig config = explicit_acks();
  config.priority_policy = policy;
  config.priority_groups = {"G"};
  return config;
}

std::vector<std::string> receivers(const std::vector<Sent>& messages) {
  std::vector<std::string> to;
  for (const Sent& one : messages) to.push_back(one.to);
  return to;
}

std::string pin_of(const Sent& message) {
  size_t at = message.headers.find("Nats-Pin-Id: ");
  if (at == std::string::npos) return "";
  return message.headers.substr(at + 13, message.headers.find("\r\n", at) - at - 13);
}

TEST(PriorityGroups, WhatIsRefused) {
  ConsumerBench overflow;
  overflow.add(grouped(PriorityPolicy::kOverflow));
  auto status = [](ConsumerBench& bench, const std::string& body) {
    auto got = bench.pull(body);
    return got.empty() ? std::string() : got[0].headers;
  };
  EXPECT_EQ(status(overflow, R"({"batch":1})"),
            "NATS/1.0 400 Bad Request - Priority Group missing\r\n\r\n");
  EXPECT_EQ(status(overflow, R"({"batch":1,"group":"H"})"),
            "NATS/1.0 400 Bad Request - Invalid Priority Group\r\n\r\n");
  EXPECT_EQ(status(overflow, R"({"batch":1,"group":"G","id":"x"})"),
            "NATS/1.0 400 Bad Request - Not a Pinned Client Priority consumer\r\n\r\n");
  EXPECT_EQ(status(overflow, R"({"batch":1,"group":"G","priority":10})"),
            "NATS/1.0 400 Bad Request - Priority must be between 0 and 9\r\n\r\n");
  ConsumerBench pinned;
  pinned.add(grouped(PriorityPolicy::kPinnedClient));
  EXPECT_EQ(status(pinned, R"({"batch":1,"group":"G","min_pending":1})"),
            "NATS/1.0 400 Bad Request - Not a Overflow Priority consumer\r\n\r\n");
}

TEST(PriorityGroups, OverflowWaitsForABacklog) {
  ConsumerBench bench;
  bench.add(grouped(PriorityPolicy::kOverflow));
  EXPECT_THAT(bench.pull(R"({"batch":5,"group":"G","min_pending":3})", "reply.over"), IsEmpty());
  bench.env.client_publish("s.a", "1");
  bench.env.client_publish("s.a", "2");
  EXPECT_THAT(bench.env.take(), IsEmpty());
  bench.env.client_publish("s.a", "3");
  EXPECT_THAT(receivers(bench.env.take()), ElementsAre("reply.over"))
      << "with the third message three are pending, with the second only two";
}

TEST(PriorityGroups, OverflowByUnacknowledgedMessages) {
  ConsumerBench bench;
  bench.add(grouped(PriorityPolicy::kOverflow));
  bench.pull(R"({"batch":5,"group":"G","min_ack_pending":2})", "reply.over");
  bench.pull(R"({"batch":2,"group":"G"})", "reply.first");
  for (const char* body : {"1", "2", "3"}) bench.env.client_publish("s.a", body);
  EXPECT_THAT(receivers(bench.env.take()), ElementsAre("reply.first", "reply.first", "reply.over"));
}

TEST(PriorityGroups, PrioritizedServesTheLowestNumber) {
  ConsumerBench bench;
  bench.add(grouped(PriorityPolicy::kPrioritized));
  bench.pull(R"({"batch":2,"group":"G","priority":5})", "reply.five");
  bench.pull(R"({"batch":2,"group":"G","priority":1})", "reply.one");
  for (const char* body : {"1", "2", "3"}) bench.env.client_publish("s.a", body);
  EXPECT_THAT(receivers(bench.env.take()), ElementsAre("reply.one", "reply.one", "reply.five"));
}

TEST(PinnedClient, OneClientGetsEverything) {
  ConsumerBench bench;
  bench.fill(4);
  bench.add(grouped(PriorityPolicy::kPinnedClient));
  auto got = bench.pull(R"({"batch":1,"group":"G"})", "reply.a");
  ASSERT_THAT(receivers(got), ElementsAre("reply.a"));
  std::string pin = pin_of(got[0]);
  EXPECT_THAT(pin, SizeIs(22));
  EXPECT_THAT(bench.advisories, ElementsAre(HasSubstr("PINNED.S.c")));
  EXPECT_THAT(bench.advisories[0], HasSubstr(R"("group":"G","pinned_id":")" + pin));
  auto info = bench.one().info();
  ASSERT_THAT(info.priority_groups, SizeIs(1));
  EXPECT_EQ(info.priority_groups[0].pin_id, pin);
  EXPECT_EQ(info.priority_groups[0].pinned.nanos, bench.env.now());

  EXPECT_THAT(bench.pull(R"({"batch":1,"group":"G"})", "reply.b"), IsEmpty()) << "waits";
  got = bench.pull(R"({"batch":1,"group":"G","id":"old"})", "reply.c");
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].headers, "NATS/1.0 423 Nats-Pin-Id mismatch\r\n\r\n");
  got = bench.pull(R"({"batch":1,"group":"G","id":")" + pin + "\"}", "reply.a");
  ASSERT_THAT(receivers(got), ElementsAre("reply.a"));
  EXPECT_EQ(pin_of(got[0]), pin);
}

TEST(PinnedClient, ThePinIsLostInSilence) {
  ConsumerBench bench;
  bench.fill(3);
  model::ConsumerConfig config = grouped(PriorityPolicy::kPinnedClient);
  config.priority_timeout = 2 * kSecond;
  bench.add(config);
  std::string pin = pin_of(bench.pull(R"({"batch":1,"group":"G"})", "reply.a")[0]);
  bench.pull(R"({"batch":1,"group":"G"})", "reply.b");
  bench.env.pass(kSecond);
  EXPECT_THAT(bench.env.take(), IsEmpty());
  bench.env.pass(2 * kSecond);
  auto got = bench.env.take();
  ASSERT_THAT(receivers(got), ElementsAre("reply.b"));
  EXPECT_NE(pin_of(got[0]), pin);
  EXPECT_THAT(bench.advisories, SizeIs(3)) << "pinned, unpinned, pinned";
  EXPECT_THAT(bench.advisories[1], HasSubstr(R"(UNPINNED.S.c "stream":"S")"));
  EXPECT_THAT(bench.advisories[1], HasSubstr(R"("reason":"timeout")"));
}

TEST(PinnedClient, AWrongPinEndsARequestThatWaited) {
  ConsumerBench bench;
  bench.fill(1);
  bench.add(grouped(PriorityPolicy::kPinnedClient));
  std::string pin = pin_of(bench.pull(R"({"batch":1,"group":"G"})", "reply.a")[0]);
  bench.pull(R"({"batch":2,"group":"G","id":")" + pin + "\"}", "reply.a");
  EXPECT_FALSE(bench.one().unpin_by_request("H"));
  EXPECT_TRUE(bench.one().unpin_by_request("G"));
  EXPECT_THAT(bench.advisories.back(), HasSubstr(R"("reason":"admin")"));
  bench.pull(R"({"batch":1,"group":"G"})", "reply.b");
  bench.env.client_publish("s.a", "x");
  auto got = bench.env.take();
  ASSERT_THAT(receivers(got), ElementsAre("reply.a", "reply.b"));
  EXPECT_EQ(got[0].headers,
            "NATS/1.0 423 Nats-Wrong-Pin-Id\r\nNats-Pending-Messages: 2\r\n"
            "Nats-Pending-Bytes: 0\r\n\r\n");
}

}  // namespace
}  // namespace natrix::jetstream
