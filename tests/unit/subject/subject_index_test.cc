#include "broker/subject/subject_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "tests/unit/subject/index_fixture.h"

namespace natrix::subject {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class SubjectIndexTest : public ::testing::Test {
 protected:
  ~SubjectIndexTest() override {
    for (Subscription* sub : all_) Subscription::destroy(sub);
  }
  Subscription* add(std::string_view sid, std::string_view subject, std::string_view queue = {},
                    Origin origin = Origin::kLocal) {
    all_.push_back(Subscription::create(nullptr, 0, origin, sid));
    index.insert(all_.back(), subject, queue);
    return all_.back();
  }

  EpochDomain domain;
  SubjectIndex index{domain};

 private:
  std::vector<Subscription*> all_;
};

TEST_F(SubjectIndexTest, FindsLiteralsAndPatterns) {
  add("1", "a.b");
  add("2", "a.*");
  add("3", "a.>");
  add("4", ">");
  add("5", "*.b");
  add("6", "a");
  add("7", "*");
  add("8", "a.b.c");
  EXPECT_THAT(find(index, "a.b").plain, ElementsAre("1", "2", "3", "4", "5"));
  EXPECT_THAT(find(index, "a").plain, ElementsAre("4", "6", "7"));
  EXPECT_THAT(find(index, "a.b.c").plain, ElementsAre("3", "4", "8"));
  EXPECT_THAT(find(index, "x.b").plain, ElementsAre("4", "5"));
  EXPECT_THAT(find(index, "x.y.z").plain, ElementsAre("4"));
}

TEST_F(SubjectIndexTest, WildcardCharactersInsideTokensAreLiteral) {
  add("1", "a*.b");
  add("2", "a.>>");
  EXPECT_THAT(find(index, "a*.b").plain, ElementsAre("1"));
  EXPECT_THAT(find(index, "ax.b").plain, IsEmpty());
  EXPECT_THAT(find(index, "a.>>").plain, ElementsAre("2"));
  EXPECT_THAT(find(index, "a.b").plain, IsEmpty());
}

// Servers route what is published to a wildcard subject (only pedantic clients are told off): the
// tokens then stand for themselves.
TEST_F(SubjectIndexTest, PublishedWildcardsMatchAsTokens) {
  add("1", "a.*");
  add("2", "a.b");
  add("3", "a.>");
  EXPECT_THAT(find(index, "a.*").plain, ElementsAre("1", "3"));
  EXPECT_THAT(find(index, "a.>").plain, ElementsAre("1", "3"));
}

TEST_F(SubjectIndexTest, SubscriptionsKnowTheirSubject) {
  Subscription* plain = add("1", "a.b");
  Subscription* pattern = add("2", "a.*.>");
  Subscription* member = add("3", "a.b", "workers");
  EXPECT_EQ(plain->subject(), "a.b");
  EXPECT_EQ(plain->queue(), "");
  EXPECT_EQ(pattern->subject(), "a.*.>");
  EXPECT_EQ(member->subject(), "a.b");
  EXPECT_EQ(member->queue(), "workers");
  ASSERT_NE(member->group(), nullptr);
  EXPECT_EQ(member->group()->entry, plain->entry());
}

TEST_F(SubjectIndexTest, GroupsOfTheSameNameOnDifferentSubjectsAreSeparate) {
  add("1", "a.b", "q");
  add("2", "a.b", "q");
  add("3", "a.b", "other");
  add("4", "a.*", "q");
  add("5", "a.b");
  Found found = find(index, "a.b");
  EXPECT_THAT(found.plain, ElementsAre("5"));
  EXPECT_THAT(found.groups,
              ElementsAre(Pair("other", ElementsAre("3")), Pair("q", ElementsAre("1", "2")),
                          Pair("q", ElementsAre("4"))));
}

TEST_F(SubjectIndexTest, AnEntryChangesItsFormAndBack) {
  Subscription* one = add("1", "a");
  Subscription* two = add("2", "a");
  EXPECT_THAT(find(index, "a").plain, ElementsAre("1", "2"));
  index.remove(one);
  EXPECT_THAT(find(index, "a").plain, ElementsAre("2"));
  index.remove(two);
  EXPECT_THAT(find(index, "a").plain, IsEmpty());
  add("3", "a");
  add("4", "a", "q");
  EXPECT_THAT(find(index, "a").plain, ElementsAre("3"));
  EXPECT_THAT(find(index, "a").groups, ElementsAre(Pair("q", ElementsAre("4"))));
}

TEST_F(SubjectIndexTest, RemovingAPatternKeepsItsNeighbours) {
  Subscription* deep = add("1", "a.*.c.>");
  add("2", "a.*");
  Subscription* rest = add("3", "a.*.>");
  index.remove(deep);
  EXPECT_THAT(find(index, "a.b.c.d").plain, ElementsAre("3"));
  index.remove(rest);
  EXPECT_THAT(find(index, "a.b.c.d").plain, IsEmpty());
  EXPECT_THAT(find(index, "a.b").plain, ElementsAre("2"));
}

TEST_F(SubjectIndexTest, PlainInterestIsToldAtItsEndsOnly) {
  InterestRecord record;
  index.set_listener(&record);
  Subscription* one = add("1", "a");
  Subscription* two = add("2", "a");
  Subscription* route = add("r", "a", {}, Origin::kRoute);
  EXPECT_THAT(record.events, ElementsAre("a|=1"));
  index.remove(one);
  EXPECT_THAT(record.events, ElementsAre("a|=1"));
  index.remove(two);
  EXPECT_THAT(record.events, ElementsAre("a|=1", "a|=0"));
  index.remove(route);
  add("3", "a");
  EXPECT_THAT(record.events, ElementsAre("a|=1", "a|=0", "a|=1"));
}

TEST_F(SubjectIndexTest, QueueInterestIsToldWithEveryMember) {
  InterestRecord record;
  index.set_listener(&record);
  Subscription* one = add("1", "a.*", "q");
  Subscription* two = add("2", "a.*", "q");
  add("r", "a.*", "q", Origin::kRoute);
  add("3", "a.*", "p");
  index.remove(one);
  index.remove(two);
  EXPECT_THAT(record.events, ElementsAre("a.*|q=1", "a.*|q=2", "a.*|p=1", "a.*|q=1", "a.*|q=0"));
}

TEST_F(SubjectIndexTest, ALocalSubscriptionBesideARoutedOneIsToldToo) {
  InterestRecord record;
  index.set_listener(&record);
  add("r", "a", {}, Origin::kRoute);
  Subscription* local = add("1", "a");
  index.remove(local);
  EXPECT_THAT(record.events, ElementsAre("a|=1", "a|=0"));
}

TEST_F(SubjectIndexTest, StatsCount) {
  Subscription* one = add("1", "a");
  add("2", "a.*", "q");
  index.remove(one);
  IndexStats stats = index.stats();
  EXPECT_EQ(stats.subscriptions, 1U);
  EXPECT_EQ(stats.inserts, 2U);
  EXPECT_EQ(stats.removes, 1U);
  EXPECT_EQ(index.size(), 1U);
  std::vector<std::string> all;
  index.for_each([&](const Subscription& sub) { all.emplace_back(sub.subject()); });
  EXPECT_THAT(all, UnorderedElementsAre("a.*"));
}

TEST_F(SubjectIndexTest, AChangeOutdatesWhatItConcerns) {
  add("0", "seed");
  auto outdated = [&](std::string_view literal, auto&& change) {
    Generations kept = index.generations(literal);
    EXPECT_TRUE(kept.current());
    change();
    return !kept.current();
  };
  EXPECT_TRUE(outdated("a.b", [&] { add("1", "a.b"); }));
  EXPECT_TRUE(outdated("a.b", [&] { add("2", "a.*"); }));
  EXPECT_TRUE(outdated("a.b", [&] { add("3", "a.>", "q"); }));
  EXPECT_TRUE(outdated("a.b", [&] { add("4", "*.b"); }));
  EXPECT_TRUE(outdated("a.b", [&] { add("5", ">"); }));
  Subscription* sub = add("6", "a.b", "q");
  EXPECT_TRUE(outdated("a.b", [&] { index.remove(sub); }));
}

// Runs what a test wants in the middle of a removal, when the listener is told.
class Meanwhile final : public InterestListener {
 public:
  explicit Meanwhile(std::function<void()> f) : f_(std::move(f)) {}
  void interest_changed(std::string_view, std::string_view, uint32_t) override { f_(); }

 private:
  std::function<void()> f_;
};

// A reader that begins in the middle of a removal and finds its kept match current may use it to
// the end of its turn, group names included.
TEST_F(SubjectIndexTest, AGroupOutlivesTheMatchesThatNameIt) {
  const std::string name = "a group whose name needs memory of its own";
  Subscription* last = add("1", "a", name);
  Generations kept = index.generations("a");
  std::string_view kept_name = last->queue();
  EpochSlot slot;
  domain.add(&slot);
  std::optional<EpochPin> pin;
  bool current = false;
  Meanwhile meanwhile([&] {
    pin.emplace(domain, slot);
    current = kept.current();
  });
  index.set_listener(&meanwhile);
  index.remove(last);
  index.set_listener(nullptr);
  for (int i = 0; i < 300; ++i) index.remove(add("x", "other", name));  // frees what may be freed
  ASSERT_TRUE(pin.has_value());
  EXPECT_TRUE(!current || kept_name == name);
  pin.reset();
  domain.remove(&slot);
}

// A million literal subscriptions that come and go must not outdate what is kept for the others,
// but for the few that share a counter.
TEST_F(SubjectIndexTest, AChangeLeavesMostOthersValid) {
  int outdated = 0;
  for (int i = 0; i < 200; ++i) {
    Generations kept = index.generations("busy.subject");
    add("x", "inbox.n" + std::to_string(i));
    outdated += !kept.current();
  }
  EXPECT_LT(outdated, 20);
}

TEST_F(SubjectIndexTest, ManySubscriptionsOnOneSubject) {
  std::vector<Subscription*> subs;
  for (int i = 0; i < 20000; ++i) subs.push_back(add("s", "hot", i % 2 == 0 ? "" : "q"));
  EXPECT_EQ(find(index, "hot").plain.size(), 10000U);
  for (Subscription* sub : subs) index.remove(sub);
  EXPECT_THAT(find(index, "hot").plain, IsEmpty());
  EXPECT_THAT(find(index, "hot").groups, IsEmpty());
  EXPECT_EQ(index.size(), 0U);
}

TEST_F(SubjectIndexTest, SubjectsOfManyTokens) {
  std::string deep = "t";
  for (int i = 0; i < 2000; ++i) deep += ".t";
  add("1", deep + ".*");
  add("2", deep + ".>");
  add("3", deep + ".x");
  EXPECT_THAT(find(index, deep + ".x").plain, ElementsAre("1", "2", "3"));
}

}  // namespace
}  // namespace natrix::subject
