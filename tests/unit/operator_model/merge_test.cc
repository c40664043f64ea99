#include "operator/model/config_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace natrix::model {
namespace {

std::string first_error(const char* merge) {
  const auto errors = check_merge(Json::parse(merge), "merge");
  return errors.empty() ? "" : errors.front().text();
}

TEST(CheckMerge, LetsServerConfigurationThrough) {
  EXPECT_EQ(first_error(R"({"max_payload": "8MB", "write_deadline": "30s", "accounts":
      {"A": {"users": [{"user": "a", "password": "<< $PASS >>"}]}, "a": {}}, "max_subs": null})"),
            "");
}

TEST(CheckMerge, RefusesKeysTheOperatorDependsOnInAnySpelling) {
  for (const char* key : {"listen",
                          "host",
                          "net",
                          "port",
                          "Port",
                          "SERVER_NAME",
                          "http",
                          "https",
                          "http_port",
                          "monitor_port",
                          "https_port",
                          "http_base_path",
                          "pid_file",
                          "pidfile",
                          "log_file",
                          "logfile",
                          "syslog",
                          "remote_syslog",
                          "include",
                          "lame_duck_duration",
                          "lame_duck_grace_period"}) {
    const std::string merge = Json({{key, 1}}).dump();
    EXPECT_THAT(first_error(merge.c_str()),
                testing::StartsWith(std::string("merge.") + key + ": cannot be set here: "));
  }
  for (const char* key :
       {"listen", "host", "net", "port", "routes", "Authorization", "name", "include"}) {
    const std::string merge = Json({{"Cluster", {{key, 1}}}}).dump();
    EXPECT_THAT(first_error(merge.c_str()), testing::StartsWith(std::string("merge.Cluster.") +
                                                                key + ": cannot be set here: "));
  }
}

TEST(CheckMerge, RefusesTwoSpellingsOfOneKey) {
  EXPECT_THAT(first_error(R"({"max_conn": 1, "Max_Connections": 2})"),
              testing::HasSubstr("is the same key as"));
}

TEST(CheckMerge, RefusesWhatCannotBeWritten) {
  EXPECT_THAT(first_error(R"({"a": [1, null]})"), testing::HasSubstr("merge.a[1]: a list"));
  EXPECT_THAT(first_error(R"({"a": {"b\"c": 1}})"), testing::HasSubstr("quotes"));
  EXPECT_THAT(first_error(R"({"a": {"": 1}})"), testing::HasSubstr("empty"));
  EXPECT_THAT(first_error(R"({"a": 18446744073709551615})"), testing::HasSubstr("larger"));
  EXPECT_THAT(first_error(R"({"cluster": true})"), testing::HasSubstr("must be an object"));
  std::string deep = "1";
  for (int i = 0; i < 40; ++i) deep = "{\"a\":" + deep + "}";
  EXPECT_THAT(first_error(deep.c_str()), testing::HasSubstr("nested deeper"));
}

TEST(CheckMerge, RawValuesAreOneWord) {
  EXPECT_EQ(first_error(R"({"a": "<< $NAME >>", "b": "<<1GB>>"})"), "");
  EXPECT_EQ(raw_text("<< $NAME >>"), "$NAME");
  EXPECT_EQ(raw_text("<<1GB>>"), "1GB");
  for (const char* raw : {"<< a b >>", "<< a\nport: 1 >>", "<< {} >>", "<< a; port: 1 >>", "<<>>",
                          "<< a", "<< a # >>"}) {
    const std::string merge = Json({{"a", raw}}).dump();
    EXPECT_THAT(first_error(merge.c_str()), testing::HasSubstr("one word")) << raw;
  }
}

}  // namespace
}  // namespace natrix::model
