#include "broker/subject/transform.h"

#include <gtest/gtest.h>

namespace natrix::subject {
namespace {

std::string applied(std::string_view source, std::string_view destination, std::string_view to) {
  auto transform = Transform::make(source, destination);
  if (!transform) return "error: " + transform.error().message;
  return transform->apply(to).value_or("no match");
}

TEST(Transform, Wildcards) {
  EXPECT_EQ(applied("foo", "bar", "foo"), "bar");
  EXPECT_EQ(applied("foo.*.*", "bar.$2.$1", "foo.a.b"), "bar.b.a");
  EXPECT_EQ(applied("foo.*.*", "bar.{{wildcard(2)}}", "foo.a.b"), "bar.b");
  EXPECT_EQ(applied("foo.>", "bar.>", "foo.a.b"), "bar.a.b");
  EXPECT_EQ(applied(">", "pre.>", "a.b"), "pre.a.b");
  EXPECT_EQ(applied("foo.*", "bar.$1", "x.a"), "no match");
}

TEST(Transform, Functions) {
  EXPECT_EQ(applied("*", "{{split(1,-)}}", "a-b--c"), "a.b.c");
  EXPECT_EQ(applied("*", "{{SplitFromLeft(1,2)}}", "abcde"), "ab.cde");
  EXPECT_EQ(applied("*", "{{splitfromright(1,2)}}", "abcde"), "abc.de");
  EXPECT_EQ(applied("*", "{{SliceFromLeft(1,2)}}", "abcde"), "ab.cd.e");
  EXPECT_EQ(applied("*", "{{SliceFromRight(1,2)}}", "abcde"), "a.bc.de");
  EXPECT_EQ(applied("*", "{{left(1,2)}}", "abcde"), "ab");
  EXPECT_EQ(applied("*", "{{right(1,2)}}", "abcde"), "de");
  EXPECT_EQ(applied("*", "x.{{random(1)}}", "a"), "x.0");
}

TEST(Transform, PartitionsAreThoseOfNatsServer) {
  // FNV-1a, 32 bits: 'a' hashes to 0xe40c292c.
  EXPECT_EQ(applied("*", "p.{{partition(10,1)}}", "a"), "p." + std::to_string(0xe40c292cu % 10));
  EXPECT_EQ(applied("*", "p.{{partition(10)}}", "a"), "p." + std::to_string(0xe40c292cu % 10));
  EXPECT_EQ(applied("foo", "p.{{partition(1)}}", "foo"), "p.0");
}

TEST(Transform, RefusesWhatCannotBeDone) {
  for (const char* destination :
       {"", "bar..x", "bar.*", "bar.>", "bar.$2", "{{nothing(1)}}", "{{wildcard(0)}}",
        "{{split(1)}}", "{{partition(0,1)}}", "{{left(1)}}", "{{wildcard(x)}}"}) {
    EXPECT_FALSE(Transform::make("foo.*", destination)) << destination;
  }
  EXPECT_FALSE(Transform::make("foo.>", "bar"));
  EXPECT_FALSE(Transform::make("a..b", "bar"));
}

}  // namespace
}  // namespace natrix::subject
