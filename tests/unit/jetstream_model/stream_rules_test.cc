#include "broker/jetstream/model/stream_rules.h"

#include <gtest/gtest.h>

namespace natrix::jetstream::model {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

StreamConfig named(const char* name) {
  StreamConfig config;
  config.name = name;
  return config;
}

std::string error_of(StreamConfig config, Mode mode = Mode::kForgiving, ServerLimits limits = {}) {
  auto checked = check_stream(std::move(config), limits, mode);
  return checked ? ""
                 : std::to_string(checked.error().err_code) + " " + checked.error().description;
}

std::string update_error(const StreamConfig& old, StreamConfig config) {
  auto checked = check_stream_update(old, std::move(config));
  return checked ? ""
                 : std::to_string(checked.error().err_code) + " " + checked.error().description;
}

TEST(StreamRules, FillsInDefaults) {
  auto config = check_stream(named("S"), {}, Mode::kForgiving);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->subjects, std::vector<std::string>{"S"});
  EXPECT_EQ(config->max_msgs, -1);
  EXPECT_EQ(config->max_bytes, -1);
  EXPECT_EQ(config->max_msg_size, -1);
  EXPECT_EQ(config->max_consumers, -1);
  EXPECT_EQ(config->max_msgs_per_subject, -1);
  EXPECT_EQ(config->replicas, 1);
  EXPECT_EQ(config->duplicate_window, 120 * kSecond);
}

TEST(StreamRules, TheDuplicateWindowFitsAgeAndServer) {
  StreamConfig config = named("S");
  config.max_age = 10 * kSecond;
  EXPECT_EQ(check_stream(config, {}, Mode::kForgiving)->duplicate_window, 10 * kSecond);
  EXPECT_EQ(error_of(config, Mode::kPedantic),
            "10157 pedantic mode: duplicate window cannot be bigger than max age");
  EXPECT_EQ(
      check_stream(named("S"), {.duplicate_window = kSecond}, Mode::kForgiving)->duplicate_window,
      kSecond);
  config.duplicate_window = 11 * kSecond;
  EXPECT_EQ(error_of(config), "10052 duplicates window can not be larger then max age");
  config = named("S");
  config.duplicate_window = 2 * kSecond;
  EXPECT_EQ(error_of(config, Mode::kForgiving, {.duplicate_window = kSecond}),
            "10052 duplicates window can not be larger then server limit of 1s");
  config.duplicate_window = 1;
  EXPECT_EQ(error_of(config), "10052 duplicates window needs to be >= 100ms");
}

TEST(StreamRules, Names) {
  for (const char* bad : {"", "a b", "a.b", "a*", "a>", "a/b", "a\\b", "a\tb"}) {
    EXPECT_FALSE(is_valid_name(bad)) << bad;
    EXPECT_EQ(error_of(named(bad)),
              "10052 stream name is required and can not contain '.', '*', '>', '\\', '/'");
  }
  EXPECT_EQ(error_of(named(std::string(256, 'a').c_str())),
            "10052 stream name is too long, maximum allowed is 255");
}

TEST(StreamRules, PedanticModeRefusesWhatWouldBeChanged) {
  StreamConfig config = named("S");
  config.max_msgs = -2;
  EXPECT_EQ(error_of(config), "");
  EXPECT_EQ(error_of(config, Mode::kPedantic), "10157 pedantic mode: max_msgs must be set to -1");
}

TEST(StreamRules, Subjects) {
  StreamConfig config = named("S");
  auto with = [&config](std::vector<std::string> subjects) {
    config.subjects = std::move(subjects);
    return error_of(config);
  };
  EXPECT_EQ(with({"a", "b.>"}), "");
  EXPECT_EQ(with({"a..b"}), "10052 invalid subject");
  EXPECT_EQ(with({"a", "a"}), "10052 subject \"a\" overlaps with \"a\"");
  EXPECT_EQ(with({"a.*", "a.b"}), "10052 subject \"a.*\" overlaps with \"a.b\"");
  EXPECT_EQ(with({">"}), "10052 capturing all subjects requires no-ack to be true");
  EXPECT_EQ(with({"$JS.>"}),
            "10052 subjects that overlap with jetstream api require no-ack to be true");
  EXPECT_EQ(with({"$JS.EVENT.>"}), "");
  EXPECT_EQ(with({"$SYS.>"}),
            "10052 subjects that overlap with system api require no-ack to be true");
  EXPECT_EQ(with({"$SYS.ACCOUNT.>"}), "");
  config.no_ack = true;
  EXPECT_EQ(with({">"}), "");
}

TEST(StreamRules, Combinations) {
  StreamConfig config = named("S");
  config.discard_new_per_subject = true;
  EXPECT_EQ(error_of(config),
            "10052 discard new per subject requires discard new policy to be set");
  config.discard = Discard::kNew;
  EXPECT_EQ(error_of(config), "10052 discard new per subject requires max msgs per subject > 0");
  config.max_msgs_per_subject = 1;
  EXPECT_EQ(error_of(config), "");
  config.deny_purge = config.allow_rollup = true;
  EXPECT_EQ(error_of(config), "10052 roll-ups require the purge permission");
}

TEST(StreamRules, MarkersImplyTtlsAndRollups) {
  StreamConfig config = named("S");
  config.subject_delete_marker_ttl = kSecond;
  config.deny_purge = true;
  auto checked = check_stream(config, {}, Mode::kForgiving);
  ASSERT_TRUE(checked);
  EXPECT_TRUE(checked->allow_msg_ttl);
  EXPECT_TRUE(checked->allow_rollup);
  EXPECT_FALSE(checked->deny_purge);
  EXPECT_NE(error_of(config, Mode::kPedantic), "");
  config.subject_delete_marker_ttl = kSecond - 1;
  EXPECT_EQ(error_of(config), "10052 subject delete marker TTL must be at least 1 second");
}

TEST(StreamRules, RepublishMustNotFormACycle) {
  StreamConfig config = named("S");
  config.subjects = {"a.>"};
  config.republish = Republish{"a.>", "a.x.>", false};
  EXPECT_EQ(error_of(config), "10052 stream configuration for republish destination forms a cycle");
  config.republish = Republish{"", "b.>", false};
  EXPECT_EQ(check_stream(config, {}, Mode::kForgiving)->republish->source, ">");
  config.republish = Republish{"a.*", "b.$2", false};
  EXPECT_EQ(error_of(config),
            "10052 stream configuration for republish with transform from 'a.*' to 'b.$2' not "
            "valid");
}

TEST(StreamRules, WhatIsNotThereIsRefusedByName) {
  StreamConfig config = named("S");
  config.sources.emplace_back().name = "O";
  EXPECT_EQ(error_of(config), "10052 sources is not supported by this version of natrix-broker");
}

TEST(StreamRules, NewStreams) {
  auto error = [](const StreamConfig& config) {
    auto checked = check_new_stream(config, {}, Mode::kForgiving);
    return checked ? "" : checked.error().description;
  };
  EXPECT_EQ(error(named("S")), "");
  EXPECT_EQ(error(named("a.b")), error_of(named("a.b")).substr(6));
  StreamConfig config = named("S");
  config.sealed = true;
  EXPECT_EQ(error(config), "stream configuration for create can not be sealed");
  EXPECT_EQ(error_of(config), "");
  config = named("S");
  config.mirror_direct = true;
  EXPECT_EQ(error(config), "stream has no mirror but does have mirror direct");
}

TEST(StreamRules, Updates) {
  StreamConfig old = *check_stream(named("S"), {}, Mode::kForgiving);
  EXPECT_EQ(update_error(old, old), "");
  auto changed = [&old](auto change) {
    StreamConfig config = old;
    change(config);
    return update_error(old, config);
  };
  EXPECT_EQ(changed([](auto& c) { c.storage = StorageType::kMemory; }),
            "10052 stream configuration update can not change storage type");
  EXPECT_EQ(changed([](auto& c) { c.retention = Retention::kWorkQueue; }),
            "10052 stream configuration update can not change retention policy to/from workqueue");
  EXPECT_EQ(changed([](auto& c) { c.retention = Retention::kInterest; }), "");
  EXPECT_EQ(changed([](auto& c) { c.name = "T"; }),
            "10052 stream configuration name must match original");
  EXPECT_EQ(changed([](auto& c) { c.replicas = 3; }),
            "10074 replicas > 1 not supported in non-clustered mode");
  old.deny_delete = old.deny_purge = old.allow_msg_ttl = true;
  EXPECT_EQ(changed([](auto& c) { c.deny_delete = false; }),
            "10052 stream configuration update can not cancel deny message deletes");
  EXPECT_EQ(changed([](auto& c) { c.deny_purge = false; }),
            "10052 stream configuration update can not cancel deny purge");
  EXPECT_EQ(changed([](auto& c) { c.allow_msg_ttl = false; }),
            "10052 message TTL status can not be disabled");
}

TEST(StreamRules, SealingDeniesEverything) {
  StreamConfig old = *check_stream(named("S"), {}, Mode::kForgiving);
  StreamConfig sealed = old;
  sealed.sealed = true;
  sealed.max_age = kSecond;
  auto checked = check_stream_update(old, sealed);
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->max_age, 0);
  EXPECT_EQ(checked->discard, Discard::kNew);
  EXPECT_TRUE(checked->deny_delete && checked->deny_purge);
  EXPECT_EQ(update_error(*checked, old),
            "10052 stream configuration update can not unseal a sealed stream");
}

TEST(StreamRules, ServersKeepTheirPartOfTheMetadataToThemselves) {
  StreamConfig config = named("S");
  config.metadata = {{"mine", "x"}, {"_nats.ver", "9"}};
  config.allow_msg_ttl = true;
  set_stored_metadata(config);
  EXPECT_EQ(config.metadata, (Metadata{{"mine", "x"}, {"_nats.req.level", "1"}}));
  EXPECT_EQ(shown_metadata(config.metadata, "2.0"),
            (Metadata{{"mine", "x"},
                      {"_nats.req.level", "1"},
                      {"_nats.ver", "2.0"},
                      {"_nats.level", std::to_string(kServerApiLevel)}}));
  StreamConfig bare = config;
  bare.metadata = {{"mine", "x"}};
  EXPECT_TRUE(same_stream(config, bare));
  bare.metadata["mine"] = "y";
  EXPECT_FALSE(same_stream(config, bare));
}

TEST(StreamRules, RequiredApiLevel) {
  EXPECT_FALSE(requires_more(""));
  EXPECT_FALSE(requires_more("5"));
  EXPECT_TRUE(requires_more("6"));
  EXPECT_TRUE(requires_more("one"));
}

}  // namespace
}  // namespace natrix::jetstream::model
