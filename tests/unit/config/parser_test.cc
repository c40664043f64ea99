#include "broker/config/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"
#include "tests/unit/config/parse_helpers.h"

namespace natrix::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The tree as JSON, or the error.
std::string parsed(std::string_view text, const FakeWorld& world = {}) {
  Result<Value> value = parse_config(text, "a.conf", world.surroundings());
  return value ? config_json(*value) : value.error().message;
}

struct Case {
  const char* text;
  const char* expected;
};

void expect_json(std::initializer_list<Case> cases) {
  for (const Case& c : cases) EXPECT_EQ(parsed(c.text), c.expected) << c.text;
}

// `expected` is what the message must contain, after "a.conf:".
void expect_errors(std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    EXPECT_THAT(parsed(c.text),
                AllOf(StartsWith("a.conf:"), HasSubstr(": Parse error: "), HasSubstr(c.expected)))
        << c.text;
  }
}

TEST(Parser, PairsInEverySpelling) {
  expect_json({
      {"", "{}"},
      {" \n\t\r\n", "{}"},
      {"foo = bar", R"({"foo":"bar"})"},
      {"foo: bar", R"({"foo":"bar"})"},
      {"foo bar", R"({"foo":"bar"})"},
      {"foo=bar", R"({"foo":"bar"})"},
      {"foo\t:\tbar \t", R"({"foo":"bar"})"},
      {"foo\nbar", R"({"foo":"bar"})"},
      {"foo : 1; bar = 2, baz 3\nx y", R"({"bar":2,"baz":3,"foo":1,"x":"y"})"},
      {"\"foo bar\": 1", R"({"foo bar":1})"},
      {"'foo:bar' = 1", R"({"foo:bar":1})"},
      {"foo=bar=baz", R"({"foo":"bar=baz"})"},
      {"a:b:c", R"({"a":"b:c"})"},
      {"a: 1\r\nb: 2\r\n", R"({"a":1,"b":2})"},
      {"a: 1\na: 2", R"({"a":2})"},
      {"A: 1\na: 2", R"({"A":1,"a":2})"},
      {"\xEF\xBB\xBF"
       "a: 1",
       R"({"a":1})"},
  });
}

TEST(Parser, CommentsAnywhereAValueMayEnd) {
  expect_json({
      {"# only\n// comments", "{}"},
      {"a: 1 # one\nb: 2 // two", R"({"a":1,"b":2})"},
      {"a: \"x\"#c", R"({"a":"x"})"},
      {"a: b#c", R"({"a":"b#c"})"},
      {"a: http://x", R"({"a":"http://x"})"},
      {"a [ # c\n1 // d\n2 # e\n]", R"({"a":[1,2]})"},
      {"a { # c\nb: 1 # d\n// e\n}", R"({"a":{"b":1}})"},
  });
}

TEST(Parser, StringsInTheirForms) {
  expect_json({
      {R"(a: "x y")", R"({"a":"x y"})"},
      {R"(a: "t\t n\n r\r q\" b\\ \x41\xc3\xa9")",
       "{\"a\":\"t\\t n\\n r\\r q\\\" b\\\\ A\xc3\xa9\"}"},
      {"a: 'raw \\t \"x\"'", R"({"a":"raw \\t \"x\""})"},
      {"a: \"two\nlines\"", R"({"a":"two\nlines"})"},
      {"a: 'two\nlines'", R"({"a":"two\nlines"})"},
      {"a: ''", R"({"a":""})"},
      {R"(a: \x65bc)", R"({"a":"ebc"})"},
      {R"(a: foo\tbar)", R"({"a":"foo\tbar"})"},
      {R"(a: \xe9)", R"({"a":"\ufffd"})"},
      {"a: foo.*", R"({"a":"foo.*"})"},
      {"a (\n one\n two )\n)\nb: 1", R"({"a":"\n one\n two )\n","b":1})"},
      {"a: (\nx\n)", R"({"a":"\nx\n"})"},
      {"a: (\r\nx\r\n)\r\nb: 1", R"({"a":"\r\nx\r\n","b":1})"},
  });
}

TEST(Parser, Booleans) {
  expect_json({
      {"a: true, b: YES, c: On", R"({"a":true,"b":true,"c":true})"},
      {"a: false, b: No, c: oFF", R"({"a":false,"b":false,"c":false})"},
      {"a: \"true\", b: 'no', c: truer", R"({"a":"true","b":"no","c":"truer"})"},
  });
}

TEST(Parser, IntegersAndSizes) {
  expect_json({
      {"a: 0, b: -1, c: 007", R"({"a":0,"b":-1,"c":7})"},
      {"a: 9223372036854775807, b: -9223372036854775808",
       R"({"a":9223372036854775807,"b":-9223372036854775808})"},
      {"a: 8k, b: 4kb, c: 3Ki, d: 4KiB", R"({"a":8000,"b":4096,"c":3072,"d":4096})"},
      {"a: 1m, b: 2MB, c: 2mi, d: 1MiB", R"({"a":1000000,"b":2097152,"c":2097152,"d":1048576})"},
      {"a: 1g, b: 1Gb", R"({"a":1000000000,"b":1073741824})"},
      {"a: 1t, b: 1TB", R"({"a":1000000000000,"b":1099511627776})"},
      {"a: 1p, b: 1pib", R"({"a":1000000000000000,"b":1125899906842624})"},
      {"a: 1e, b: 7EB", R"({"a":1000000000000000000,"b":8070450532247928832})"},
      {"a: -10k, b: [1,2]", R"({"a":-10000,"b":[1,2]})"},
      {"x {a: 5}", R"({"x":{"a":5}})"},
  });
}

TEST(Parser, FloatsDatesAndWordsThatStartWithADigit) {
  expect_json({
      {"a: 2.5, b: -0.5, c: 100.0", R"({"a":2.5,"b":-0.5,"c":100})"},
      {"a: 0.0000001, b: 12345678901234567890123.0", R"({"a":1e-7,"b":1.2345678901234568e+22})"},
      {"a: 2016-05-04T18:53:41Z", R"({"a":"2016-05-04T18:53:41Z"})"},
      {"a: 30s, b: 1h30m, c: 500ms, d: 2m", R"({"a":"30s","b":"1h30m","c":"500ms","d":2000000})"},
      {"a: 1.5s, b: -5s", R"({"a":"1.5s","b":"-5s"})"},
      {"a: 127.0.0.1, b: 127.0.0.1:4222, c: 0.0.0.0:-1",
       R"({"a":"127.0.0.1","b":"127.0.0.1:4222","c":"0.0.0.0:-1"})"},
      {"a: 1.2.3.4.example.com", R"({"a":"1.2.3.4.example.com"})"},
      {"a: 3xyz, b: 1Ghz, c: 2Pie, d: 0x10, e: 1e5",
       R"({"a":"3xyz","b":"1Ghz","c":"2Pie","d":"0x10","e":"1e5"})"},
  });
}

TEST(Parser, ArraysAndMaps) {
  expect_json({
      {"a: []", R"({"a":[]})"},
      {"a: {}", R"({"a":{}})"},
      {"a {}", R"({"a":{}})"},
      {"a [1, two, \"3 4\"]", R"({"a":[1,"two","3 4"]})"},
      {"a [\n one\n two\n]", R"({"a":["one","two"]})"},
      {"a = [\n {x: 1},\n {x: 2},\n]", R"({"a":[{"x":1},{"x":2}]})"},
      {"a { b: 1, c: 2 }", R"({"a":{"b":1,"c":2}})"},
      {"a { b: 1; c: 2; }", R"({"a":{"b":1,"c":2}})"},
      {"a { b 1\n c 2 }", R"({"a":{"b":1,"c":2}})"},
      {"a { b:\n 1 }", R"({"a":{"b":1}})"},
      {"a\n{\nb\n[\n1\n]\n}", R"({"a":{"b":[1]}})"},
      {"a { \"b\" 1, 'c' {d [[1],[2]]} }", R"({"a":{"b":1,"c":{"d":[[1],[2]]}}})"},
      {"cluster { listen: 127.0.0.1:6222\n routes [\n nats-route://a:b@h:1\n nats://c:2\n] }",
       R"({"cluster":{"listen":"127.0.0.1:6222","routes":["nats-route://a:b@h:1","nats://c:2"]}})"},
  });
}

TEST(Parser, AWholeFileInBracesAndJson) {
  expect_json({
      {R"({ "a": 1, "b": [true, false], "c": {"d": "e"}, })",
       R"({"a":1,"b":[true,false],"c":{"d":"e"}})"},
      {"{}", "{}"},
      {"# c\n{ a: 1 }\nb: 2", R"({"a":1,"b":2})"},
      {"a { b: 1 }\n}\n# one brace too many", R"({"a":{"b":1}})"},
  });
}

TEST(Parser, VariablesAreLookedUpOutwardThenInTheEnvironment) {
  FakeWorld world;
  world.variables = {
      {"INT", "22"},         {"STR", "xyz"}, {"QUOTED", "'3 x'"},          {"LIST", "[1, $INT]"},
      {"MAP", "{a {b: c}}"}, {"EMPTY", ""},  {"b", "from the environment"}};
  const Case cases[] = {
      {"b: 1\na: $b", R"({"a":1,"b":1})"},
      {"i: 1\nn { i: 2, a: $i }\nc: $i", R"({"c":1,"i":1,"n":{"a":2,"i":2}})"},
      {"b: 1\nn { l [ $b, {c: $b} ] }", R"({"b":1,"n":{"l":[1,{"c":1}]}})"},
      {"m {x: 1}\na: $m", R"({"a":{"x":1},"m":{"x":1}})"},
      {"a: $INT, s: $STR, q: $QUOTED", R"({"a":22,"q":"3 x","s":"xyz"})"},
      {"a: $LIST, m: $MAP, e: $EMPTY", R"({"a":[1,22],"e":"","m":{"a":{"b":"c"}}})"},
      {"a: \"$INT\", b: '$INT'", R"({"a":"$INT","b":"$INT"})"},
      {"a: $2a$11$xyz, b: $2b$05$u, c: $2y$x", R"({"a":"$2a$11$xyz","b":"$2b$05$u","c":"$2y$x"})"},
  };
  for (const Case& c : cases) EXPECT_EQ(parsed(c.text, world), c.expected) << c.text;
}

TEST(Parser, VariableErrorsNameVariableAndPlace) {
  FakeWorld world;
  world.variables = {{"LOOP", "$POOL"}, {"POOL", "[$LOOP]"}, {"SPACES", "a b"}, {"BAD", "{"}};
  const Case cases[] = {
      {"x: 1\na: $none", "a.conf:2:4: Parse error: variable reference for 'none' can not be found"},
      {"a: $LOOP", "variable reference cycle for 'LOOP'"},
      {"a: $SPACES", "'SPACES' could not be parsed: $SPACES:1:3: Parse error: more than one value"},
      {"a: $BAD", "'BAD' could not be parsed: $BAD:1:1: Parse error: this '{' has no closing '}'"},
      {"n { v: 1 }\na: $v", "'v' can not be found"},
  };
  for (const Case& c : cases) EXPECT_THAT(parsed(c.text, world), HasSubstr(c.expected)) << c.text;
}

TEST(Parser, MarksWhatWasUsedAsAVariable) {
  Result<Value> root = parse_config("v: 1\nw: 2\na: $v", "a.conf", FakeWorld{}.surroundings());
  ASSERT_TRUE(root);
  EXPECT_TRUE(root->find("v")->used_as_variable);
  EXPECT_FALSE(root->find("w")->used_as_variable);
  EXPECT_FALSE(root->find("a")->used_as_variable);
}

TEST(Parser, IncludesMergeKeysRelativeToTheIncludingFile) {
  FakeWorld world;
  world.files = {{"etc/sub/users.conf", "pass: secret\nuser { p: $pass }\ninclude ./more.conf"},
                 {"etc/sub/more.conf", "more: yes"},
                 {"/abs.conf", "abs: 1"}};
  auto check = [&](const char* text, const char* expected) {
    Result<Value> value = parse_config(text, "etc/main.conf", world.surroundings());
    ASSERT_TRUE(value) << value.error().message;
    EXPECT_EQ(config_json(*value), expected) << text;
  };
  const char* merged = R"({"a":1,"more":true,"pass":"secret","user":{"p":"secret"},"x":"secret"})";
  check("a: 1\ninclude sub/users.conf\nx: $pass", merged);
  check("a: 1\nInclude 'sub/users.conf'; x: $pass", merged);
  check("include \"sub/../sub/users.conf\" # c\na: 1, x: $pass", merged);
  check("include /abs.conf", R"({"abs":1})");
  check("m { include sub/more.conf }", R"({"m":{"more":true}})");
  check("m { include sub/more.conf; b: 1 }", R"({"m":{"b":1,"more":true}})");
  check("include: x", R"({"include":"x"})");
  check("\"include\" x", R"({"include":"x"})");
}

TEST(Parser, IncludeErrorsNameBothFiles) {
  FakeWorld world;
  world.files = {{"bad.conf", "x: 1\ny: ["}, {"b.conf", "include a.conf"}, {"a.conf", ""}};
  EXPECT_THAT(parsed("\n include none.conf", world),
              HasSubstr("a.conf:2:2: Parse error: error parsing include file 'none.conf': open "
                        "none.conf: no such file"));
  EXPECT_THAT(parsed("include bad.conf", world),
              HasSubstr("bad.conf:2:4: Parse error: this '[' has no closing ']' (included from "
                        "a.conf:1:1)"));
  EXPECT_THAT(parsed("include b.conf", world),
              HasSubstr("b.conf:1:1: Parse error: error parsing include file 'a.conf': the file "
                        "includes itself"));
  EXPECT_THAT(parsed("include ./x/../a.conf", world), HasSubstr("the file includes itself"));
  for (const char* text : {"include [x]", "include\nx", "include 5x", "include ", "include 'x"})
    EXPECT_THAT(parsed(text, world), HasSubstr("Parse error")) << text;
}

TEST(Parser, LongChainsOfIncludesEnd) {
  FakeWorld world;
  for (int i = 0; i < 100; ++i)
    world.files[std::to_string(i)] = "include ./" + std::to_string(i + 1);
  EXPECT_THAT(parsed("include ./0", world), HasSubstr("files are included more than 32 deep"));
}

TEST(Parser, ErrorsNamePlaceAndRemedy) {
  expect_errors({
      {"a", "a.conf:1:1: Parse error: key \"a\" has no value"},
      {"\n  a\n", ":2:3: Parse error: key \"a\" has no value"},
      {"a:\nb: 1", ":1:1: Parse error: key \"a\" has no value"},
      {"x { a }", ":1:5: Parse error: key \"a\" has no value"},
      {"x { a: }", "key \"a\" has no value"},
      {"x { a: ,b: 1}", "key \"a\" has no value"},
      {"x {\n a: 1", ":1:3: Parse error: this '{' has no closing '}'"},
      {"x: [1", ":1:4: Parse error: this '[' has no closing ']'"},
      {"x: [,1]", "a value was expected but got ','"},
      {"x: [1}", "but got '}'"},
      {"x: {]", "a key was expected but got ']'"},
      {"x: \"abc", ":1:4: Parse error: this string has no closing quote"},
      {"x: 'abc", "this string has no closing quote"},
      {"\"x: 1", "this quoted key has no closing quote"},
      {"x (\nabc", "this block has no closing ')'"},
      {":x", "got the separator ':'"},
      {"a: 1 b: 2", ":1:6: Parse error: the value should end with a new line"},
      {"a: b c", "put a value that has spaces in quotes"},
      {"a: don't", "the value should end"},
      {"a: \"x\"y", "the value should end"},
      {"a: .5", "must start with a digit"},
      {"a: 5.", "expected after '.'"},
      {"a: -x", "expected after '-'"},
      {"a: 1-2", "2006-01-02T15:04:05Z"},
      {"a: 2016-05-04", "2006-01-02T15:04:05Z"},
      {"a: 2016-13-04T18:53:41Z", "no date of the calendar"},
      {"a: 2016-02-30T18:53:41Z", "no date of the calendar"},
      {"a: 2016-02-03T24:00:00Z", "no date of the calendar"},
      {"a: 9223372036854775808", "out of range"},
      {"a: 10eb", "out of range"},
      {"a: 5kbi", "unknown suffix"},
      {R"(a: "\q")", R"(invalid escape \q)"},
      {R"(a: "\x4")", "two hexadecimal digits"},
      {"a: x\\", "invalid escape"},
      {"a: 1,,b: 2", "a key was expected but got ','"},
      {";", "a key was expected but got ';'"},
      {"a: 1\n}\nb: 2", ":2:1: Parse error: this '}' closes nothing"},
      {"a: $", "variable reference for ''"},
  });
  EXPECT_THAT(parsed(std::string_view("a: 1\nb: \"\0\"", 12)),
              HasSubstr("a.conf:2:5: Parse error: a NUL byte"));
}

TEST(Parser, NestingIsBounded) {
  auto nested = [](int depth) {
    return "a: " + std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_THAT(parsed(nested(kMaxNesting)), StartsWith("{"));
  EXPECT_THAT(parsed(nested(kMaxNesting + 1)), HasSubstr("nested too deeply"));
  EXPECT_THAT(parsed(nested(1'000'000)), HasSubstr("nested too deeply"));
  std::string maps;
  for (int i = 0; i < 200; ++i) maps += "a {";
  EXPECT_THAT(parsed(maps), HasSubstr("nested too deeply"));
  // Nor may files add up.
  FakeWorld world;
  std::string forty(40, '[');
  for (int i = 0; i < 4; ++i)
    world.files[fmt::format("{}", i)] = fmt::format("a: {} {{ include ./{} }}", forty, i + 1);
  EXPECT_THAT(parsed("include ./0", world), HasSubstr("2:1:22: Parse error: maps and arrays"));
  // References must not build what brackets may not.
  std::string chain = "v0: [1]\n";
  for (int i = 0; i < 200; ++i) chain += fmt::format("v{}: [$v{}]\n", i + 1, i);
  EXPECT_THAT(parsed(chain), HasSubstr("nested too deeply"));
}

TEST(Parser, ReferencesCannotGrowTheTreeWithoutEnd) {
  std::string doubling = "v0: [1, 2]\n";
  for (int i = 0; i < 40; ++i) doubling += fmt::format("v{}: [$v{}, $v{}]\n", i + 1, i, i);
  EXPECT_THAT(parsed(doubling), HasSubstr("the configuration is too large"));
  std::string texts = "t: \"" + std::string(1 << 20, 'x') + "\"\n";
  for (int i = 0; i < 300; ++i) texts += fmt::format("v{}: $t\n", i);
  EXPECT_THAT(parsed(texts), HasSubstr("the configuration is too large"));
}

TEST(Parser, PositionsAreThoseOfKeysAndElements) {
  Result<Value> root =
      parse_config("a: 1\n  b {\n\tc: x }\nd [ 1,\n   2 ]", "f.conf", FakeWorld{}.surroundings());
  ASSERT_TRUE(root);
  EXPECT_EQ(root->find("a")->position.text(), "f.conf:1:1");
  EXPECT_EQ(root->find("b")->position.text(), "f.conf:2:3");
  EXPECT_EQ(root->find("b")->find("c")->position.text(), "f.conf:3:2");
  EXPECT_EQ(root->find("d")->items[1].position.text(), "f.conf:5:4");
  EXPECT_EQ(root->find("nothing"), nullptr);
}

TEST(Parser, TheDigestIsThatOfNatsServer) {
  // Computed by nats-server 2.15 for the same texts.
  auto digest = [](const char* text) {
    Result<Value> root = parse_config(text, "", FakeWorld{}.surroundings());
    return root ? config_digest(*root) : root.error().message;
  };
  EXPECT_EQ(digest("a: [\"30s\"]"),
            "sha256:40acd8d7addc6cc16baaa787de8f266b9914b427f9a18d0183409978b6d36dbc");
  EXPECT_EQ(digest("a: [127.0.0.1:4222]"),
            "sha256:98885b8bdaeafe4c72ea7165b5cc265c0b6f29cd7c1982f3d10edd403875dc3b");
}

TEST(ProcessSurroundings, ReadFilesAndTheEnvironment) {
  tests::TempDir dir;
  std::string path = dir.write("x.conf", "a: $NATRIX_CONFIG_TEST\ninclude y.conf");
  dir.write("y.conf", "b: 2");
  ASSERT_EQ(setenv("NATRIX_CONFIG_TEST", "7", 1), 0);
  Result<Value> root = parse_config_file(path, process_surroundings());
  unsetenv("NATRIX_CONFIG_TEST");
  ASSERT_TRUE(root) << root.error().message;
  EXPECT_EQ(config_json(*root), R"({"a":7,"b":2})");

  Result<Value> missing = parse_config_file(dir.path() / "none", process_surroundings());
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("none: No such file or directory"));
  EXPECT_FALSE(parse_config_file(dir.path(), process_surroundings()));
}

}  // namespace
}  // namespace natrix::config
