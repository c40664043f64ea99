// Streams with scheduled messages: what they make and when, how schedules end, what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/jetstream/model/time.h"
#include "broker/jetstream/stream/schedule_index.h"
#include "tests/support/stream_bench.h"

namespace natrix::jetstream {
namespace {

using stream::find_header;
using ::testing::HasSubstr;
constexpr int64_t kSecond = FakeEnvironment::kSecond;

model::StreamConfig schedules() {
  model::StreamConfig config = stream_config("S", {"s.>"});
  config.allow_msg_schedules = true;
  config.allow_msg_ttl = true;
  return config;
}

std::string at(StreamBench& bench, int64_t seconds) {
  return "Nats-Schedule: @at " + model::format_time({bench.env.now() + seconds * kSecond}) + "\r\n";
}

storage::StoredMessage last(StreamBench& bench, const std::string& subject) {
  auto message = bench.stream().store().load_last(storage::Filter(subject));
  EXPECT_TRUE(message) << subject;
  return message ? *message : storage::StoredMessage{};
}

TEST(ScheduleStream, OnceMeansOnce) {
  StreamBench bench(schedules());
  EXPECT_THAT(bench.publish("s.plan", "body",
                            at(bench, 5) + "Nats-Schedule-Target: s.out\r\nK: v\r\n"
                                           "Nats-Schedule-TTL: 60s\r\nNats-Msg-Id: i\r\n"),
              HasSubstr(R"("seq":1)"));
  EXPECT_EQ(find_header(last(bench, "s.plan").headers, "Nats-Rollup"), "sub");
  bench.env.pass(5 * kSecond - 1);
  EXPECT_EQ(bench.state().messages, 1u);
  bench.env.pass(1);
  EXPECT_EQ(bench.state().messages, 1u);  // the schedule has gone
  EXPECT_EQ(bench.state().last_seq, 2u);
  storage::StoredMessage made = last(bench, "s.out");
  EXPECT_EQ(made.payload, "body");
  EXPECT_EQ(made.headers,
            "NATS/1.0\r\nK: v\r\nNats-Scheduler: s.plan\r\nNats-Schedule-Next: purge\r\n"
            "Nats-TTL: 60s\r\n\r\n");
  EXPECT_EQ(made.expires, made.time + 60 * kSecond);
  bench.env.pass(30 * kSecond);
  EXPECT_EQ(bench.state().last_seq, 2u);
}

TEST(ScheduleStream, RepeatsUntilItIsRemoved) {
  StreamBench bench(schedules());
  bench.publish("s.plan", "tick",
                "Nats-Schedule: @every 10s\r\nNats-Schedule-Target: s.out\r\n"
                "Nats-Schedule-Rollup: sub\r\n");
  bench.env.pass(35 * kSecond);
  EXPECT_EQ(bench.state().last_seq, 4u);
  EXPECT_EQ(bench.state().messages, 2u);  // the schedule and, rolled up, the last that it made
  EXPECT_EQ(find_header(last(bench, "s.out").headers, "Nats-Schedule-Next"),
            model::format_time({bench.env.now() + 5 * kSecond}));
  model::PurgeRequest purge;
  purge.filter = "s.plan";
  ASSERT_TRUE(bench.stream().purge(purge));
  bench.env.pass(30 * kSecond);
  EXPECT_EQ(bench.state().last_seq, 4u);
}

TEST(ScheduleStream, AnotherMessageOnItsSubjectEndsOrReplacesASchedule) {
  StreamBench bench(schedules());
  bench.publish("s.plan", "", at(bench, 5) + "Nats-Schedule-Target: s.one\r\n");
  bench.publish("s.plan", "", at(bench, 5) + "Nats-Schedule-Target: s.two\r\n");
  bench.env.pass(5 * kSecond);
  EXPECT_EQ(bench.stream().store().subject("s.one").messages, 0u);
  EXPECT_EQ(bench.stream().store().subject("s.two").messages, 1u);
  bench.publish("s.plan", "", at(bench, 5) + "Nats-Schedule-Target: s.three\r\n");
  bench.publish("s.plan", "no schedule");
  bench.env.pass(5 * kSecond);
  EXPECT_EQ(bench.stream().store().subject("s.three").messages, 0u);
}

TEST(ScheduleStream, AClientEndsASchedule) {
  StreamBench bench(schedules());
  bench.publish("s.plan", "", at(bench, 5) + "Nats-Schedule-Target: s.out\r\n");
  EXPECT_THAT(
      bench.publish("s.stop", "", "Nats-Scheduler: s.plan\r\nNats-Schedule-Next: purge\r\n"),
      HasSubstr(R"("seq":2)"));
  EXPECT_EQ(bench.stream().store().subject("s.plan").messages, 0u);
  bench.env.pass(10 * kSecond);
  EXPECT_EQ(bench.state().last_seq, 2u);
  bench.publish("s.data", "x");
  EXPECT_THAT(
      bench.publish("s.stop", "", "Nats-Scheduler: s.data\r\nNats-Schedule-Next: purge\r\n"),
      HasSubstr(R"("err_code":10212)"));
}

TEST(ScheduleStream, TakesTheBodyFromItsSource) {
  StreamBench bench(schedules());
  std::string plan =
      "Nats-Schedule: @every 10s\r\nNats-Schedule-Target: s.out\r\n"
      "Nats-Schedule-Source: s.in\r\n";
  bench.publish("s.plan", "own", plan);
  bench.env.pass(10 * kSecond);
  EXPECT_EQ(last(bench, "s.out").payload, "own");
  bench.publish("s.in", "theirs", "From: there\r\n");
  bench.env.pass(10 * kSecond);
  EXPECT_EQ(last(bench, "s.out").payload, "theirs");
  EXPECT_EQ(find_header(last(bench, "s.out").headers, "From"), "there");
}

TEST(ScheduleStream, TriesAgainWhatCouldNotBeStored) {
  StreamBench bench(schedules());
  bench.publish("s.plan", "", at(bench, 5) + "Nats-Schedule-Target: s.out\r\n");
  bench.usage.max_memory = 1;
  bench.env.pass(20 * kSecond);
  EXPECT_EQ(bench.state().last_seq, 1u);
  bench.usage.max_memory = -1;
  bench.env.pass(kSecond);
  EXPECT_EQ(bench.stream().store().subject("s.out").messages, 1u);
}

TEST(ScheduleStream, RefusesWhatCannotBeDone) {
  StreamBench bench(schedules());
  std::string every = "Nats-Schedule: @every 10s\r\n", out = "Nats-Schedule-Target: s.out\r\n";
  const std::pair<std::string, int> cases[] = {
      {"Nats-Schedule: @sometimes\r\n" + out, 10189},
      {"Nats-Schedule: @every 10ms\r\n" + out, 10189},
      {every, 10190},
      {every + "Nats-Schedule-Target: s.plan\r\n", 10190},
      {every + "Nats-Schedule-Target: t.out\r\n", 10190},
      {every + "Nats-Schedule-Target: s.*\r\n", 10190},
      {every + out + "Nats-Schedule-TTL: x\r\n", 10191},
      {every + out + "Nats-Schedule-Rollup: all\r\n", 10192},
      {every + out + "Nats-Rollup: all\r\n", 10192},
      {every + out + "Nats-Schedule-Source: s.out\r\n", 10203},
      {every + out + "Nats-Schedule-Source: t.in\r\n", 10203},
      {every + out + "Nats-Schedule-Time-Zone: UTC\r\n", 10189},
      {"Nats-Schedule: @daily\r\nNats-Schedule-Time-Zone: Mars/Olympus\r\n" + out, 10223},
      {"Nats-Schedule: @daily\r\nNats-Schedule-Time-Zone: \r\n" + out, 10223},
      {"Nats-Scheduler: s.x\r\n", 10212},
      {"Nats-Scheduler: s.x\r\nNats-Schedule-Next: 2030-01-01T00:00:00Z\r\n", 10212},
      {"Nats-Scheduler: s.plan\r\nNats-Schedule-Next: purge\r\n", 10212},
  };
  for (const auto& [headers, code] : cases) {
    EXPECT_THAT(bench.publish("s.plan", "", headers),
                HasSubstr("\"err_code\":" + std::to_string(code)))
        << headers;
  }
  EXPECT_EQ(bench.state().last_seq, 0u);
}

TEST(ScheduleIndex, KeepsOnePerSubjectInOrder) {
  stream::ScheduleIndex index;
  index.set("a", 1, 30);
  index.set("b", 2, 20);
  index.set("a", 3, 10);
  ASSERT_TRUE(index.first());
  EXPECT_EQ(index.first()->seq, 3u);
  index.hold("a");
  EXPECT_EQ(index.first()->subject, "b");
  index.postpone("a", 15);
  EXPECT_EQ(index.first()->subject, "a");
  index.forget(3);
  index.forget(1);
  EXPECT_EQ(index.size(), 1u);
  index.forget_range(1, 2, [](storage::Seq) { return true; });
  EXPECT_EQ(index.seq_of("b"), 2u);
  index.forget_range(1, 2, [](storage::Seq) { return false; });
  EXPECT_TRUE(index.empty());
  EXPECT_FALSE(index.first());
}

}  // namespace
}  // namespace natrix::jetstream
