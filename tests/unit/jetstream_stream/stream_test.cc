// The stream as a whole, on a store in memory and a fake environment.
#include "broker/jetstream/stream/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/stream_bench.h"

namespace natrix::jetstream {
namespace {

using ::testing::HasSubstr;
constexpr int64_t kSecond = FakeEnvironment::kSecond;

TEST(Stream, AnswersWithStreamAndSequence) {
  StreamBench bench(stream_config("S", {"s.>"}));
  EXPECT_EQ(bench.publish("s.a", "x"), R"({"stream":"S","seq":1})");
  EXPECT_EQ(bench.publish("s.b", "y"), R"({"stream":"S","seq":2})");
  EXPECT_EQ(bench.publish("t", "y"), "");
  EXPECT_EQ(bench.state().messages, 2u);
}

TEST(Stream, SaysNothingWithoutAcknowledgements) {
  model::StreamConfig config = stream_config("S", {"s"});
  config.no_ack = true;
  StreamBench bench(config);
  EXPECT_EQ(bench.publish("s"), "");
  EXPECT_EQ(bench.state().messages, 1u);
}

TEST(Stream, StoresDuplicatesOnceWithinTheWindow) {
  model::StreamConfig config = stream_config("S", {"s"});
  config.duplicate_window = kSecond;
  StreamBench bench(config);
  EXPECT_EQ(bench.publish("s", "1", "Nats-Msg-Id: a\r\n"), R"({"stream":"S","seq":1})");
  EXPECT_EQ(bench.publish("s", "2", "Nats-Msg-Id: a\r\n"),
            R"({"stream":"S","seq":1,"duplicate": true})");
  bench.env.pass(kSecond);
  EXPECT_EQ(bench.publish("s", "3", "Nats-Msg-Id: a\r\n"), R"({"stream":"S","seq":2})");
}

TEST(Stream, ChecksExpectations) {
  StreamBench bench(stream_config("S", {"s.*"}));
  bench.publish("s.a", "", "Nats-Msg-Id: i\r\n");
  struct Case {
    const char *headers, *error;
  };
  const Case cases[] = {
      {"Nats-Expected-Stream: T\r\n", R"("err_code":10060)"},
      {"Nats-Expected-Last-Sequence: 0\r\n", "wrong last sequence: 1"},
      {"Nats-Expected-Last-Subject-Sequence: 2\r\n", "wrong last sequence: 1"},
      {"Nats-Expected-Last-Subject-Sequence: 0\r\n"
       "Nats-Expected-Last-Subject-Sequence-Subject: s.*\r\n",
       "wrong last sequence: 1"},
      {"Nats-Expected-Last-Subject-Sequence-Subject: s.*\r\n", R"("err_code":10193)"},
      {"Nats-Expected-Last-Msg-Id: j\r\n", "wrong last msg ID: i"},
      {"Nats-Rollup: sub\r\n", "rollup not permitted"},
      {"Nats-TTL: 5s\r\n", R"("err_code":10166)"},
      {"Nats-TTL: x\r\n", R"("err_code":10165)"},
      {"Nats-Incr: 1\r\n", R"("err_code":10168)"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(bench.publish("s.a", "", c.headers), HasSubstr(c.error)) << c.headers;
  }
  EXPECT_EQ(bench.state().messages, 1u);
  EXPECT_EQ(bench.publish("s.b", "",
                          "Nats-Expected-Last-Sequence: 1\r\nNats-Expected-Stream: S\r\n"
                          "Nats-Expected-Last-Subject-Sequence: 0\r\n"
                          "Nats-Expected-Last-Msg-Id: i\r\n"),
            R"({"stream":"S","seq":2})");
}

TEST(Stream, LimitsDropTheOldest) {
  model::StreamConfig config = stream_config("S", {"s.*"});
  config.max_msgs = 3;
  config.max_msgs_per_subject = 2;
  StreamBench bench(config);
  for (const char* subject : {"s.a", "s.a", "s.a", "s.b", "s.c"}) bench.publish(subject);
  EXPECT_EQ(bench.state().messages, 3u);
  EXPECT_EQ(bench.state().first_seq, 3u);
}

TEST(Stream, DiscardNewRefuses) {
  model::StreamConfig config = stream_config("S", {"s.*"});
  config.discard = model::Discard::kNew;
  config.max_msgs = 2;
  config.max_msgs_per_subject = 1;
  StreamBench bench(config);
  bench.publish("s.a");
  bench.publish("s.b");
  EXPECT_THAT(bench.publish("s.c"), HasSubstr("maximum messages exceeded"));
  EXPECT_THAT(bench.publish("s.a"), HasSubstr(R"("seq":3)"));  // replaces
}

TEST(Stream, DiscardNewPerSubject) {
  model::StreamConfig config = stream_config("S", {"s.*"});
  config.discard = model::Discard::kNew;
  config.max_msgs_per_subject = 1;
  config.discard_new_per_subject = true;
  StreamBench bench(config);
  bench.publish("s.a");
  EXPECT_THAT(bench.publish("s.a"), HasSubstr("maximum messages per subject exceeded"));
}

TEST(Stream, RefusesWhatIsTooLargeOrOverTheLimitOfTheServer) {
  model::StreamConfig config = stream_config("S", {"s"});
  config.max_msg_size = 3;
  StreamBench bench(config);
  EXPECT_THAT(bench.publish("s", "1234"), HasSubstr(R"("err_code":10054)"));
  bench.usage.max_memory = 10;
  EXPECT_THAT(bench.publish("s", "123"), HasSubstr(R"("err_code":10002)"));
}

TEST(Stream, AgeRemoves) {
  model::StreamConfig config = stream_config("S", {"s"});
  config.max_age = 2 * kSecond;
  StreamBench bench(config);
  bench.publish("s");
  bench.env.pass(kSecond);
  bench.publish("s");
  bench.env.pass(kSecond);
  EXPECT_EQ(bench.state().messages, 1u);
  bench.env.pass(kSecond);
  EXPECT_EQ(bench.state().messages, 0u);
}

TEST(Stream, TimeToLiveAndMarkers) {
  model::StreamConfig config = stream_config("S", {"s.*"});
  config.allow_msg_ttl = true;
  config.subject_delete_marker_ttl = 2 * kSecond;
  StreamBench bench(config);
  bench.publish("s.a", "x", "Nats-TTL: 2s\r\n");
  bench.env.pass(2 * kSecond);
  ASSERT_EQ(bench.state().messages, 1u);
  auto marker = bench.stream().store().load(2);
  ASSERT_TRUE(marker);
  EXPECT_EQ(marker->subject, "s.a");
  EXPECT_EQ(stream::find_header(marker->headers, "Nats-Marker-Reason"), "MaxAge");
  bench.env.pass(2 * kSecond);
  EXPECT_EQ(bench.state().messages, 0u);
  EXPECT_EQ(bench.state().last_seq, 2u);  // markers leave no markers
}

TEST(Stream, APurgedKeyLeavesNoMarkerBesidesItsOwn) {
  model::StreamConfig config = stream_config("S", {"s.*"});
  config.allow_msg_ttl = true;
  config.subject_delete_marker_ttl = kSecond;
  StreamBench bench(config);
  bench.publish("s.purged", "", "KV-Operation: PURGE\r\nNats-Rollup: sub\r\nNats-TTL: 2s\r\n");
  bench.publish("s.deleted", "", "KV-Operation: DEL\r\nNats-TTL: 2s\r\n");
  bench.env.pass(2 * kSecond);
  ASSERT_EQ(bench.state().messages, 1u);
  auto marker = bench.stream().store().load(3);
  ASSERT_TRUE(marker);
  EXPECT_EQ(marker->subject, "s.deleted");
}

TEST(Stream, RollupRemovesWhatCameBefore) {
  model::StreamConfig config = stream_config("S", {"s.*"});
  config.allow_rollup = true;
  StreamBench bench(config);
  for (const char* subject : {"s.a", "s.a", "s.b"}) bench.publish(subject);
  bench.publish("s.a", "", "Nats-Rollup: sub\r\n");
  EXPECT_EQ(bench.state().messages, 2u);
  bench.publish("s.b", "", "Nats-Rollup: all\r\n");
  EXPECT_EQ(bench.state().messages, 1u);
}

TEST(Stream, InterestStreamsKeepNothingThatNobodyWants) {
  model::StreamConfig config = stream_config("S", {"s"});
  config.retention = model::Retention::kInterest;
  StreamBench bench(config);
  EXPECT_EQ(bench.publish("s"), R"({"stream":"S","seq":1})");
  EXPECT_EQ(bench.state().messages, 0u);
  EXPECT_EQ(bench.state().last_seq, 1u);
}

TEST(Stream, SealedStreamsTakeAndGiveNothing) {
  StreamBench bench(stream_config("S", {"s"}));
  bench.publish("s");
  model::StreamConfig sealed = bench.stream().config();
  sealed.sealed = true;
  ASSERT_TRUE(bench.stream().update(*model::check_stream_update(bench.stream().config(), sealed)));
  EXPECT_THAT(bench.publish("s"), HasSubstr(R"("err_code":10109)"));
  EXPECT_FALSE(bench.stream().purge({}));
  EXPECT_FALSE(bench.stream().erase({1, false}));
}

TEST(Stream, UpdatesApplyToWhatIsThere) {
  StreamBench bench(stream_config("S", {"s.*"}));
  for (int i = 0; i < 5; ++i) bench.publish("s.a");
  model::StreamConfig config = bench.stream().config();
  config.max_msgs_per_subject = 2;
  config.subjects = {"t"};
  ASSERT_TRUE(bench.stream().update(config));
  EXPECT_EQ(bench.state().messages, 2u);
  EXPECT_EQ(bench.publish("s.a"), "");
  EXPECT_THAT(bench.publish("t"), HasSubstr(R"("seq":6)"));
}

TEST(Stream, DirectGet) {
  model::StreamConfig config = stream_config("S", {"s.*"});
  config.allow_direct = true;
  StreamBench bench(config);
  bench.publish("s.a", "one");
  auto ask = [&bench](const std::string& subject, const std::string& body) {
    bench.env.take();
    bench.env.client_publish("$JS.API.DIRECT.GET." + subject, body, "reply.get");
    return bench.env.take();
  };
  auto got = ask("S.s.a", "");
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].payload, "one");
  EXPECT_EQ(stream::find_header(got[0].headers, "Nats-Sequence"), "1");
  EXPECT_EQ(ask("S", "")[0].headers, "NATS/1.0 408 Empty Request\r\n\r\n");
  EXPECT_EQ(ask("S", "{")[0].headers, "NATS/1.0 408 Malformed Request\r\n\r\n");
  EXPECT_EQ(ask("S", R"({"seq":1,"last_by_subj":"s.a"})")[0].headers,
            "NATS/1.0 408 Bad Request\r\n\r\n");
  EXPECT_EQ(ask("S", R"({"seq":7})")[0].headers, "NATS/1.0 404 Message Not Found\r\n\r\n");
  EXPECT_EQ(ask("S", R"({"multi_last":["t"]})")[0].headers, "NATS/1.0 404 No Results\r\n\r\n");
}

TEST(Stream, CountsWhatItUses) {
  StreamBench bench(stream_config("S", {"s"}));
  bench.publish("s", "12345");
  EXPECT_EQ(bench.usage.memory_bytes, static_cast<int64_t>(bench.state().bytes));
  ASSERT_TRUE(bench.stream().purge({}));
  EXPECT_EQ(bench.usage.memory_bytes, 0);
}

}  // namespace
}  // namespace natrix::jetstream
