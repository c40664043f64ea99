#include "operator/local/manifest/manifest.h"

#include <gmock/gmock.h>

#include <fstream>

#include "tests/support/temp_dir.h"

namespace natrix::manifest {

TEST(Manifest, ScalarsAreReadAsKubectlDoes) {
  const std::pair<const char*, const char*> table[] = {
      {"a: 1", R"({"a":1})"},
      {"a: -7", R"({"a":-7})"},
      {"a: 0644", R"({"a":420})"},
      {"a: 0o17", R"({"a":15})"},
      {"a: 0x1F", R"({"a":31})"},
      {"a: 1_000", R"({"a":1000})"},
      {"a: 1.5", R"({"a":1.5})"},
      {"a: 1e3", R"({"a":1000.0})"},
      {"a: 08", R"({"a":8.0})"},
      {"a: yes", R"({"a":true})"},
      {"a: Off", R"({"a":false})"},
      {"a: oN", R"({"a":"oN"})"},
      {"a: ~", R"({"a":null})"},
      {"a:", R"({"a":null})"},
      {"a: 'yes'", R"({"a":"yes"})"},
      {"a: \"1\"", R"({"a":"1"})"},
      {"a: 10Gi", R"({"a":"10Gi"})"},
      {"a: nats:2.10", R"({"a":"nats:2.10"})"},
      {"a: 1.2.3", R"({"a":"1.2.3"})"},
      {"a: 2026-01-02", R"({"a":"2026-01-02"})"},
      {"a: |\n  x\n  y\n", R"({"a":"x\ny\n"})"},
      {"a: [1, {b: c}]", R"({"a":[1,{"b":"c"}]})"},
      {"x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}", R"({"x":{"a":1,"b":2},"y":{"a":1,"b":3}})"},
      {R"({"json":[true,null]})", R"({"json":[true,null]})"},
      {"1: a", R"({"1":"a"})"},
  };
  for (const auto& [text, expected] : table) {
    const auto documents = parse_documents(text);
    ASSERT_TRUE(documents.ok()) << text << ": " << documents.error().message;
    ASSERT_EQ(documents->size(), 1U) << text;
    EXPECT_EQ(documents->front().dump(), expected) << text;
  }
}

TEST(Manifest, StreamsOfDocuments) {
  const auto documents = parse_documents("a: 1\n---\n# nothing\n---\nb: 2\n");
  ASSERT_TRUE(documents.ok());
  EXPECT_EQ(documents->size(), 2U);
  EXPECT_EQ(parse_documents("")->size(), 0U);
}

TEST(Manifest, ErrorsNameThePlace) {
  const std::pair<const char*, const char*> table[] = {
      {"a: 1\na: 2", "line 2"}, {"a: [", "line"}, {"a: b: c", "line 1"}, {"? [x]\n: 1", "keys"}};
  for (const auto& [text, words] : table) {
    const auto documents = parse_documents(text);
    ASSERT_FALSE(documents.ok()) << text;
    EXPECT_THAT(documents.error().message, ::testing::HasSubstr(words)) << text;
  }
}

TEST(Manifest, BombsAreRefused) {
  std::string aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    aliases += fmt::format("a{}: &a{} [", i, i);
    for (int k = 0; k < 10; ++k) aliases += fmt::format("*a{}, ", i - 1);
    aliases += "]\n";
  }
  EXPECT_FALSE(parse_documents(aliases).ok());
  EXPECT_FALSE(parse_documents(std::string(5000, '[')).ok());
}

TEST(Manifest, FilesMustHoldNamedObjects) {
  const tests::TempDir dir;
  const std::string path = dir.path() / "m.yaml";
  const auto read = [&](const char* text) {
    std::ofstream(path) << text;
    return read_manifest_file(path);
  };
  const auto good = read(
      "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: "
      "a}}\n"
      "---\napiVersion: v1\nkind: Secret\nmetadata: {name: b}\n");
  ASSERT_TRUE(good.ok()) << good.error().message;
  EXPECT_EQ(good->size(), 2U);
  for (const char* text : {"[]", "kind: X", "apiVersion: v1\nkind: X", "apiVersion: v1\nkind: List",
                           "apiVersion: v1\nkind: X\nmetadata: {}"}) {
    const auto bad = read(text);
    ASSERT_FALSE(bad.ok()) << text;
    EXPECT_THAT(bad.error().message, ::testing::HasSubstr(path)) << text;
  }
  EXPECT_FALSE(read_manifest_file(path + ".nope").ok());
}

}  // namespace natrix::manifest
