#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/consumer_bench.h"

namespace natrix::jetstream {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
constexpr int64_t kSecond = FakeEnvironment::kSecond;

model::ConsumerConfig pushing() {
  model::ConsumerConfig config;
  config.durable = "c";
  config.deliver_subject = "d.x";
  return config;
}

TEST(PushConsumer, DeliversWhenSomebodyListens) {
  ConsumerBench bench;
  bench.fill(2);
  bench.add(pushing());
  EXPECT_FALSE(bench.one().info().push_bound);
  EXPECT_THAT(bench.env.take(), SizeIs(0));
  bench.env.hear("d.x");
  bench.one().check_interest();
  bench.env.settle();
  EXPECT_TRUE(bench.one().info().push_bound);
  auto got = bench.env.take();
  EXPECT_THAT(payloads(got), ElementsAre("0", "1"));
  EXPECT_EQ(got[0].to, "d.x");
  EXPECT_EQ(got[0].subject, "s.a");
}

TEST(PushConsumer, HeartbeatsWhenIdle) {
  ConsumerBench bench;
  bench.env.hear("d.x");
  model::ConsumerConfig config = pushing();
  config.heartbeat = kSecond;
  bench.add(config);
  bench.env.pass(kSecond / 2);
  bench.fill(0);
  bench.env.client_publish("s.a", "x");
  bench.env.pass(kSecond / 2);
  EXPECT_THAT(payloads(bench.env.take()), ElementsAre("x"));
  bench.env.pass(kSecond / 2);
  auto got = bench.env.take();
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].headers,
            "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 1\r\n\r\n");
}

TEST(PushConsumer, FlowControlAsksAndWaits) {
  ConsumerBench bench;
  bench.env.hear("d.x");
  model::ConsumerConfig config = pushing();
  config.heartbeat = 5 * kSecond;
  config.flow_control = true;
  bench.add(config);
  std::string large(512 * 1024, 'x');
  for (int i = 0; i < 8; ++i) bench.env.client_publish("s.a", large);
  std::string question;
  size_t messages = 0;
  for (const Sent& one : bench.env.take()) {
    if (one.headers == "NATS/1.0 100 FlowControl Request\r\n\r\n") {
      question = one.reply;
    } else {
      ++messages;
    }
  }
  ASSERT_FALSE(question.empty());
  EXPECT_LT(messages, 8u);
  bench.env.pass(5 * kSecond);
  auto beat = bench.env.take();
  ASSERT_THAT(beat, SizeIs(1));
  EXPECT_EQ(stream::find_header(beat[0].headers, "Nats-Consumer-Stalled"), question);
  while (messages < 8) {
    bench.env.client_publish(question, "");
    size_t before = messages;
    for (const Sent& one : bench.env.take()) {
      if (one.headers == "NATS/1.0 100 FlowControl Request\r\n\r\n") {
        question = one.reply;
      } else {
        ++messages;
      }
    }
    ASSERT_GT(messages, before);
  }
}

TEST(PushConsumer, RateLimitSpreadsDeliveries) {
  ConsumerBench bench;
  bench.env.hear("d.x");
  model::ConsumerConfig config = pushing();
  config.rate_limit_bps = 8 * 1000;
  bench.add(config);
  for (int i = 0; i < 4; ++i) bench.env.client_publish("s.a", std::string(900, 'x'));
  EXPECT_THAT(bench.env.take(), SizeIs(1));
  bench.env.pass(10 * kSecond);
  EXPECT_THAT(bench.env.take(), SizeIs(3));
}

TEST(PushConsumer, ReplayKeepsTheOriginalPace) {
  ConsumerBench bench;
  bench.env.hear("d.x");
  for (const char* body : {"1", "2"}) {
    bench.publish("s.a", body);
    bench.env.pass(2 * kSecond);
  }
  bench.env.take();
  model::ConsumerConfig config = pushing();
  config.replay_policy = model::ReplayPolicy::kOriginal;
  bench.add(config);
  EXPECT_THAT(payloads(bench.env.take()), ElementsAre("1"));
  bench.env.pass(kSecond);
  EXPECT_THAT(bench.env.take(), SizeIs(0));
  bench.env.pass(kSecond);
  EXPECT_THAT(payloads(bench.env.take()), ElementsAre("2"));
}

TEST(PushConsumer, WaitsForReceiversThatFallBehind) {
  ConsumerBench bench;
  bench.env.hear("d.x");
  bench.add(pushing());
  bench.env.congested = true;
  for (int i = 0; i < 3; ++i) bench.env.client_publish("s.a", "x");
  EXPECT_THAT(bench.env.take(), SizeIs(1));
  bench.env.congested = false;
  bench.env.pass(kSecond);
  EXPECT_THAT(bench.env.take(), SizeIs(2));
}

TEST(PushConsumer, ABoundEphemeralStaysAndAnUnboundOneGoes) {
  ConsumerBench bench;
  bench.env.hear("d.x");
  model::ConsumerConfig config = pushing();
  config.durable.clear();
  config.inactive_threshold = kSecond;
  bench.add(config);
  bench.env.pass(5 * kSecond);
  EXPECT_EQ(bench.retired, 0);
  bench.env.stop_hearing("d.x");
  bench.one().check_interest();
  bench.env.pass(kSecond);
  EXPECT_EQ(bench.retired, 1);
}

}  // namespace
}  // namespace natrix::jetstream
