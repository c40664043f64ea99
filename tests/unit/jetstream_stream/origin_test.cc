// Mirrors and sources in a world where the test plays the stream they copy from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/jetstream/model/codec.h"
#include "broker/jetstream/stream/origin.h"
#include "tests/support/stream_bench.h"

namespace natrix::jetstream {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kSecond = FakeEnvironment::kSecond;
constexpr int64_t kThen = 1'600'000'000 * kSecond;

model::StreamConfig mirror() {
  model::StreamConfig config;
  config.name = "M";
  config.mirror.emplace().name = "O";
  return config;
}

model::StreamConfig sourcing(std::vector<std::string> names) {
  model::StreamConfig config;
  config.name = "S";
  for (std::string& name : names) config.sources.emplace_back().name = std::move(name);
  return config;
}

// The server of the origin, and the stream that copies.
class OriginTest : public ::testing::Test {
 protected:
  void begin(const model::StreamConfig& config) {
    bench = std::make_unique<StreamBench>(config);
    bench->env.hear("$JS.API.>");
  }
  // Lets the stream ask for a consumer, if it wants to within this time, and remembers the request.
  bool asked(int64_t within = 0) {
    bench->env.take();
    bench->env.pass(within);
    bool any = false;
    for (const Sent& one : bench->env.take()) {
      if (!one.to.starts_with("$JS.API.CONSUMER.CREATE.")) continue;
      request = one;
      body = {};
      EXPECT_TRUE(model::from_text(one.payload, body, model::Strictness::kStrict));
      any = true;
    }
    if (any) consumer_seq = 0;
    return any;
  }
  void answer(const std::string& text) { bench->env.client_publish(request.reply, text); }
  void accept(uint64_t pending = 0) {
    answer(R"({"type":"t","stream_name":"O","name":")" + body.config.name +
           R"(","config":{},"num_pending":)" + std::to_string(pending) + "}");
  }
  void connect(int64_t within = 0) {
    ASSERT_TRUE(asked(within));
    accept();
  }
  void deliver(uint64_t seq, const std::string& subject, const std::string& payload,
               const std::string& headers = "", uint64_t pending = 0) {
    bench->env.publish({.to = body.config.deliver_subject,
                        .subject = subject,
                        .reply = "$JS.ACK.O.C.1." + std::to_string(seq) + "." +
                                 std::to_string(++consumer_seq) + "." +
                                 std::to_string(kThen + static_cast<int64_t>(seq)) + "." +
                                 std::to_string(pending),
                        .headers = headers,
                        .payload = payload});
    bench->env.settle();
  }
  void status(const std::string& lines, const std::string& reply = "") {
    bench->env.client_publish(body.config.deliver_subject, "", reply,
                              "NATS/1.0 100 Status\r\n" + lines + "\r\n");
  }
  storage::StoredMessage stored(uint64_t seq) {
    auto found = bench->stream().store().load(seq);
    EXPECT_TRUE(found) << seq;
    return found ? std::move(*found) : storage::StoredMessage{};
  }
  model::StreamSourceInfo mirror_info() { return *bench->stream().info({})->mirror; }

  std::unique_ptr<StreamBench> bench;
  Sent request;
  model::ConsumerRequest body;
  uint64_t consumer_seq = 0;
};

TEST_F(OriginTest, AMirrorAsksForAConsumerAsNatsServerDoes) {
  begin(mirror());
  ASSERT_TRUE(asked());
  EXPECT_EQ(request.to, "$JS.API.CONSUMER.CREATE.O");
  EXPECT_THAT(request.headers, HasSubstr("Nats-Required-Api-Level: 4\r\n"));
  const model::ConsumerConfig& c = body.config;
  EXPECT_EQ(body.stream, "O");
  EXPECT_TRUE(c.name.starts_with("JS_MIRROR_"));
  EXPECT_TRUE(c.deliver_subject.starts_with("$JS.M."));
  EXPECT_EQ(c.deliver_policy, model::DeliverPolicy::kAll);
  EXPECT_EQ(c.ack_policy, model::AckPolicy::kNone);
  EXPECT_TRUE(c.direct && c.sourcing && c.flow_control);
  EXPECT_EQ(c.heartbeat, kSecond);
}

TEST_F(OriginTest, AMirrorKeepsSequencesTimesAndGaps) {
  begin(mirror());
  connect();
  deliver(5, "a", "one");
  deliver(6, "b", "two", "NATS/1.0\r\nK: v\r\n\r\n", 3);
  deliver(9, "c", "three", "", 2);
  storage::StreamState state = bench->state();
  EXPECT_EQ(state.first_seq, 5u);
  EXPECT_EQ(state.last_seq, 9u);
  EXPECT_EQ(state.messages, 3u);
  storage::StoredMessage two = stored(6);
  EXPECT_EQ(two.subject, "b");
  EXPECT_EQ(two.payload, "two");
  EXPECT_EQ(two.time, kThen + 6);
  EXPECT_THAT(std::string(two.headers), HasSubstr("K: v"));
  EXPECT_EQ(mirror_info().lag, 2u);
}

TEST_F(OriginTest, AMirrorTakesNothingThatIsPublished) {
  begin(mirror());
  EXPECT_EQ(bench->publish("M", "x"), "");
  EXPECT_EQ(bench->state().messages, 0u);
}

TEST_F(OriginTest, AfterAGapInTheDeliveryItAsksAgainFromWhereItIs) {
  begin(mirror());
  connect();
  deliver(1, "a", "one");
  ++consumer_seq;
  std::string before = body.config.deliver_subject;
  deliver(3, "a", "three");
  EXPECT_EQ(bench->state().last_seq, 1u);
  ASSERT_TRUE(asked(3 * kSecond));
  EXPECT_NE(body.config.deliver_subject, before);
  EXPECT_EQ(body.config.start_seq, 2u);
  EXPECT_EQ(body.config.deliver_policy, model::DeliverPolicy::kByStartSequence);
  // What the old consumer still sends is not heard.
  bench->env.publish({.to = before, .subject = "a", .reply = "$JS.ACK.O.C.1.4.1.5.0"});
  bench->env.settle();
  accept();
  deliver(2, "a", "two");
  deliver(3, "a", "three");
  EXPECT_EQ(bench->state().last_seq, 3u);
  EXPECT_EQ(bench->state().messages, 3u);
}

TEST_F(OriginTest, AHeartbeatTellsThatSomethingIsMissing) {
  begin(mirror());
  connect();
  deliver(1, "a", "one");
  status("Nats-Last-Consumer: 1\r\nNats-Last-Stream: 1\r\n");
  EXPECT_FALSE(asked(3 * kSecond));
  status("Nats-Last-Consumer: 2\r\nNats-Last-Stream: 2\r\n");
  EXPECT_TRUE(asked(kSecond));
}

TEST_F(OriginTest, SilenceForTenSecondsIsAnswered) {
  begin(mirror());
  connect();
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(asked(kSecond));
    status("");
  }
  EXPECT_FALSE(asked(9 * kSecond));
  EXPECT_TRUE(asked(2 * kSecond));
}

TEST_F(OriginTest, RefusalsAreShownAndBackedOff) {
  begin(mirror());
  EXPECT_EQ(mirror_info().active, -1);
  ASSERT_TRUE(asked());
  std::string no = R"({"error":{"code":404,"err_code":10059,"description":"stream not found"}})";
  answer(no);
  ASSERT_TRUE(mirror_info().error);
  EXPECT_EQ(mirror_info().error->err_code, 10059);
  EXPECT_FALSE(asked(11 * kSecond));
  ASSERT_TRUE(asked(2 * kSecond));
  answer(no);
  EXPECT_FALSE(asked(20 * kSecond));
  ASSERT_TRUE(asked(2 * kSecond));
  accept();
  EXPECT_FALSE(mirror_info().error);
}

TEST_F(OriginTest, AServerThatDoesNotKnowSourcingIsAskedWithoutIt) {
  begin(mirror());
  ASSERT_TRUE(asked());
  answer(R"({"error":{"code":400,"err_code":10025,"description":"invalid JSON"}})");
  ASSERT_TRUE(asked());
  EXPECT_FALSE(body.config.sourcing);
  EXPECT_EQ(request.headers, "");
  accept();
  deliver(1, "a", "one");
  EXPECT_EQ(bench->state().messages, 1u);
}

TEST_F(OriginTest, ItWaitsUntilSomebodyAnswersTheApi) {
  begin(mirror());
  bench->env.stop_hearing("$JS.API.>");
  EXPECT_FALSE(asked(5 * kSecond));
  bench->env.hear("$JS.API.>");
  EXPECT_TRUE(asked(kSecond));
}

TEST_F(OriginTest, FlowControlIsAnswered) {
  begin(mirror());
  connect();
  bench->env.hear("$JS.FC.>");
  bench->env.take();
  status("", "$JS.FC.O.C.1");
  status("Nats-Last-Consumer: 0\r\nNats-Consumer-Stalled: $JS.FC.O.C.2\r\n");
  std::vector<Sent> sent = bench->env.take();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].to, "$JS.FC.O.C.1");
  EXPECT_EQ(sent[1].to, "$JS.FC.O.C.2");
}

TEST_F(OriginTest, FiltersStartAndTransformsAreAskedFor) {
  model::StreamConfig config = mirror();
  config.mirror->start_seq = 7;
  config.mirror->transforms = {{"a.*", "x.$1"}};
  begin(config);
  connect();
  EXPECT_TRUE(request.to.ends_with(".a.*")) << request.to;
  EXPECT_EQ(body.config.filter_subject, "a.*");
  EXPECT_EQ(body.config.start_seq, 7u);
  deliver(8, "a.b", "");
  EXPECT_EQ(stored(8).subject, "x.b");
}

TEST_F(OriginTest, AnExternalOriginIsAskedUnderItsPrefix) {
  model::StreamConfig config = mirror();
  config.mirror->external = model::External{"$JS.hub.API", "sync.here"};
  begin(config);
  bench->env.hear("$JS.hub.>");
  bench->env.take();
  bench->env.pass(kSecond);
  bool found = false;
  for (const Sent& one : bench->env.take()) {
    if (one.to != "$JS.hub.API.CONSUMER.CREATE.O") continue;
    found = true;
    EXPECT_THAT(one.payload, HasSubstr("\"sync.here.M."));
  }
  EXPECT_TRUE(found);
}

TEST_F(OriginTest, APromotedMirrorTakesPublishesAndTellsItsOrigin) {
  begin(mirror());
  connect();
  deliver(4, "a", "one");
  model::StreamConfig config = bench->stream().config();
  config.mirror.reset();
  config.subjects = {"a"};
  bench->env.take();
  ASSERT_TRUE(bench->stream().update(config));
  bench->env.settle();
  bool told = false;
  for (const Sent& one : bench->env.take()) {
    told |= one.to == "$JS.API.CONSUMER.DELETE.O." + body.config.name;
  }
  EXPECT_TRUE(told);
  EXPECT_THAT(bench->publish("a", "x"), HasSubstr("\"seq\":5"));
  EXPECT_FALSE(bench->stream().info({})->mirror);
}

TEST_F(OriginTest, ACaughtUpMirrorAnswersDirectGetsForItsOrigin) {
  model::StreamConfig config = mirror();
  config.mirror_direct = true;
  begin(config);
  ASSERT_TRUE(asked());
  accept(100);
  deliver(1, "a", "one", "", 99);
  auto get = [this] {
    bench->env.take();
    bench->env.client_publish("$JS.API.DIRECT.GET.O.a", "", "reply.x");
    for (const Sent& one : bench->env.take()) {
      if (one.to == "reply.x") return one.payload;
    }
    return std::string("nobody");
  };
  EXPECT_EQ(get(), "nobody");
  deliver(2, "a", "two", "", 3);
  EXPECT_EQ(get(), "two");
}

TEST_F(OriginTest, SourcedMessagesSayWhereTheyComeFrom) {
  model::StreamConfig config = sourcing({"O"});
  config.sources[0].transforms = {{"a.>", "b.>"}};
  begin(config);
  connect();
  EXPECT_TRUE(body.config.deliver_subject.starts_with("$JS.S."));
  deliver(7, "a.x", "one",
          "NATS/1.0\r\nNats-Stream-Source: X 1 > > q\r\nNats-Expected-Stream: O\r\nK: v\r\n\r\n");
  storage::StoredMessage one = stored(1);
  EXPECT_EQ(one.subject, "b.x");
  EXPECT_EQ(stream::find_header(one.headers, "Nats-Stream-Source"), "O 7 a.> b.> a.x");
  EXPECT_EQ(stream::find_header(one.headers, "K"), "v");
  EXPECT_THAT(std::string(one.headers), Not(HasSubstr("Nats-Expected")));
}

TEST_F(OriginTest, AFullStreamTakesMoreWhenThereIsRoom) {
  model::StreamConfig config = sourcing({"O"});
  config.discard = model::Discard::kNew;
  config.max_msgs = 1;
  begin(config);
  connect();
  deliver(1, "a", "one");
  deliver(2, "a", "two");
  EXPECT_EQ(bench->state().last_seq, 1u);
  ASSERT_TRUE(bench->stream().info({})->sources[0].error);
  ASSERT_TRUE(bench->stream().purge({}));
  connect(3 * kSecond);
  EXPECT_EQ(body.config.start_seq, 2u);
  deliver(2, "a", "two");
  EXPECT_EQ(stored(2).payload, "two");
}

TEST_F(OriginTest, AfterARestartASourceGoesOnWhereItWas) {
  begin(sourcing({"O"}));
  connect();
  deliver(4, "a", "one");
  deliver(8, "a", "two");
  bench->reopen();
  ASSERT_TRUE(asked());
  EXPECT_EQ(body.config.start_seq, 9u);
}

TEST_F(OriginTest, AfterARestartASourceKnowsItsPlaceEvenIfItsMessagesHaveGone) {
  begin(sourcing({"O"}));
  connect();
  deliver(4, "a", "one");
  ASSERT_TRUE(bench->stream().purge({}));
  bench->reopen();
  ASSERT_TRUE(asked());
  EXPECT_EQ(body.config.start_seq, 5u);
}

TEST_F(OriginTest, SourcesThatAreTakenOutAreForgotten) {
  begin(sourcing({"O"}));
  connect();
  deliver(4, "a", "one");
  ASSERT_TRUE(bench->stream().purge({}));
  model::StreamConfig with = bench->stream().config(), without = with;
  without.sources.clear();
  without.subjects = {"own"};
  ASSERT_TRUE(bench->stream().update(without));
  EXPECT_TRUE(bench->stream().info({})->sources.empty());
  ASSERT_TRUE(bench->stream().update(with));
  ASSERT_TRUE(asked(3 * kSecond));
  EXPECT_EQ(body.config.start_seq, 0u);
}

TEST_F(OriginTest, CountersOfSourcesAreNotAddedTwice) {
  model::StreamConfig config = sourcing({"O"});
  config.allow_msg_counter = true;
  begin(config);
  connect();
  deliver(1, "c", R"({"val":"5"})", "NATS/1.0\r\nNats-Incr: 5\r\n\r\n");
  deliver(2, "c", R"({"val":"7"})", "NATS/1.0\r\nNats-Incr: 2\r\n\r\n");
  EXPECT_EQ(stored(2).payload, R"({"val":"7"})");
  EXPECT_EQ(stream::find_header(stored(2).headers, "Nats-Counter-Sources"), R"({"O":{"c":"7"}})");
}

TEST(OriginTexts, RepliesOfDeliveriesAreRead) {
  auto old = stream::parse_delivery("$JS.ACK.S.C.1.22.3.44.5");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->stream_seq, 22u);
  EXPECT_EQ(old->consumer_seq, 3u);
  EXPECT_EQ(old->time, 44);
  EXPECT_EQ(old->pending, 5u);
  auto fresh = stream::parse_delivery("$JS.ACK.hub.acc.S.C.1.22.3.44.5.random");
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->stream_seq, 22u);
  for (const char* bad : {"", "$JS.ACK.S.C.1.2.3.4", "$JS.ACK.S.C.1.x.3.44.5", "a.b"}) {
    EXPECT_FALSE(stream::parse_delivery(bad)) << bad;
  }
}

TEST(OriginTexts, MarksOfSourcesAreRead) {
  auto mark = stream::parse_source_mark("O:hash 12 a.> b.> a.x identity");
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->index, "O:hash a.> b.>");
  EXPECT_EQ(mark->seq, 12u);
  auto old = stream::parse_source_mark("O 3");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->index, "");
  EXPECT_EQ(old->name, "O");
  EXPECT_FALSE(stream::parse_source_mark("O x > > a"));
  EXPECT_FALSE(stream::parse_source_mark(""));
}

}  // namespace
}  // namespace natrix::jetstream
