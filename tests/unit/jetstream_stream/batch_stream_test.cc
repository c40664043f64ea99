// Atomic batches: all or nothing, what each message is checked against, and every way to fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/stream_bench.h"

namespace natrix::jetstream {
namespace {

using ::testing::HasSubstr;
constexpr int64_t kSecond = FakeEnvironment::kSecond;

model::StreamConfig atomic() {
  model::StreamConfig config = stream_config("B", {"b.>"});
  config.allow_atomic = true;
  config.allow_rollup = true;
  return config;
}

std::string part(const std::string& id, int seq, const std::string& more = "") {
  return "Nats-Batch-Id: " + id + "\r\nNats-Batch-Sequence: " + std::to_string(seq) + "\r\n" + more;
}
const char* const kCommit = "Nats-Batch-Commit: 1\r\n";

void send(StreamBench& bench, const std::string& headers) {
  bench.env.client_publish("b.a", "", "", "NATS/1.0\r\n" + headers + "\r\n");
}

std::string reason_of_advisory(StreamBench& bench, const std::function<void()>& act) {
  bench.env.hear("$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.>");
  std::string reason;
  bench.env.take();
  act();
  for (const Sent& one : bench.env.take()) {
    if (!one.to.starts_with("$JS.EVENT")) continue;
    EXPECT_EQ(one.to, "$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.B");
    size_t at = one.payload.find("\"reason\":\"");
    if (at != std::string::npos) reason += one.payload.substr(at + 10);
  }
  return reason.substr(0, reason.find('"'));
}

TEST(AtomicBatch, IsStoredWhenItIsCommitted) {
  StreamBench bench(atomic());
  bench.publish("b.before");
  EXPECT_EQ(bench.publish("b.a", "1", part("x", 1)), "");
  EXPECT_EQ(bench.publish("b.b", "2", part("x", 2)), "");
  EXPECT_EQ(bench.state().messages, 1u);
  EXPECT_EQ(bench.publish("b.c", "3", part("x", 3, kCommit)),
            R"({"stream":"B","seq":4,"batch":"x","count":3})");
  EXPECT_EQ(bench.state().messages, 4u);
  EXPECT_EQ(bench.stream().store().load(3)->payload, "2");
  EXPECT_EQ(bench.settings.open_batches->atomic, 0u);
  EXPECT_EQ(bench.settings.open_batches->atomic_bytes, 0u);
  EXPECT_EQ(bench.publish("b.a", "", part("y", 1, kCommit)),
            R"({"stream":"B","seq":5,"batch":"y","count":1})");
}

TEST(AtomicBatch, TheEndMayComeWithoutAMessage) {
  StreamBench bench(atomic());
  bench.publish("b.a", "1", part("x", 1));
  EXPECT_EQ(bench.publish("b.end", "2", part("x", 2, "Nats-Batch-Commit: eob\r\n")),
            R"({"stream":"B","seq":1,"batch":"x","count":1})");
  EXPECT_EQ(stream::find_header(bench.stream().store().load(1)->headers, "Nats-Batch-Commit"), "1");
  EXPECT_THAT(bench.publish("b.end", "", part("y", 1, "Nats-Batch-Commit: eob\r\n")),
              HasSubstr(R"("err_code":10176)"));
}

TEST(AtomicBatch, RefusesWhatIsNoPartOfABatch) {
  StreamBench bench(atomic());
  const std::pair<std::string, int> cases[] = {
      {"Nats-Batch-Id: x\r\n", 10175},
      {"Nats-Batch-Id: x\r\nNats-Batch-Sequence: one\r\n", 10175},
      {part(std::string(65, 'i'), 1), 10179},
      {part("x", 0), 10176},
      {part("x", 2), 10176},
      {part("x", 1001), 10199},
      {part("x", 1, "Nats-Batch-Commit: 2\r\n"), 10200},
      {part("x", 1, "Nats-Required-Api-Level: 99\r\n"), 10185},
      {part("x", 1, std::string(kCommit) + "Nats-Expected-Last-Msg-Id: i\r\n"), 10177},
  };
  for (const auto& [headers, code] : cases) {
    EXPECT_THAT(bench.publish("b.a", "", headers),
                HasSubstr("\"err_code\":" + std::to_string(code)))
        << headers;
  }
  EXPECT_EQ(bench.state().last_seq, 0u);
  EXPECT_EQ(bench.settings.open_batches->atomic, 0u);
  StreamBench off(stream_config("S", {"b.>"}));
  EXPECT_THAT(off.publish("b.a", "", part("x", 1)), HasSubstr(R"("err_code":10174)"));
}

TEST(AtomicBatch, SaysWhyItWasGivenUp) {
  StreamBench bench(atomic());
  bench.publish("b.a", "", part("gap", 1));
  EXPECT_EQ(reason_of_advisory(bench, [&] { send(bench, part("gap", 3)); }), "incomplete");
  bench.publish("b.a", "", part("slow", 1));
  bench.env.pass(6 * kSecond);
  bench.publish("b.a", "", part("slow", 2));
  EXPECT_EQ(reason_of_advisory(bench, [&] { bench.env.pass(9 * kSecond); }), "");
  EXPECT_EQ(reason_of_advisory(bench, [&] { bench.env.pass(kSecond); }), "timeout");
  EXPECT_THAT(bench.publish("b.a", "", part("slow", 3, kCommit)), HasSubstr("10176"));
  bench.settings.batch.messages = 2;
  bench.publish("b.a", "", part("large", 1));
  bench.publish("b.a", "", part("large", 2));
  EXPECT_EQ(reason_of_advisory(bench, [&] { send(bench, part("large", 3)); }), "large");
  EXPECT_EQ(bench.state().last_seq, 0u);
}

TEST(AtomicBatch, OnlySoManyMayBeOpen) {
  StreamBench bench(atomic());
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(bench.publish("b.a", "", part("x" + std::to_string(i), 1)), "");
  }
  EXPECT_THAT(bench.publish("b.a", "", part("more", 1)), HasSubstr(R"("err_code":10210)"));
  EXPECT_THAT(bench.publish("b.a", "", part("x7", 2, kCommit)), HasSubstr(R"("count":2)"));
  EXPECT_EQ(bench.publish("b.a", "", part("more", 1)), "");
  bench.settings.batch.batch_bytes = 500;
  EXPECT_THAT(bench.publish("b.a", std::string(600, 'x'), part("more", 2)),
              HasSubstr(R"("err_code":10199)"));
}

// Nothing of a batch is stored if one of its messages may not be.
TEST(AtomicBatch, IsCheckedAsAWhole) {
  struct Case {
    std::string first, second;
    int code;  // 0: taken
  };
  std::string last_b =
      "Nats-Expected-Last-Subject-Sequence: 0\r\n"
      "Nats-Expected-Last-Subject-Sequence-Subject: b.b\r\n";
  const Case cases[] = {
      {"Nats-Expected-Last-Sequence: 1\r\n", "", 0},
      {"Nats-Expected-Last-Sequence: 0\r\n", "", 10071},
      {"", "Nats-Expected-Last-Sequence: 2\r\n", 10164},
      {"", "Nats-Expected-Last-Subject-Sequence: 0\r\n", 10164},
      {"", last_b, 0},
      {"Nats-Msg-Id: i\r\n", "Nats-Msg-Id: i\r\n", 10201},
      {"Nats-Msg-Id: known\r\n", "", 10201},
      {"Nats-Msg-Id: i\r\n", "Nats-Msg-Id: j\r\n", 0},
      {"", "Nats-Rollup: sub\r\n", 10111},
      {"", "Nats-Rollup: all\r\n", 10111},
      {"Nats-Rollup: sub\r\n", "", 0},
      {"", "Nats-Expected-Stream: other\r\n", 10060},
  };
  for (const Case& c : cases) {
    StreamBench bench(atomic());
    bench.publish("b.before", "", "Nats-Msg-Id: known\r\n");
    bench.publish("b.a", "1", part("x", 1, c.first));
    std::string answer = bench.publish("b.a", "2", part("x", 2, kCommit + c.second));
    SCOPED_TRACE(c.first + c.second + answer);
    EXPECT_THAT(answer, c.code == 0 ? HasSubstr(R"("count":2)")
                                    : HasSubstr("\"err_code\":" + std::to_string(c.code)));
    EXPECT_EQ(bench.state().last_seq, c.code == 0 ? 3u : 1u);
  }
}

TEST(AtomicBatch, CountsUpWithinItself) {
  model::StreamConfig config = atomic();
  config.allow_msg_counter = true;
  StreamBench bench(config);
  bench.publish("b.a", "", part("x", 1, "Nats-Incr: 5\r\n"));
  bench.publish("b.a", "", part("x", 2, "Nats-Incr: 6\r\n"));
  bench.publish("b.b", "", part("x", 3, "Nats-Incr: 1\r\nNats-Batch-Commit: 1\r\n"));
  EXPECT_EQ(bench.stream().store().load(2)->payload, R"({"val":"11"})");
  EXPECT_EQ(bench.stream().store().load(3)->payload, R"({"val":"1"})");
}

TEST(AtomicBatch, KeepsToLimitsOfTheStream) {
  model::StreamConfig config = atomic();
  config.discard = model::Discard::kNew;
  config.max_msgs = 2;
  StreamBench bench(config);
  bench.publish("b.a", "", part("x", 1));
  bench.publish("b.b", "", part("x", 2));
  EXPECT_THAT(bench.publish("b.c", "", part("x", 3, kCommit)),
              HasSubstr("maximum messages exceeded"));
  EXPECT_EQ(bench.state().last_seq, 0u);
  bench.publish("b.a", "", part("x", 1));
  EXPECT_THAT(bench.publish("b.b", "", part("x", 2, kCommit)), HasSubstr(R"("seq":2)"));
}

TEST(AtomicBatch, WhatNobodyWantsTakesItsSequences) {
  model::StreamConfig config = atomic();
  config.retention = model::Retention::kInterest;
  StreamBench bench(config);
  bench.publish("b.a", "", part("x", 1));
  EXPECT_EQ(bench.publish("b.b", "", part("x", 2, kCommit)),
            R"({"stream":"B","seq":2,"batch":"x","count":2})");
  EXPECT_EQ(bench.state().messages, 0u);
  EXPECT_EQ(bench.state().last_seq, 2u);
}

TEST(AtomicBatch, RepublishesWithThePreviousSequenceOfTheSubject) {
  model::StreamConfig config = atomic();
  config.republish = model::Republish{"b.>", "copy.>", false};
  StreamBench bench(config);
  bench.publish("b.a");
  bench.publish("b.a", "", part("x", 1));
  bench.env.hear("copy.>");
  bench.publish("b.c", "", part("x", 2));
  bench.env.take();
  bench.env.client_publish("b.a", "", "", "NATS/1.0\r\n" + part("x", 3, kCommit) + "\r\n");
  std::vector<std::string> previous;
  for (const Sent& one : bench.env.take()) {
    previous.emplace_back(*stream::find_header(one.headers, "Nats-Last-Sequence"));
  }
  EXPECT_THAT(previous, ::testing::ElementsAre("1", "0", "2"));
}

}  // namespace
}  // namespace natrix::jetstream
