#include "broker/jetstream/stream/observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace natrix::jetstream::stream {
namespace {

using ::testing::UnorderedElementsAre;

struct Fake final : Observer {
  explicit Fake(std::vector<std::string> patterns) : wanted(std::move(patterns)) {}
  void on_stored() override {}
  void on_removed(storage::Seq, storage::Seq) override {}
  [[nodiscard]] bool needs(storage::Seq) const override { return false; }
  [[nodiscard]] const storage::Filter& filter() const override { return wanted; }
  storage::Filter wanted;
};

TEST(ObserverIndex, FindsThoseThatAMessageConcerns) {
  Fake all({}), literal({"a.b"}), pattern({"a.*"}), several({"x", "a.b"});
  ObserverIndex index;
  for (Fake* one : {&all, &literal, &pattern, &several}) index.add(*one);
  auto match = [&index](std::string_view subject) {
    std::vector<Observer*> found;
    index.for_each_match(subject, [&found](Observer& one) { found.push_back(&one); });
    return found;
  };
  EXPECT_THAT(match("a.b"), UnorderedElementsAre(&all, &literal, &pattern, &several));
  EXPECT_THAT(match("a.c"), UnorderedElementsAre(&all, &pattern));
  EXPECT_THAT(match("x"), UnorderedElementsAre(&all, &several));
  index.remove(literal);
  index.remove(all);
  EXPECT_THAT(match("a.b"), UnorderedElementsAre(&pattern, &several));
  EXPECT_EQ(index.size(), 2u);
}

TEST(ObserverIndex, RemovesWithTheFilterItWasGiven) {
  Fake one({"a"});
  ObserverIndex index;
  index.add(one);
  one.wanted = storage::Filter("b");
  index.remove(one);
  EXPECT_TRUE(index.empty());
}

}  // namespace
}  // namespace natrix::jetstream::stream
