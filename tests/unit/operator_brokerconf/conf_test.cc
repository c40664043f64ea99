#include "operator/brokerconf/conf.h"

#include <gtest/gtest.h>

namespace natrix::brokerconf {
namespace {

using model::Json;

std::string merged(Map map, const char* merge) {
  merge_into(map, Json::parse(merge));
  return to_text(map);
}

TEST(ConfText, WritesEveryKindOfValue) {
  Map map;
  set(map, "name", {std::string("a \"b\"\\\n\t\x01 \xc3\xa9")});
  set(map, "number", {int64_t{-5}});
  set(map, "real", {2.0});
  set(map, "flag", {true});
  set(map, "raw", {Raw{"$NAME"}});
  set(map, "empty", {List{}});
  set(map, "list", {List{{std::string("x")}, {Map{{"k", {int64_t{1}}}}}, {List{{int64_t{2}}}}}});
  set(map, "odd key", {Map{{"a.b", {false}}}});
  set(map, "include", {Include{"other.conf"}});
  EXPECT_EQ(to_text(map),
            "name: \"a \\\"b\\\"\\\\\\n\\t\\x01 \xc3\xa9\"\n"
            "number: -5\n"
            "real: 2.0\n"
            "flag: true\n"
            "raw: $NAME\n"
            "empty: []\n"
            "list: [\n"
            "  \"x\"\n"
            "  {\n"
            "    k: 1\n"
            "  }\n"
            "  [\n"
            "    2\n"
            "  ]\n"
            "]\n"
            "\"odd key\" {\n"
            "  \"a.b\": false\n"
            "}\n"
            "include \"other.conf\"\n");
}

TEST(ConfText, NoValueBecomesAnotherKind) {
  // Each of these, unquoted, would be a number, a boolean, a duration, a variable or an include.
  for (const char* word :
       {"12", "true", "30s", "$HOME", "1GB", "2a", "include x", "# no", "{}", ""}) {
    EXPECT_EQ(to_text(Map{{"k", {std::string(word)}}}), std::string("k: \"") + word + "\"\n");
  }
  EXPECT_EQ(to_text(Map{{"include", {std::string("x")}}}), "\"include\": \"x\"\n");
  EXPECT_EQ(to_text(Map{{"k", {1e22}}}), "k: 10000000000000000000000.0\n");
}

TEST(ConfMerge, MergesMapsAndReplacesTheRest) {
  const Map base = {{"max_payload", {int64_t{1}}},
                    {"cluster", {Map{{"pool_size", {int64_t{3}}}, {"no_advertise", {true}}}}}};
  EXPECT_EQ(merged(base, R"({"Max_Payload": "8MB", "cluster": {"POOL_SIZE": 5}, "max_subs": 7})"),
            "max_payload: \"8MB\"\n"
            "cluster {\n"
            "  pool_size: 5\n"
            "  no_advertise: true\n"
            "}\n"
            "max_subs: 7\n");
  EXPECT_EQ(merged({{"max_connections", {int64_t{1}}}}, R"({"max_conn": "<< $LIMIT >>"})"),
            "max_connections: $LIMIT\n");
}

TEST(ConfMerge, NullRemoves) {
  EXPECT_EQ(merged({{"debug", {true}}, {"trace", {true}}}, R"({"debug": null, "absent": null})"),
            "trace: true\n");
}

TEST(ConfMerge, NamesOfAccountsKeepTheirCase) {
  EXPECT_EQ(merged({}, R"({"accounts": {"App": {"users": []}, "app": {}}})"),
            "accounts {\n  App {\n    users: []\n  }\n  app {\n  }\n}\n");
}

}  // namespace
}  // namespace natrix::brokerconf
