#include "broker/storage/subject_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace natrix::storage::tests {
namespace {

TEST(SubjectTable, FindsAndOrdersAsAMapDoes) {
  std::mt19937_64 random(3);
  SubjectTable table;
  std::map<std::string, SubjectId> model;
  for (int i = 0; i < 60000; ++i) {
    std::string name = "k." + std::to_string(random() % 5000);
    if (random() % 3 != 0) {
      SubjectId id = table.intern(name);
      auto [known, fresh] = model.emplace(name, id);
      ASSERT_EQ(known->second, id);
      ASSERT_EQ(table[id].text(), name);
    } else if (auto known = model.find(name); known != model.end()) {
      ASSERT_EQ(table.find(name), known->second);
      table.erase(known->second);
      model.erase(known);
    } else {
      ASSERT_EQ(table.find(name), kNoSubject);
    }
    ASSERT_EQ(table.size(), model.size());
    if (i % 1000 != 0) continue;
    auto expected = model.begin();
    table.each(Filter("k.*"), [&](SubjectId id) {
      EXPECT_EQ(table[id].text(), expected->first);
      ++expected;
      return true;
    });
    ASSERT_EQ(expected, model.end());
  }
}

TEST(SubjectTable, WalksOnlyWhatBeginsAlike) {
  SubjectTable table;
  for (const char* name : {"a", "a.b", "a.b.c", "a.c", "ab", "b.a"}) table.intern(name);
  std::vector<std::string> seen;
  auto collect = [&](SubjectId id) { return seen.emplace_back(table[id].text()), true; };
  table.each(Filter("a.>"), collect);
  EXPECT_EQ(seen, (std::vector<std::string>{"a.b", "a.b.c", "a.c"}));
  seen.clear();
  table.each(Filter("ab"), collect);
  EXPECT_EQ(seen, (std::vector<std::string>{"ab"}));
  seen.clear();
  table.each(Filter(std::vector<std::string>{"b.*", "a"}), collect);
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b.a"}));
}

TEST(Postings, GrowShrinkAndSearch) {
  Postings postings;
  for (uint32_t chunk = 0; chunk < 100; chunk += 2)
    postings.insert(postings.end(), {chunk, 1, 0, 0});
  EXPECT_EQ(postings.size(), 50u);
  EXPECT_EQ(postings.from(51)->chunk, 52u);
  EXPECT_EQ(postings.from(99), postings.end());
  while (!postings.empty()) postings.erase(postings.begin() + postings.size() / 2);
  EXPECT_EQ(postings.from(0), postings.end());
}

}  // namespace
}  // namespace natrix::storage::tests
