#include "broker/subject/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace natrix::subject {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> tokens(std::string_view subject) {
  std::vector<std::string> all;
  std::string_view token;
  for (TokenCursor cursor(subject); cursor.next(token);) all.emplace_back(token);
  return all;
}

TEST(Tokens, CursorWalksEveryToken) {
  EXPECT_THAT(tokens("a"), ElementsAre("a"));
  EXPECT_THAT(tokens("a.bc.d"), ElementsAre("a", "bc", "d"));
  EXPECT_THAT(tokens(""), ElementsAre(""));
  EXPECT_THAT(tokens("."), ElementsAre("", ""));
  EXPECT_THAT(tokens("a..b."), ElementsAre("a", "", "b", ""));
}

TEST(Tokens, CursorKnowsTheRest) {
  TokenCursor cursor("a.b.c");
  std::string_view token;
  EXPECT_EQ(cursor.rest(), "a.b.c");
  EXPECT_FALSE(cursor.at_end());
  ASSERT_TRUE(cursor.next(token));
  EXPECT_EQ(cursor.rest(), "b.c");
  ASSERT_TRUE(cursor.next(token));
  ASSERT_TRUE(cursor.next(token));
  EXPECT_EQ(token, "c");
  EXPECT_TRUE(cursor.at_end());
  EXPECT_EQ(cursor.rest(), "");
  EXPECT_FALSE(cursor.next(token));
}

struct SubjectCase {
  const char* subject;
  bool pattern;
  bool literal;
};

TEST(Tokens, Validity) {
  const SubjectCase cases[] = {
      {"a", true, true},       {"a.b.c", true, true},   {"a-_$#!/:\\\"'.\xC3\xA9", true, true},
      {"*", true, false},      {">", true, false},      {"a.*", true, false},
      {"*.a", true, false},    {"a.*.b", true, false},  {"a.>", true, false},
      {"*.>", true, false},    {"a*", true, true},  // a wildcard stands alone in its token
      {"*a", true, true},      {"a.**", true, true},    {"a.>>", true, true},
      {">a.b", true, true},    {"a.>b", true, true},    {"foo.b*r.baz", true, true},
      {"", false, false},      {".", false, false},     {".a", false, false},
      {"a.", false, false},    {"a..b", false, false},  {"*.", false, false},
      {">.", false, false},    {">.a", false, false},   {"a.>.b", false, false},
      {">.>", false, false},   {" ", false, false},     {"a b", false, false},
      {"a.\tb", false, false}, {"a.b\r", false, false}, {"\na", false, false},
      {"a.\f", false, false},
  };
  for (const SubjectCase& c : cases) {
    EXPECT_EQ(is_valid_pattern(c.subject), c.pattern) << '"' << c.subject << '"';
    EXPECT_EQ(is_valid_literal(c.subject), c.literal) << '"' << c.subject << '"';
  }
}

bool valid_by_definition(const std::string& subject) {
  if (subject.find_first_of(" \t\n\r\f") != std::string::npos) return false;
  std::vector<std::string> all = tokens(subject);
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].empty() || (all[i] == ">" && i + 1 < all.size())) return false;
  }
  return true;
}

// Validity is looked at eight bytes at a time: every offset, both sides of each limit.
TEST(Tokens, ValidityDoesNotDependOnWhereAByteStands) {
  const std::string bytes = ".>* \t\n\r\f\v!/-\x01\x1F\x21=?\x7F\x80\xA0\xAE\xBE\xFF";
  for (size_t size = 1; size < 40; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (char byte : bytes) {
        std::string subject(size, 'a');
        subject[at] = byte;
        ASSERT_EQ(is_valid_pattern(subject), valid_by_definition(subject)) << subject;
        subject[(at + 1) % size] = '.';
        ASSERT_EQ(is_valid_pattern(subject), valid_by_definition(subject)) << subject;
      }
    }
  }
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string subject;
    for (size_t i = random() % 30 + 1; i > 0; --i) {
      subject += random() % 8 == 0 ? bytes[random() % bytes.size()] : 'a';
    }
    ASSERT_EQ(is_valid_pattern(subject), valid_by_definition(subject)) << subject;
  }
}

TEST(Tokens, HasWildcard) {
  for (const char* subject : {"*", ">", "a.*", "*.a", "a.*.b", "a.>", ">.a", "a*.*", "a.*."}) {
    EXPECT_TRUE(has_wildcard(subject)) << subject;
  }
  for (const char* subject : {"", "a", "a.b", "a*", "*a", "**", ">>", "a.b*.c", "a.>>", "*>"}) {
    EXPECT_FALSE(has_wildcard(subject)) << subject;
  }
}

TEST(Tokens, Count) {
  EXPECT_EQ(token_count(""), 0U);
  EXPECT_EQ(token_count("a"), 1U);
  EXPECT_EQ(token_count("a.b.>"), 3U);
  EXPECT_EQ(token_count("."), 2U);
}

struct PairCase {
  const char* a;
  const char* b;
  bool expected;
};

TEST(Tokens, Matches) {
  const PairCase cases[] = {
      {"a", "a", true},         {"a", "b", false},
      {"a", "a.b", false},      {"a.b", "a", false},
      {"*", "a", true},         {"*", "a.b", false},
      {"a.*", "a.b", true},     {"a.*", "a", false},
      {"a.*", "a.b.c", false},  {"*.b", "a.b", true},
      {"a.*.c", "a.b.c", true}, {"a.*.c", "a.b.d", false},
      {">", "a", true},         {">", "a.b.c", true},
      {"a.>", "a", false},      {"a.>", "a.b", true},
      {"a.>", "a.b.c", true},   {"a.>", "b.c", false},
      {"*.>", "a", false},      {"*.>", "a.b", true},
      {"a*", "a*", true},       {"a*", "ab", false},
      {"a.>>", "a.b", false},   {"foo.>", "foo.>", true},
      {"foo.*", "foo.*", true}, {"foo.bar", "foo.*", false},
      {"aa", "a", false},       {"a.b", "a.bb", false},
  };
  for (const PairCase& c : cases) EXPECT_EQ(matches(c.a, c.b), c.expected) << c.a << " : " << c.b;
}

bool matches_by_tokens(const std::string& pattern, const std::string& literal) {
  std::vector<std::string> want = tokens(pattern);
  std::vector<std::string> have = tokens(literal);
  for (size_t i = 0; i < want.size(); ++i) {
    if (i >= have.size()) return false;
    if (want[i] == ">" && i + 1 == want.size()) return true;
    if (want[i] != "*" && want[i] != have[i]) return false;
  }
  return want.size() == have.size();
}

TEST(Tokens, MatchesWhatTheTokensSay) {
  std::mt19937 random(3);
  auto text = [&](const std::string& bytes) {
    std::string made;
    for (size_t i = random() % 9; i > 0; --i) made += bytes[random() % bytes.size()];
    return made;
  };
  size_t matched = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string pattern = text("ab..*>");
    std::string literal = text("aab...*>");
    bool expected = matches_by_tokens(pattern, literal);
    matched += expected;
    ASSERT_EQ(matches(pattern, literal), expected) << pattern << " : " << literal;
  }
  EXPECT_GT(matched, 1'000u);
}

TEST(Tokens, Covers) {
  const PairCase cases[] = {
      {"a", "a", true},         {"a", "b", false},         {"*", "a", true},
      {"a", "*", false},        {"*", "*", true},          {">", "*", true},
      {"*", ">", false},        {">", ">", true},          {"a.>", "a.*", true},
      {"a.*", "a.>", false},    {"a.>", "a.>", true},      {"a.>", "a.b.>", true},
      {"a.b.>", "a.>", false},  {"*.>", "a.>", true},      {"a.>", "*.>", false},
      {"a.*.c", "a.b.c", true}, {"a.b.c", "a.*.c", false}, {"a.>", "a", false},
      {"*.b", "a.*", false},    {">", "a.b.c", true},      {"a.*", "a.b.c", false},
      {"*.*", "a.>", false},    {"*.>", ">", false},       {">", "*.>", true},
  };
  for (const PairCase& c : cases) EXPECT_EQ(covers(c.a, c.b), c.expected) << c.a << " : " << c.b;
}

TEST(Tokens, Overlaps) {
  const PairCase cases[] = {
      {"a", "a", true},         {"a", "b", false},         {"*", "a", true},
      {"*", "a.b", false},      {">", "a.b", true},        {"a.*", "*.b", true},
      {"a.*", "b.*", false},    {"a.*", "a.*.c", false},   {"a.>", "*.b.c", true},
      {"a.>", "a", false},      {"a.>", "b.>", false},     {"*.>", ">", true},
      {"a.*.c", "a.b.*", true}, {"a.*.c", "a.b.d", false}, {"a.>", "a.b.>", true},
  };
  for (const PairCase& c : cases) {
    EXPECT_EQ(overlaps(c.a, c.b), c.expected) << c.a << " : " << c.b;
    EXPECT_EQ(overlaps(c.b, c.a), c.expected) << c.b << " : " << c.a;
  }
}

// covers() and overlaps() speak about all subjects; here they are checked against matches() on
// every subject of up to four tokens over three words.
TEST(Tokens, CoversAndOverlapsAgreeWithMatches) {
  std::vector<std::string> subjects;
  std::vector<std::string> level{""};
  for (int depth = 0; depth < 4; ++depth) {
    std::vector<std::string> next;
    for (const std::string& head : level) {
      for (const char* word : {"a", "b", "c"}) {
        next.push_back(head.empty() ? word : head + "." + word);
      }
    }
    subjects.insert(subjects.end(), next.begin(), next.end());
    level = next;
  }
  std::mt19937 random(20260801);
  auto pattern = [&] {
    std::string text;
    size_t count = 1 + random() % 3;  // shorter than the longest subject, so that '>' has room
    for (size_t i = 0; i < count; ++i) {
      const char* words[] = {"a", "b", "*", i + 1 == count ? ">" : "*"};
      text += (i == 0 ? "" : ".") + std::string(words[random() % 4]);
    }
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    std::string outer = pattern(), inner = pattern();
    bool all = true, some = false;
    for (const std::string& subject : subjects) {
      bool in = matches(inner, subject), out = matches(outer, subject);
      all &= !in || out;
      some |= in && out;
    }
    ASSERT_EQ(covers(outer, inner), all) << outer << " : " << inner;
    ASSERT_EQ(overlaps(outer, inner), some) << outer << " : " << inner;
  }
}

}  // namespace
}  // namespace natrix::subject
