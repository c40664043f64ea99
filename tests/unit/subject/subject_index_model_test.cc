// The index against a list that is searched from end to end, over random histories. A failing seed
// repeats exactly: ModelTest/<seed>.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <random>
#include <set>

#include "broker/subject/tokens.h"
#include "tests/unit/subject/index_fixture.h"

namespace natrix::subject {
namespace {

struct Record {
  std::string subject, queue;
  Subscription* sub;
};

struct Kept {
  Generations generations;
  Found found;
};

class ModelTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  ~ModelTest() override {
    for (Record& record : model) Subscription::destroy(record.sub);
    for (Subscription* sub : removed) Subscription::destroy(sub);
  }

  uint32_t pick(uint32_t below) { return static_cast<uint32_t>(random() % below); }

  std::string subject(bool wildcards) {
    std::string text;
    uint32_t count = 1 + pick(4);
    for (uint32_t i = 0; i < count; ++i) {
      const char* words[] = {"a", "b", "c", "aa", "*", i + 1 == count ? ">" : "*"};
      text += (i == 0 ? "" : ".") + std::string(words[pick(wildcards ? 6 : 4)]);
    }
    return text;
  }

  void insert() {
    const char* queues[] = {"", "", "q1", "q2"};
    Origin origin = pick(4) == 0 ? Origin::kRoute : Origin::kLocal;
    std::string sid = std::to_string(next_sid++);
    Record record{subject(pick(2) == 0), queues[pick(4)],
                  Subscription::create(nullptr, 0, origin, sid)};
    index.insert(record.sub, record.subject, record.queue);
    model.push_back(record);
  }

  void remove() {
    size_t at = pick(static_cast<uint32_t>(model.size()));
    ASSERT_EQ(model[at].sub->subject(), model[at].subject);
    ASSERT_EQ(model[at].sub->queue(), model[at].queue);
    index.remove(model[at].sub);
    removed.push_back(model[at].sub);
    model.erase(model.begin() + static_cast<std::ptrdiff_t>(at));
  }

  [[nodiscard]] Found expected(const std::string& literal) const {
    Found found;
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> groups;
    for (const Record& record : model) {
      if (!matches(record.subject, literal)) continue;
      std::string sid(record.sub->sid());
      if (record.queue.empty()) {
        found.plain.push_back(sid);
      } else {
        groups[{record.subject, record.queue}].push_back(sid);
      }
    }
    for (auto& [key, members] : groups) {
      std::sort(members.begin(), members.end());
      found.groups.emplace_back(key.second, std::move(members));
    }
    std::sort(found.plain.begin(), found.plain.end());
    std::sort(found.groups.begin(), found.groups.end());
    return found;
  }

  [[nodiscard]] Interest expected_interest() const {
    Interest interest;
    for (const Record& record : model) {
      if (record.sub->origin != Origin::kLocal) continue;
      uint32_t& members = interest[{record.subject, record.queue}];
      members = record.queue.empty() ? 1 : members + 1;
    }
    return interest;
  }

  // A match is right, and so is what was kept of an earlier one as long as it counts as current.
  void check(const std::string& literal) {
    Generations generations = index.generations(literal);
    Found found = find(index, literal);
    ASSERT_EQ(found, expected(literal)) << literal;
    auto old = kept.find(literal);
    if (old != kept.end() && old->second.generations.current()) {
      ASSERT_EQ(old->second.found, found) << literal;
      ++hits;
    } else {
      kept[literal] = {generations, std::move(found)};
    }
  }

  std::mt19937 random{GetParam()};
  EpochDomain domain;
  SubjectIndex index{domain};
  InterestRecord listener;
  std::vector<Record> model;
  std::vector<Subscription*> removed;
  std::map<std::string, Kept> kept;
  uint32_t next_sid = 0;
  int hits = 0;
};

TEST_P(ModelTest, AgreesWithTheNaiveList) {
  index.set_listener(&listener);
  uint32_t most = 10 + pick(200);
  for (int step = 0; step < 1500; ++step) {
    bool grow = model.empty() || (model.size() < most && pick(100) < (step < 800 ? 65U : 35U));
    grow ? insert() : remove();
    ASSERT_EQ(index.size(), model.size());
    for (int i = 0; i < 3; ++i) ASSERT_NO_FATAL_FAILURE(check(subject(false))) << "step " << step;
    if (step % 50 == 0) {
      ASSERT_EQ(listener.known, expected_interest()) << "step " << step;
    }
  }
  EXPECT_GT(hits, 0) << "nothing kept was ever current";
  while (!model.empty()) remove();
  EXPECT_TRUE(listener.known.empty());
  EXPECT_TRUE(find(index, "a.b").plain.empty());
}

TEST_P(ModelTest, ForEachGivesAll) {
  for (int i = 0; i < 300; ++i) insert();
  for (int i = 0; i < 100; ++i) remove();
  std::multiset<std::string> listed, expected;
  index.for_each([&](const Subscription& sub) {
    listed.insert(std::string(sub.subject()) + "|" + std::string(sub.queue()));
  });
  for (const Record& one : model) expected.insert(one.subject + "|" + one.queue);
  EXPECT_EQ(listed, expected);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, ::testing::Range(1U, 41U));

}  // namespace
}  // namespace natrix::subject
