// What is allowed here was held against nats-server 2.15.2: random permissions, the same answers.
#include "broker/account/permissions.h"

#include <gtest/gtest.h>

#include <thread>

namespace natrix::account {
namespace {

using Subjects = std::vector<std::string>;

CompiledPermissions publish(Subjects allow, Subjects deny) {
  config::Permissions permissions;
  permissions.publish = {std::move(allow), std::move(deny)};
  return CompiledPermissions(permissions);
}

CompiledPermissions subscribe(Subjects allow, Subjects deny) {
  config::Permissions permissions;
  permissions.subscribe = {std::move(allow), std::move(deny)};
  return CompiledPermissions(permissions);
}

TEST(Permissions, NothingSaidMeansEverything) {
  CompiledPermissions all({});
  EXPECT_TRUE(all.may_publish("a.b"));
  EXPECT_TRUE(all.may_subscribe(">", ""));
  EXPECT_TRUE(all.may_subscribe(">", "q"));
  EXPECT_FALSE(all.needs_filter(">", ""));
  EXPECT_FALSE(all.delivery_denied("a", ""));
}

TEST(Permissions, PublishNeedsAnAllowAndNoDeny) {
  CompiledPermissions rules = publish({"a.*", "b.>"}, {"a.secret", "b.*.c"});
  EXPECT_TRUE(rules.may_publish("a.x"));
  EXPECT_TRUE(rules.may_publish("b.x.y"));
  EXPECT_FALSE(rules.may_publish("a"));
  EXPECT_FALSE(rules.may_publish("a.x.y"));
  EXPECT_FALSE(rules.may_publish("a.secret"));
  EXPECT_FALSE(rules.may_publish("b.x.c"));
  EXPECT_TRUE(rules.may_publish("b.x.c.d"));
  EXPECT_TRUE(publish({}, {"a"}).may_publish("b"));
  EXPECT_FALSE(publish({}, {"a"}).may_publish("a"));
}

// allow_responses takes away the right to everything, whether or not something is denied as well.
TEST(Permissions, BesideAllowResponsesAnEmptyAllowListAllowsNothing) {
  config::Permissions permissions;
  permissions.allow_responses.emplace();
  EXPECT_FALSE(CompiledPermissions(permissions).may_publish("a"));
  permissions.publish.deny = {"b"};
  EXPECT_FALSE(CompiledPermissions(permissions).may_publish("a"));
  EXPECT_FALSE(CompiledPermissions(permissions).may_publish("b"));
  permissions.publish.allow = {"a", "b"};
  EXPECT_TRUE(CompiledPermissions(permissions).may_publish("a"));
  EXPECT_FALSE(CompiledPermissions(permissions).may_publish("b"));
}

TEST(Permissions, SubscribeIsAllowedWithinAnAllowEntry) {
  CompiledPermissions rules = subscribe({"a.*", "b.>", "c"}, {});
  EXPECT_TRUE(rules.may_subscribe("a.x", ""));
  EXPECT_TRUE(rules.may_subscribe("a.*", "q"));
  EXPECT_TRUE(rules.may_subscribe("b.*.x", ""));
  EXPECT_TRUE(rules.may_subscribe("b.>", ""));
  EXPECT_FALSE(rules.may_subscribe(">", ""));
  EXPECT_FALSE(rules.may_subscribe("*", ""));
  EXPECT_FALSE(rules.may_subscribe("*.x", ""));
  EXPECT_FALSE(rules.may_subscribe("a.>", "")) << "reaches further than a.*";
}

TEST(Permissions, WithAQueueNamedOnlyThatQueueMaySubscribe) {
  CompiledPermissions rules = subscribe({"a.* workers", "a.* v2.*", "plain"}, {});
  EXPECT_TRUE(rules.may_subscribe("a.x", "workers"));
  EXPECT_TRUE(rules.may_subscribe("a.x", "v2.blue"));
  EXPECT_FALSE(rules.may_subscribe("a.x", "v3"));
  EXPECT_FALSE(rules.may_subscribe("a.x", "")) << "no plain entry";
  EXPECT_TRUE(rules.may_subscribe("plain", "any"));
}

TEST(Permissions, AQueueNamedNarrowsWhatAPlainEntryAllows) {
  CompiledPermissions rules = subscribe({"a.>", "a.b v1"}, {});
  EXPECT_TRUE(rules.may_subscribe("a.b", ""));
  EXPECT_TRUE(rules.may_subscribe("a.b", "v1"));
  EXPECT_FALSE(rules.may_subscribe("a.b", "v2"));
  EXPECT_TRUE(rules.may_subscribe("a.c", "v2")) << "the queue is named for a.b only";
}

TEST(Permissions, SubscribeIsRefusedWhereItIsDenied) {
  CompiledPermissions rules = subscribe({}, {"a.b", "x.*", "y.>", "jobs v1"});
  EXPECT_FALSE(rules.may_subscribe("a.b", ""));
  EXPECT_FALSE(rules.may_subscribe("a.b", "q"));
  EXPECT_FALSE(rules.may_subscribe("x.*", ""));
  EXPECT_FALSE(rules.may_subscribe("x.>", "")) << "as nats-server does";
  EXPECT_FALSE(rules.may_subscribe("y.a.b", ""));
  EXPECT_FALSE(rules.may_subscribe("jobs", "v1"));
  EXPECT_TRUE(rules.may_subscribe("jobs", "v2"));
  EXPECT_TRUE(rules.may_subscribe("jobs", ""));
  EXPECT_TRUE(rules.may_subscribe("a.*", ""));
  EXPECT_TRUE(rules.may_subscribe(">", ""));
}

TEST(Permissions, WhatAWildcardMeetsThatIsDeniedIsFiltered) {
  CompiledPermissions rules = subscribe({}, {"a.b", "jobs.secret v1"});
  EXPECT_TRUE(rules.needs_filter("a.*", ""));
  EXPECT_TRUE(rules.needs_filter("a.*", "q"));
  EXPECT_FALSE(rules.needs_filter("b.*", ""));
  EXPECT_TRUE(rules.delivery_denied("a.b", ""));
  EXPECT_TRUE(rules.delivery_denied("a.b", "q"));
  EXPECT_FALSE(rules.delivery_denied("a.c", ""));
  EXPECT_TRUE(rules.needs_filter("jobs.*", "v1"));
  EXPECT_FALSE(rules.needs_filter("jobs.*", "v2"));
  EXPECT_FALSE(rules.needs_filter("jobs.*", ""));
  EXPECT_TRUE(rules.delivery_denied("jobs.secret", "v1"));
  EXPECT_FALSE(rules.delivery_denied("jobs.secret", "v2"));
  EXPECT_FALSE(rules.delivery_denied("jobs.secret", ""));
}

UserPermissions responder(int64_t max, std::chrono::nanoseconds expires) {
  config::Permissions permissions;
  permissions.publish.allow = {"open"};
  permissions.allow_responses = config::ResponsePermission{max, expires};
  return UserPermissions(std::make_shared<CompiledPermissions>(permissions));
}

TEST(UserPermissions, AReplyMayBePublishedAsOftenAsSaid) {
  UserPermissions user = responder(2, std::chrono::minutes(2));
  EXPECT_FALSE(user.may_publish("back"));
  user.opened_reply("back");
  EXPECT_TRUE(user.may_publish("back"));
  EXPECT_TRUE(user.may_publish("back"));
  EXPECT_FALSE(user.may_publish("back"));
  EXPECT_FALSE(user.may_publish("other"));
  user.opened_reply("back");
  EXPECT_TRUE(user.may_publish("back")) << "asked again";
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(user.may_publish("open"));
}

TEST(UserPermissions, NegativeNumbersMeanNoLimit) {
  UserPermissions user = responder(-1, std::chrono::nanoseconds(-1));
  user.opened_reply("back");
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(user.may_publish("back"));
}

TEST(UserPermissions, ARepliesTimeIsLimited) {
  UserPermissions user = responder(-1, std::chrono::milliseconds(1));
  user.opened_reply("back");
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_FALSE(user.may_publish("back"));
}

TEST(UserPermissions, WithoutAllowResponsesNothingIsOpened) {
  config::Permissions permissions;
  permissions.publish.allow = {"open"};
  UserPermissions user(std::make_shared<CompiledPermissions>(permissions));
  user.opened_reply("back");
  EXPECT_FALSE(user.may_publish("back"));
}

// A peer chooses the reply subjects: it must not make us remember without bound. The soonest to
// expire go first.
TEST(UserPermissions, RemembersABoundedNumberOfReplies) {
  UserPermissions user = responder(1, std::chrono::hours(1));
  constexpr int kMany = 4096 + 500;
  for (int i = 0; i < kMany; ++i) user.opened_reply("back." + std::to_string(i));
  int remembered = 0;
  for (int i = 0; i < kMany; ++i) {
    bool may = user.may_publish("back." + std::to_string(i));
    remembered += may;
    if (i >= kMany - 1000) {
      EXPECT_TRUE(may) << "the newest stay";
    }
  }
  EXPECT_LE(remembered, 4096);
  EXPECT_GE(remembered, 4096 / 4 * 3);
  user.opened_reply("back.new");
  EXPECT_TRUE(user.may_publish("back.new"));
}

// The results of checks are cached: with many subjects some are forgotten, none becomes wrong.
TEST(UserPermissions, ManySubjectsGetTheRightAnswer) {
  config::Permissions permissions;
  permissions.publish = {{"even.*"}, {"even.4"}};
  UserPermissions user(std::make_shared<CompiledPermissions>(permissions));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 500; ++i) {
      std::string subject = (i % 2 == 0 ? "even." : "odd.") + std::to_string(i);
      ASSERT_EQ(user.may_publish(subject), i % 2 == 0 && i != 4) << subject;
    }
  }
}

}  // namespace
}  // namespace natrix::account
