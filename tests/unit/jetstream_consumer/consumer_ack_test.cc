#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/consumer_bench.h"

namespace natrix::jetstream {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
constexpr int64_t kSecond = FakeEnvironment::kSecond;

class ConsumerAcks : public ::testing::Test, public ConsumerBench {
 protected:
  // One message handed out, its deliveries so far in the reply subject.
  Sent next() {
    auto got = pull(R"({"batch":1,"no_wait":true})");
    return got.empty() ? Sent{} : got[0];
  }
  static int deliveries(const Sent& message) {
    return message.reply.empty() ? 0 : message.reply.at(std::string("$JS.ACK.S.c.").size()) - '0';
  }
};

TEST_F(ConsumerAcks, WithoutAcknowledgementsNobodyListensForThem) {
  fill(1);
  model::ConsumerConfig config = explicit_acks();
  add(config);
  Sent message = next();
  EXPECT_EQ(env.publish({.to = message.reply}).receivers, 1u);
  config.ack_policy = model::AckPolicy::kNone;
  add(config);
  EXPECT_EQ(env.publish({.to = message.reply}).receivers, 0u);
}

TEST_F(ConsumerAcks, EveryPositiveForm) {
  fill(3);
  add(explicit_acks());
  for (const char* body : {"", "+ACK", "+OK"}) acknowledge(next(), body);
  EXPECT_EQ(state().pending_count(), 0u);
  EXPECT_EQ(state().ack_floor().stream, 3u);
}

TEST_F(ConsumerAcks, AnsweredWhenAsked) {
  fill(1);
  add(explicit_acks());
  Sent message = next();
  env.take();
  acknowledge(message, "", "reply.double");
  auto got = env.take();
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].to, "reply.double");
  EXPECT_EQ(got[0].payload, "");
}

TEST_F(ConsumerAcks, UnknownBodiesAndForeignSequencesChangeNothing) {
  fill(1);
  add(explicit_acks());
  Sent message = next();
  acknowledge(message, "what");
  env.client_publish("$JS.ACK.S.c.1.9.9.0.0", "");
  env.client_publish("$JS.ACK.S.c.x.1.1.0.0", "");
  EXPECT_EQ(state().pending_count(), 1u);
}

TEST_F(ConsumerAcks, WhatIsNotAcknowledgedComesAgain) {
  fill(1);
  model::ConsumerConfig config = explicit_acks();
  config.ack_wait = kSecond;
  add(config);
  EXPECT_EQ(deliveries(next()), 1);
  EXPECT_EQ(deliveries(next()), 0);
  env.pass(kSecond + kSecond / 10);
  EXPECT_EQ(deliveries(next()), 2);
}

TEST_F(ConsumerAcks, AClockSetBackDoesNotHoldMessagesBack) {
  fill(1);
  model::ConsumerConfig config = explicit_acks();
  config.ack_wait = 2 * kSecond;
  add(config);
  next();
  env.pass(kSecond);
  env.set_clock(-3600 * kSecond);
  EXPECT_EQ(deliveries(next()), 0);
  env.pass(3 * kSecond);
  EXPECT_EQ(deliveries(next()), 2);
}

TEST_F(ConsumerAcks, AClockSetBackWhileTheServerWasDownDoesNotEither) {
  fill(1);
  model::ConsumerConfig config = explicit_acks();
  config.ack_wait = 2 * kSecond;
  add(config);
  next();
  env.set_clock(-3600 * kSecond);
  reopen();
  env.pass(3 * kSecond);
  EXPECT_EQ(deliveries(next()), 2);
}

TEST_F(ConsumerAcks, BackoffSaysWhen) {
  fill(1);
  model::ConsumerConfig config = explicit_acks();
  config.backoff = {kSecond, 3 * kSecond};
  add(config);
  next();
  env.pass(kSecond + kSecond / 10);
  EXPECT_EQ(deliveries(next()), 2);
  env.pass(2 * kSecond);
  EXPECT_EQ(deliveries(next()), 0);
  env.pass(2 * kSecond);
  EXPECT_EQ(deliveries(next()), 3);
}

TEST_F(ConsumerAcks, InProgressBuysTime) {
  fill(1);
  model::ConsumerConfig config = explicit_acks();
  config.ack_wait = 2 * kSecond;
  add(config);
  Sent message = next();
  env.pass(kSecond);
  acknowledge(message, "+WPI");
  env.pass(kSecond + kSecond / 2);
  EXPECT_EQ(deliveries(next()), 0);
  env.pass(kSecond);
  EXPECT_EQ(deliveries(next()), 2);
}

TEST_F(ConsumerAcks, NegativeAtOnceOrLater) {
  fill(1);
  add(explicit_acks());
  acknowledge(next(), "-NAK");
  Sent again = next();
  EXPECT_EQ(deliveries(again), 2);
  EXPECT_THAT(advisories, ElementsAre(HasSubstr("MSG_NAKED.S.c")));
  acknowledge(again, R"(-NAK {"delay": 2000000000})");
  env.pass(kSecond);
  EXPECT_EQ(deliveries(next()), 0);
  env.pass(kSecond + kSecond / 10);
  again = next();
  EXPECT_EQ(deliveries(again), 3);
  acknowledge(again, "-NAK 1s");
  EXPECT_EQ(deliveries(next()), 0);
  env.pass(kSecond + kSecond / 10);
  EXPECT_EQ(deliveries(next()), 4);
}

TEST_F(ConsumerAcks, TerminationCarriesAReason) {
  fill(1);
  add(explicit_acks());
  acknowledge(next(), "+TERM too \"bad\"");
  EXPECT_EQ(state().pending_count(), 0u);
  EXPECT_THAT(advisories, ElementsAre(HasSubstr(R"("reason":"too \"bad\"")")));
}

TEST_F(ConsumerAcks, AcknowledgeAndAskForMore) {
  fill(3);
  add(explicit_acks());
  Sent message = next();
  env.take();
  acknowledge(message, "+NXT 2", "reply.more");
  EXPECT_THAT(payloads(env.take()), ElementsAre("1", "2"));
  EXPECT_EQ(state().ack_floor().stream, 1u);
}

TEST_F(ConsumerAcks, EverythingUpToHere) {
  fill(4);
  model::ConsumerConfig config = explicit_acks();
  config.ack_policy = model::AckPolicy::kAll;
  add(config);
  auto got = pull("4");
  acknowledge(got[2]);
  EXPECT_EQ(state().pending_count(), 1u);
  EXPECT_EQ(state().ack_floor().stream, 3u);
}

TEST_F(ConsumerAcks, MaxDeliverGivesUp) {
  fill(1);
  model::ConsumerConfig config = explicit_acks();
  config.max_deliver = 2;
  add(config);
  acknowledge(next(), "-NAK");
  acknowledge(next(), "-NAK");
  advisories.clear();
  EXPECT_EQ(deliveries(next()), 0);
  EXPECT_THAT(advisories, ElementsAre(HasSubstr(R"("stream_seq":1,"deliveries":2)")));
  EXPECT_EQ(stream().store().state().messages, 1u);
}

TEST_F(ConsumerAcks, TheWindowHoldsBack) {
  fill(3);
  model::ConsumerConfig config = explicit_acks();
  config.max_ack_pending = 2;
  add(config);
  auto got = pull("3");
  ASSERT_THAT(got, SizeIs(2));
  env.take();
  acknowledge(got[0]);
  EXPECT_THAT(payloads(env.take()), ElementsAre("2"));
}

TEST_F(ConsumerAcks, RemovedMessagesNeedNoAcknowledgement) {
  fill(2);
  add(explicit_acks());
  pull("2");
  ASSERT_TRUE(stream().purge({}));
  EXPECT_EQ(state().pending_count(), 0u);
}

TEST_F(ConsumerAcks, ResetStartsBehindTheFloor) {
  fill(3);
  add(explicit_acks());
  auto got = pull("2");
  acknowledge(got[0]);
  EXPECT_EQ(*one().reset(0), 2u);
  EXPECT_THAT(payloads(pull("5")), ElementsAre("1", "2"));
  EXPECT_EQ(*one().reset(1), 1u);
}

TEST(WorkQueue, ForgetsWhatIsAcknowledged) {
  model::StreamConfig config = stream_config("S", {"s.*"});
  config.retention = model::Retention::kWorkQueue;
  ConsumerBench bench(config);
  bench.fill(2);
  bench.add(explicit_acks());
  bench.acknowledge(bench.pull("1")[0]);
  EXPECT_EQ(static_cast<StreamBench&>(bench).stream().store().state().messages, 1u);
}

}  // namespace
}  // namespace natrix::jetstream
