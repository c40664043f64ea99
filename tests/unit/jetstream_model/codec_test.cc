#include "broker/jetstream/model/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace natrix::jetstream::model {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <class T>
std::string error_of(std::string_view text, Strictness strictness = Strictness::kStrict) {
  T value;
  auto read = from_text(text, value, strictness);
  return read ? "" : read.error().description;
}

TEST(Codec, ReadsAStreamWithEveryKindOfField) {
  StreamRequest request;
  auto read = from_text(R"({"name":"S","subjects":["a","b.>"],"retention":"workqueue",
      "max_age":3600000000000,"max_msg_size":7,"discard":"new","storage":"memory",
      "num_replicas":1,"placement":{"tags":["x"]},"subject_transform":{"src":"a","dest":"b"},
      "republish":{"src":"a","dest":"c","headers_only":true},"metadata":{"k":"v"},
      "mirror":{"name":"M","opt_start_time":"2026-01-01T00:00:00Z"},"pedantic":true})",
                        request, Strictness::kStrict);
  ASSERT_TRUE(read) << read.error().description;
  const StreamConfig& config = request.config;
  EXPECT_TRUE(request.pedantic);
  EXPECT_EQ(config.subjects, (std::vector<std::string>{"a", "b.>"}));
  EXPECT_EQ(config.retention, Retention::kWorkQueue);
  EXPECT_EQ(config.max_age, 3'600'000'000'000);
  EXPECT_EQ(config.storage, StorageType::kMemory);
  EXPECT_EQ(config.placement->tags, std::vector<std::string>{"x"});
  EXPECT_TRUE(config.republish->headers_only);
  EXPECT_EQ(config.metadata.at("k"), "v");
  EXPECT_FALSE(config.mirror->start_time->is_zero());
}

TEST(Codec, WritesWhatNatsServerWrites) {
  StreamConfig config;
  config.name = "X";
  config.subjects = {"X"};
  config.storage = StorageType::kMemory;
  config.max_msgs = config.max_bytes = config.max_consumers = config.max_msgs_per_subject = -1;
  config.max_msg_size = -1;
  config.replicas = 1;
  config.duplicate_window = 120'000'000'000;
  EXPECT_EQ(to_text(config),
            R"({"name":"X","subjects":["X"],"retention":"limits","max_consumers":-1,)"
            R"("max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msgs_per_subject":-1,)"
            R"("max_msg_size":-1,"discard":"old","storage":"memory","num_replicas":1,)"
            R"("duplicate_window":120000000000,"compression":"none","allow_direct":false,)"
            R"("mirror_direct":false,"sealed":false,"deny_delete":false,"deny_purge":false,)"
            R"("allow_rollup_hdrs":false,"consumer_limits":{},"allow_msg_ttl":false})");
}

TEST(Codec, UnknownFieldsAreErrorsInStrictModeOnly) {
  EXPECT_EQ(error_of<StreamRequest>(R"({"name":"S","foo":1})"),
            "invalid JSON: json: unknown field \"foo\"");
  EXPECT_EQ(error_of<StreamRequest>(R"({"name":"S","placement":{"foo":1}})"),
            "invalid JSON: json: unknown field \"foo\"");
  EXPECT_EQ(error_of<StreamRequest>(R"({"name":"S","foo":1})", Strictness::kLenient), "");
}

TEST(Codec, WrongTypesAndBrokenTextAreErrors) {
  EXPECT_THAT(error_of<StreamRequest>(R"({"max_age":"x"})"), HasSubstr("max_age"));
  EXPECT_THAT(error_of<StreamRequest>(R"({"max_msg_size":3000000000})"), HasSubstr("int32"));
  EXPECT_THAT(error_of<StreamRequest>(R"({"first_seq":-1})"), HasSubstr("uint64"));
  EXPECT_THAT(error_of<StreamRequest>(R"({"storage":"mem"})"), HasSubstr("mem"));
  EXPECT_THAT(error_of<StreamRequest>(R"({"subjects":"a"})"), HasSubstr("array"));
  EXPECT_THAT(error_of<StreamRequest>(R"({"name":)"), HasSubstr("invalid JSON"));
  EXPECT_THAT(error_of<StreamRequest>("[]"), HasSubstr("invalid JSON"));
  EXPECT_THAT(error_of<PauseRequest>(R"({"pause_until":"soon"})"), HasSubstr("soon"));
}

TEST(Codec, AnEmptyTextAndNullsLeaveTheDefaults) {
  EXPECT_EQ(error_of<PurgeRequest>(""), "");
  PullRequest pull;
  ASSERT_TRUE(from_text(R"({"batch":null,"expires":5})", pull, Strictness::kStrict));
  EXPECT_EQ(pull.batch, 0);
  EXPECT_EQ(pull.expires, 5);
}

TEST(Codec, KeptConfigurationsComeBack) {
  ConsumerConfig config;
  config.name = "c";
  config.durable = "c";
  config.backoff = {1, 2};
  config.deliver_policy = DeliverPolicy::kByStartTime;
  config.start_time = Time{5};
  auto back = decode_kept_consumer(encode_kept(config, Time{9}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->first, config);
  EXPECT_EQ(back->second, Time{9});
  EXPECT_FALSE(decode_kept_stream("{"));
}

TEST(Codec, QuotesAndReplacesBytesThatAreNoText) {
  EXPECT_EQ(quoted("a\"b"), "\"a\\\"b\"");
  EXPECT_THAT(quoted("a\xff"), Not(HasSubstr("\xff")));
}

TEST(Codec, DelayOfANak) {
  EXPECT_EQ(parse_delay(R"({"delay":7})"), 7);
  EXPECT_EQ(parse_delay("{}"), 0);
  EXPECT_FALSE(parse_delay("{"));
  EXPECT_FALSE(parse_delay(R"({"delay":"7s"})"));
}

}  // namespace
}  // namespace natrix::jetstream::model
