#include "operator/model/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/model/cluster_schema.h"
#include "operator/model/crd.h"

namespace natrix::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Schema sample() {
  return Schema::object(
      "",
      {{"size", Schema::integer("", 1, 10).by_default(3)},
       {"mode", Schema::string("").one_of({"A", "B"}), true},
       {"inner", Schema::object("", {{"flag", Schema::boolean("").by_default(true)}})
                     .by_default(Json::object())},
       {"names", Schema::array("", Schema::string("").length(1, 4)).items(0, 3).list_set()},
       {"amount", Schema::int_or_string("").length(1, 4).matching("^[0-9]+%$", "a percentage")}});
}

std::vector<std::string> errors_of(const char* text) {
  Json value = Json::parse(text);
  std::vector<std::string> out;
  for (const FieldError& error : sample().complete(value, nullptr, "spec"))
    out.push_back(error.text());
  return out;
}

TEST(Schema, FillsInDefaultsAndDropsNulls) {
  Json value = Json::parse(R"({"mode": "A", "names": null})");
  EXPECT_THAT(sample().complete(value, nullptr, "spec"), IsEmpty());
  EXPECT_EQ(value, Json::parse(R"({"mode": "A", "size": 3, "inner": {"flag": true}})"));
}

// Seen on a real API server: a bound of 2^63 - 1 makes it refuse every number.
TEST(Schema, WritesOnlyBoundsThatApiServersCanHold) {
  EXPECT_EQ(Schema::integer("", 0, INT64_MAX).openapi().dump(),
            R"({"type":"integer","format":"int64","minimum":0})");
  EXPECT_EQ(Schema::integer("", INT64_MIN, INT64_MAX).openapi().dump(),
            R"({"type":"integer","format":"int64"})");
  const std::string crd = cluster_crd().dump();
  EXPECT_EQ(crd.find("922337203685477580"), std::string::npos);
}

TEST(Schema, NamesTheFieldThatIsWrong) {
  EXPECT_THAT(errors_of(R"({})"), ElementsAre("spec.mode: is required"));
  EXPECT_THAT(errors_of(R"({"mode": "C"})"),
              ElementsAre("spec.mode: must be one of A, B, not \"C\""));
  EXPECT_THAT(errors_of(R"({"mode": "A", "size": 11})"),
              ElementsAre("spec.size: must be at most 10, not 11"));
  EXPECT_THAT(errors_of(R"({"mode": "A", "size": 18446744073709551615})"),
              ElementsAre(HasSubstr("must be at most 10")));
  EXPECT_THAT(errors_of(R"({"mode": "A", "size": "1"})"),
              ElementsAre("spec.size: must be an integer, not \"1\""));
  EXPECT_THAT(errors_of(R"({"mode": "A", "inner": {"flag": "yes"}})"),
              ElementsAre("spec.inner.flag: must be true or false, not \"yes\""));
  EXPECT_THAT(errors_of(R"({"mode": "A", "inner": []})"),
              ElementsAre("spec.inner: must be an object, not []"));
  EXPECT_THAT(errors_of(R"({"mode": "A", "inner": {"flg": true}})"),
              ElementsAre("spec.inner.flg: unknown field; known here: flag"));
  EXPECT_THAT(errors_of(R"({"mode": "A", "names": ["a", "a"]})"),
              ElementsAre(HasSubstr("spec.names[1]: is there twice")));
  EXPECT_THAT(errors_of(R"({"mode": "A", "names": ["a", ""]})"),
              ElementsAre("spec.names[1]: must have at least 1 characters, has 0"));
  EXPECT_THAT(errors_of(R"({"mode": "A", "names": ["a", "b", "c", "d"]})"),
              ElementsAre("spec.names: must have at most 3 items, has 4"));
  EXPECT_THAT(errors_of(R"({"mode": "A", "amount": "5"})"),
              ElementsAre("spec.amount: must be a percentage, not \"5\""));
  EXPECT_THAT(errors_of(R"({"mode": "A", "amount": true})"),
              ElementsAre("spec.amount: must be an integer or a string, not true"));
}

TEST(Schema, ReportsABoundedNumberOfErrors) {
  Json value = Json::object();
  for (int i = 0; i < 100; ++i) value["x" + std::to_string(i)] = i;
  EXPECT_EQ(sample().complete(value, nullptr, "").size(), Schema::kMaxErrors);
}

TEST(Schema, OpenApiSaysTheSame) {
  const OrderedJson out = sample().openapi();
  EXPECT_EQ(out["required"], OrderedJson::array({"mode"}));
  EXPECT_EQ(
      out["properties"]["size"],
      OrderedJson::parse(
          R"({"type": "integer", "format": "int32", "default": 3, "minimum": 1, "maximum": 10})"));
  EXPECT_EQ(out["properties"]["names"]["x-kubernetes-list-type"], "set");
  EXPECT_EQ(out["properties"]["amount"]["x-kubernetes-int-or-string"], true);
}

// What an API server demands of a structural schema.
void expect_structural(const OrderedJson& node, const std::string& path) {
  const bool int_or_string = node.contains("x-kubernetes-int-or-string");
  EXPECT_TRUE(node.contains("type") || int_or_string) << path;
  if (node.value("type", "") == "array") {
    EXPECT_TRUE(node.contains("items")) << path;
    const std::string type = node.value("x-kubernetes-list-type", "");
    EXPECT_TRUE(type == "atomic" || type == "set" || type == "map") << path;
    if (type == "map") {
      for (const auto& key : node["x-kubernetes-list-map-keys"]) {
        EXPECT_TRUE(node["items"]["properties"].contains(key.get<std::string>())) << path;
        const auto required = node["items"].value("required", std::vector<std::string>());
        EXPECT_THAT(required, testing::Contains(key.get<std::string>())) << path;
      }
    }
    expect_structural(node["items"], path + "[]");
  }
  if (node.contains("properties")) {
    for (const auto& [name, child] : node["properties"].items()) {
      expect_structural(child, path + "." + name);
    }
  }
  if (node.contains("additionalProperties")) {
    EXPECT_FALSE(node.contains("properties")) << path;
    expect_structural(node["additionalProperties"], path + ".*");
  }
}

TEST(Crd, IsStructuralAndHasWhatKubectlNeeds) {
  const OrderedJson crd = cluster_crd();
  const OrderedJson& version = crd["spec"]["versions"][0];
  expect_structural(version["schema"]["openAPIV3Schema"], "");
  EXPECT_EQ(crd["metadata"]["name"], "natsclusters.natrix.dev");
  EXPECT_EQ(crd["spec"]["names"]["shortNames"], OrderedJson::array({"nc"}));
  EXPECT_EQ(version["subresources"]["scale"]["labelSelectorPath"], ".status.selector");
  EXPECT_TRUE(version["subresources"].contains("status"));
}

// A user must be able to learn every field from kubectl explain.
void expect_described(const OrderedJson& node, const std::string& path) {
  if (node.contains("properties")) {
    for (const auto& [name, child] : node["properties"].items()) {
      const bool own = path.rfind(".spec", 0) == 0;
      const bool nested = child.contains("properties") || child.contains("items");
      if (own && !nested && path.find("tolerations") == std::string::npos) {
        EXPECT_FALSE(child.value("description", "").empty()) << path << "." << name;
      }
      expect_described(child, path + "." + name);
    }
  }
  if (node.contains("items")) expect_described(node["items"], path + "[]");
}

TEST(Crd, DescribesEveryFieldOfTheSpec) {
  expect_described(cluster_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "");
}

}  // namespace
}  // namespace natrix::model
