// Streams of counters: what is stored for an increment, and what may not come with one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/stream_bench.h"

namespace natrix::jetstream {
namespace {

using ::testing::HasSubstr;

model::StreamConfig counters() {
  model::StreamConfig config = stream_config("C", {"c.>"});
  config.allow_msg_counter = true;
  return config;
}

TEST(CounterStream, AddsUpPerSubject) {
  StreamBench bench(counters());
  EXPECT_EQ(bench.publish("c.a", "", "Nats-Incr: 1\r\n"), R"({"stream":"C","seq":1,"val":"1"})");
  EXPECT_EQ(bench.publish("c.a", "", "Nats-Incr: +99999999999999999999\r\n"),
            R"({"stream":"C","seq":2,"val":"100000000000000000000"})");
  EXPECT_EQ(bench.publish("c.b", "", "Nats-Incr: -5\r\n"), R"({"stream":"C","seq":3,"val":"-5"})");
  EXPECT_EQ(bench.publish("c.a", "", "Nats-Incr: 0\r\n"),
            R"({"stream":"C","seq":4,"val":"100000000000000000000"})");
  auto stored = bench.stream().store().load(2);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->payload, R"({"val":"100000000000000000000"})");
  EXPECT_EQ(stream::find_header(stored->headers, "Nats-Incr"), "+99999999999999999999");
}

TEST(CounterStream, RefusesWhatIsNoIncrement) {
  StreamBench bench(counters());
  struct Case {
    const char *payload, *headers;
    int code;
  };
  const Case cases[] = {
      {"", "", 10169},
      {"", "Other: x\r\n", 10169},
      {"x", "Nats-Incr: 1\r\n", 10170},
      {"", "Nats-Incr: one\r\n", 10171},
      {"", "Nats-Incr: 1\r\nNats-Rollup: sub\r\n", 10171},
      {"", "Nats-Incr: 1\r\nNats-Expected-Stream: C\r\n", 10171},
      {"", "Nats-Incr: 1\r\nNats-Expected-Last-Sequence: 0\r\n", 10171},
      {"", "Nats-Incr: 1\r\nNats-Expected-Last-Subject-Sequence: 0\r\n", 10171},
      {"", "Nats-Incr: 1\r\nNats-Expected-Last-Msg-Id: x\r\n", 10171},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(bench.publish("c.a", c.payload, c.headers),
                HasSubstr("\"err_code\":" + std::to_string(c.code)))
        << c.headers;
  }
  EXPECT_EQ(bench.state().last_seq, 0u);
}

TEST(CounterStream, AddsAnIncrementWithAKnownIdOnce) {
  StreamBench bench(counters());
  bench.publish("c.a", "", "Nats-Incr: 2\r\nNats-Msg-Id: i\r\n");
  EXPECT_EQ(bench.publish("c.a", "", "Nats-Incr: 2\r\nNats-Msg-Id: i\r\n"),
            R"({"stream":"C","seq":1,"duplicate": true})");
  EXPECT_THAT(bench.publish("c.a", "", "Nats-Incr: 2\r\n"), HasSubstr(R"("val":"4")"));
}

TEST(CounterStream, CountsTheRewrittenMessageAgainstTheLargestSize) {
  model::StreamConfig config = counters();
  config.max_msg_size = 45;
  StreamBench bench(config);
  EXPECT_THAT(bench.publish("c.a", "", "Nats-Incr: 1\r\n"), HasSubstr(R"("val":"1")"));
  EXPECT_THAT(bench.publish("c.a", "", "Nats-Incr: 12345678901\r\n"),
              HasSubstr(R"("err_code":10054)"));
}

TEST(Stream, RefusesAHigherLevelAndDoesNotKeepTheRequirement) {
  StreamBench bench(stream_config("S", {"s"}));
  EXPECT_THAT(bench.publish("s", "", "Nats-Required-Api-Level: 99\r\n"),
              HasSubstr(R"("err_code":10185)"));
  EXPECT_THAT(bench.publish("s", "", "Nats-Required-Api-Level: 1\r\nK: v\r\n"),
              HasSubstr(R"("seq":1)"));
  EXPECT_EQ(bench.stream().store().load(1)->headers, "NATS/1.0\r\nK: v\r\n\r\n");
}

TEST(Stream, LetsNoMessageGoBeforeTheMarkerOfItsPredecessor) {
  model::StreamConfig config = stream_config("S", {"s.*"});
  config.subject_delete_marker_ttl = 60 * FakeEnvironment::kSecond;
  StreamBench bench(config);
  bench.publish("s.a", "", "Nats-TTL: 5s\r\n");
  EXPECT_EQ(stream::find_header(bench.stream().store().load(1)->headers, "Nats-TTL"), "60");
  bench.publish("s.a", "", "Nats-TTL: 90s\r\n");
  EXPECT_EQ(stream::find_header(bench.stream().store().load(2)->headers, "Nats-TTL"), "90s");
}

}  // namespace
}  // namespace natrix::jetstream
