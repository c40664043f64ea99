// What a counter stream stores for published and for sourced increments, and when it is broken.
#include "broker/jetstream/counter/counter.h"

#include <gtest/gtest.h>

namespace natrix::jetstream::counter {
namespace {

TEST(CounterTest, TheFirstIncrementIsTheTotal) {
  auto change = add(std::nullopt, "+5");
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->body, R"({"val":"5"})");
  EXPECT_EQ(change->increment, "+5");
  EXPECT_EQ(change->sources, "");
  EXPECT_EQ(change->total.text(), "5");
}

TEST(CounterTest, AddsToTheLastTotalAndKeepsItsSources) {
  Last last{R"({"val":"18446744073709551615"})", R"({"S":{"a":"7"}})"};
  auto change = add(last, "1");
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->body, R"({"val":"18446744073709551616"})");
  EXPECT_EQ(change->sources, R"({"S":{"a":"7"}})");
  EXPECT_EQ(add(Last{R"({"val":"2"})", ""}, "-5")->body, R"({"val":"-3"})");
}

TEST(CounterTest, ABodyWithoutValueIsZero) {
  EXPECT_EQ(total_of("{}")->text(), "0");
  EXPECT_EQ(total_of(R"({"val":null})")->text(), "0");
  EXPECT_EQ(total_of(R"({"val":"","more":1})")->text(), "0");
}

TEST(CounterTest, Faults) {
  for (const char* increment : {"", "x", "1.5", "+"}) {
    auto change = add(std::nullopt, increment);
    ASSERT_FALSE(change.ok());
    EXPECT_EQ(change.error(), Fault::kInvalidIncrement);
  }
  for (const char* body : {"", "1", "[]", "{", "hello", R"({"val":1})", R"({"val":"x"})", "\xff"}) {
    auto change = add(Last{body, ""}, "1");
    ASSERT_FALSE(change.ok()) << body;
    EXPECT_EQ(change.error(), Fault::kBroken);
    auto sourced = add_sourced(std::nullopt, "S 1", "a", body);
    ASSERT_FALSE(sourced.ok()) << body;
    EXPECT_EQ(sourced.error(), Fault::kBroken);
  }
  for (const char* sources : {"x", "[]", R"({"S":1})", R"({"S":{"a":1}})"}) {
    EXPECT_FALSE(add(Last{R"({"val":"1"})", sources}, "1").ok()) << sources;
  }
  EXPECT_FALSE(
      add_sourced(Last{R"({"val":"1"})", R"({"S":{"a":"x"}})"}, "S 1", "a", R"({"val":"1"})").ok());
}

TEST(CounterTest, ASourceIsTakenOverOnce) {
  std::string source = "ORIGIN:abcd 12 a.> > a.b";
  auto first = add_sourced(std::nullopt, source, "here", R"({"val":"10"})");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->body, R"({"val":"10"})");
  EXPECT_EQ(first->increment, "10");
  EXPECT_EQ(first->sources, R"({"ORIGIN:abcd":{"a.b":"10"}})");
  // It says 13 now: 3 more, although 5 were added here in between.
  auto own = add(Last{first->body, first->sources}, "5");
  ASSERT_TRUE(own.ok());
  auto second = add_sourced(Last{own->body, own->sources}, source, "here", R"({"val":"13"})");
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->body, R"({"val":"18"})");
  EXPECT_EQ(second->increment, "3");
  // The same again changes nothing, and less takes away.
  auto third = add_sourced(Last{second->body, second->sources}, source, "here", R"({"val":"13"})");
  EXPECT_EQ(third->increment, "0");
  auto fourth = add_sourced(Last{third->body, third->sources}, source, "here", R"({"val":"-1"})");
  EXPECT_EQ(fourth->increment, "-14");
  EXPECT_EQ(fourth->body, R"({"val":"4"})");
}

TEST(CounterTest, SourcesAreKeptByStreamAndOriginalSubject) {
  Sources sources{{"A", {{"x", "1"}, {"y", "-2"}}}, {"B", {{"z", "3"}}}};
  std::string text = sources_text(sources);
  EXPECT_EQ(text, R"({"A":{"x":"1","y":"-2"},"B":{"z":"3"}})");
  EXPECT_EQ(*parse_sources(text), sources);
  EXPECT_TRUE(parse_sources("null")->empty());
  EXPECT_TRUE(parse_sources(R"({"A":null})")->empty());
  // A header of the old form names no subject: that of the message counts.
  auto change = add_sourced(Last{R"({"val":"2"})", text}, "A 9", "x", R"({"val":"4"})");
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->increment, "3");
  EXPECT_EQ(change->sources, R"({"A":{"x":"4","y":"-2"},"B":{"z":"3"}})");
}

}  // namespace
}  // namespace natrix::jetstream::counter
