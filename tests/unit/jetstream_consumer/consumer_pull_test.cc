#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/consumer_bench.h"

namespace natrix::jetstream {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
constexpr int64_t kSecond = FakeEnvironment::kSecond;

TEST(PullConsumer, DeliversABatchWithMetadata) {
  ConsumerBench bench;
  bench.fill(3);
  bench.add(explicit_acks());
  auto got = bench.pull("2");
  ASSERT_THAT(payloads(got), ElementsAre("0", "1"));
  EXPECT_EQ(got[0].subject, "s.a");
  EXPECT_EQ(got[0].reply, fmt::format("$JS.ACK.S.c.1.1.1.{}.2", bench.env.now()));
  EXPECT_EQ(got[1].reply, fmt::format("$JS.ACK.S.c.1.2.2.{}.1", bench.env.now()));
  EXPECT_EQ(bench.state().pending_count(), 2u);
}

TEST(PullConsumer, ARequestWaitsForMessages) {
  ConsumerBench bench;
  bench.add(explicit_acks());
  EXPECT_THAT(bench.pull("1"), SizeIs(0));
  bench.env.client_publish("s.a", "x");
  EXPECT_THAT(payloads(bench.env.take()), ElementsAre("x"));
}

TEST(PullConsumer, RequestsAreServedInTurn) {
  ConsumerBench bench;
  bench.add(explicit_acks());
  bench.pull("2", "reply.one");
  bench.pull("2", "reply.two");
  bench.fill(0);
  for (int i = 0; i < 4; ++i) bench.env.client_publish("s.a", "x");
  std::vector<std::string> to;
  for (const Sent& one : bench.env.take()) to.push_back(one.to);
  EXPECT_THAT(to, ElementsAre("reply.one", "reply.two", "reply.one", "reply.two"));
}

TEST(PullConsumer, Statuses) {
  ConsumerBench bench;
  model::ConsumerConfig config = explicit_acks();
  config.max_batch = 10;
  config.max_expires = 5 * kSecond;
  config.max_bytes = 100;
  config.max_waiting = 1;
  bench.add(config);
  auto status = [&bench](const std::string& body) {
    auto got = bench.pull(body);
    return got.empty() ? std::string() : got[0].headers;
  };
  EXPECT_EQ(status(R"({"batch":1,"no_wait":true})"), "NATS/1.0 404 No Messages\r\n\r\n");
  EXPECT_EQ(status(R"({"batch":11})"), "NATS/1.0 409 Exceeded MaxRequestBatch of 10\r\n\r\n");
  EXPECT_EQ(status(R"({"batch":1,"expires":6000000000})"),
            "NATS/1.0 409 Exceeded MaxRequestExpires of 5s\r\n\r\n");
  EXPECT_EQ(status(R"({"batch":1,"max_bytes":101})"),
            "NATS/1.0 409 Exceeded MaxRequestMaxBytes of 100\r\n\r\n");
  EXPECT_EQ(status(R"({"batch":1,"id":"x"})"),
            "NATS/1.0 400 Bad Request - Not a Pinned Client Priority consumer\r\n\r\n");
  EXPECT_EQ(status("1"), "");
  EXPECT_EQ(status("1"), "NATS/1.0 409 Exceeded MaxWaiting\r\n\r\n");
}

// A no_wait request whose consumer has too much unacknowledged ends at the next look at the clock.
TEST(PullConsumer, NoWaitEndsWhenMaxAckPendingStallsIt) {
  ConsumerBench bench;
  model::ConsumerConfig config = explicit_acks();
  config.max_ack_pending = 2;
  bench.fill(3);
  bench.add(config);
  const std::string wait = R"("batch":5,"expires":10000000000,"idle_heartbeat":1000000000)";
  EXPECT_THAT(payloads(bench.pull("{" + wait + R"(,"no_wait":true})")), ElementsAre("0", "1"));
  bench.env.pass(kSecond);
  auto got = bench.env.take();
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].headers, "NATS/1.0 404 No Messages\r\n\r\n");
  // One that waits goes on waiting.
  EXPECT_THAT(bench.pull("{" + wait + "}"), SizeIs(0));
  bench.env.pass(kSecond);
  got = bench.env.take();
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_THAT(got[0].headers, ::testing::StartsWith("NATS/1.0 100 Idle Heartbeat"));
}

TEST(PullConsumer, RequestsExpire) {
  ConsumerBench bench;
  bench.add(explicit_acks());
  bench.pull(R"({"batch":3,"expires":1000000000})");
  bench.env.client_publish("s.a", "x");
  bench.env.take();
  bench.env.pass(kSecond);
  auto got = bench.env.take();
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].headers,
            "NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 2\r\nNats-Pending-Bytes: "
            "0\r\n\r\n");
}

TEST(PullConsumer, HeartbeatsWhileWaiting) {
  ConsumerBench bench;
  bench.add(explicit_acks());
  bench.pull(R"({"batch":1,"expires":10000000000,"idle_heartbeat":1000000000})");
  bench.env.pass(3 * kSecond);
  auto got = bench.env.take();
  ASSERT_THAT(got, SizeIs(3));
  EXPECT_EQ(got[0].headers,
            "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 0\r\nNats-Last-Stream: 0\r\n\r\n");
}

TEST(PullConsumer, MaxBytesEndsTheRequest) {
  ConsumerBench bench;
  bench.fill(2);
  bench.add(explicit_acks());
  auto got = bench.pull(R"({"batch":2,"max_bytes":10})");
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].headers,
            "NATS/1.0 409 Message Size Exceeds MaxBytes\r\nNats-Pending-Messages: "
            "2\r\nNats-Pending-Bytes: 10\r\n\r\n");
}

TEST(PullConsumer, ARequestWithoutAListenerIsDropped) {
  ConsumerBench bench;
  bench.add(explicit_acks());
  bench.pull("1", "nobody");
  bench.pull("1");
  bench.env.client_publish("s.a", "x");
  auto got = bench.env.take();
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].to, "reply.pull");
}

TEST(PullConsumer, FiltersAndCountsWhatIsPending) {
  ConsumerBench bench;
  for (const char* subject : {"s.a", "s.b", "s.a", "s.c"}) bench.publish(subject, subject);
  model::ConsumerConfig config = explicit_acks();
  config.filter_subjects = {"s.a", "s.c"};
  bench.add(config);
  EXPECT_EQ(bench.one().info().pending, 3u);
  EXPECT_THAT(payloads(bench.pull("1")), ElementsAre("s.a"));
  bench.publish("s.b");
  bench.publish("s.c", "new");
  EXPECT_EQ(bench.one().info().pending, 3u);
  ASSERT_TRUE(bench.stream().erase({3, true}));
  EXPECT_EQ(bench.one().info().pending, 2u);
  EXPECT_THAT(payloads(bench.pull("5")), ElementsAre("s.c", "new"));
}

TEST(PullConsumer, DeliverPolicies) {
  auto first = [](auto change) {
    ConsumerBench bench;
    for (const char* subject : {"s.a", "s.b", "s.a"}) {
      bench.publish(subject, std::to_string(bench.stream().store().state().last_seq + 1));
      bench.env.pass(kSecond);
    }
    model::ConsumerConfig config = explicit_acks();
    change(config, bench);
    bench.add(config);
    bench.publish("s.b", "4");
    return payloads(bench.pull("10"));
  };
  using model::DeliverPolicy;
  EXPECT_THAT(first([](auto&, auto&) {}), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(first([](auto& c, auto&) { c.deliver_policy = DeliverPolicy::kLast; }),
              ElementsAre("3", "4"));
  EXPECT_THAT(first([](auto& c, auto&) { c.deliver_policy = DeliverPolicy::kNew; }),
              ElementsAre("4"));
  EXPECT_THAT(first([](auto& c, auto&) {
                c.deliver_policy = DeliverPolicy::kByStartSequence;
                c.start_seq = 2;
              }),
              ElementsAre("2", "3", "4"));
  EXPECT_THAT(first([](auto& c, auto& bench) {
                c.deliver_policy = DeliverPolicy::kByStartTime;
                c.start_time = model::Time{bench.env.now() - kSecond};
              }),
              ElementsAre("3", "4"));
  EXPECT_THAT(first([](auto& c, auto&) {
                c.deliver_policy = DeliverPolicy::kLastPerSubject;
                c.filter_subject = "s.*";
              }),
              ElementsAre("2", "3", "4"));
}

TEST(PullConsumer, PausedConsumersWait) {
  ConsumerBench bench;
  bench.fill(1);
  bench.add(explicit_acks());
  EXPECT_EQ(bench.one().pause(model::Time{bench.env.now() + kSecond}), kSecond);
  EXPECT_THAT(bench.pull("1"), SizeIs(0));
  bench.env.pass(kSecond);
  EXPECT_THAT(payloads(bench.env.take()), ElementsAre("0"));
}

TEST(PullConsumer, HeadersOnly) {
  ConsumerBench bench;
  bench.publish("s.a", "12345");
  model::ConsumerConfig config = explicit_acks();
  config.headers_only = true;
  bench.add(config);
  auto got = bench.pull("1");
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].payload, "");
  EXPECT_EQ(got[0].headers, "NATS/1.0\r\nNats-Msg-Size: 5\r\n\r\n");
}

TEST(PullConsumer, IdleEphemeralsAreRetired) {
  ConsumerBench bench;
  model::ConsumerConfig config;
  config.ack_policy = model::AckPolicy::kExplicit;
  config.inactive_threshold = kSecond;
  bench.add(config);
  bench.env.pass(kSecond / 2);
  bench.pull(R"({"batch":1,"expires":1000000000})");
  bench.env.pass(kSecond);
  EXPECT_EQ(bench.retired, 0);
  bench.env.pass(5 * kSecond);
  EXPECT_GT(bench.retired, 0);
}

TEST(PullConsumer, TellsWaitingRequestsWhenItIsDeleted) {
  ConsumerBench bench;
  bench.add(explicit_acks());
  bench.pull("1");
  bench.one().close(consumer::Consumer::End::kDeleted);
  auto got = bench.env.take();
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_TRUE(got[0].headers.starts_with("NATS/1.0 409 Consumer Deleted\r\n"));
}

}  // namespace
}  // namespace natrix::jetstream
