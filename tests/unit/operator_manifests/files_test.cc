// The generated files in the repository are what the code says.
#include "operator/manifests/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "operator/manifests/rbac.h"

namespace natrix::manifests {
namespace {

using model::OrderedJson;
using testing::Contains;
using testing::Not;

TEST(GeneratedFiles, AreUpToDate) {
  for (const GeneratedFile& file : generated_files()) {
    std::ifstream in(std::string(NATRIX_SOURCE_DIR) + "/" + file.path);
    ASSERT_TRUE(in.is_open()) << file.path;
    std::stringstream text;
    text << in.rdbuf();
    EXPECT_EQ(text.str(), file.text)
        << file.path << " is old; `ninja -C build manifests` writes it";
  }
}

TEST(Rules, JoinWhatHasTheSameVerbs) {
  const OrderedJson rules =
      rules_of({{"", "a", {"get"}, ""}, {"", "b", {"get"}, ""}, {"x", "c", {"get"}, ""}});
  EXPECT_EQ(rules, OrderedJson::parse(
                       R"([{"apiGroups": [""], "resources": ["a", "b"], "verbs": ["get"]},
                           {"apiGroups": ["x"], "resources": ["c"], "verbs": ["get"]}])"));
}

TEST(Rules, NobodyMayListSecretsOrUseWildcards) {
  for (const auto* table : {&cluster_permissions(), &own_permissions()}) {
    for (const Permission& permission : *table) {
      EXPECT_FALSE(permission.why.empty()) << permission.resource;
      EXPECT_THAT(permission.verbs, Not(Contains("*"))) << permission.resource;
      if (permission.resource != "secrets") continue;
      EXPECT_THAT(permission.verbs, Not(Contains("list")));
      EXPECT_THAT(permission.verbs, Not(Contains("watch")));
    }
  }
}

}  // namespace
}  // namespace natrix::manifests
