// Server-side apply: ownership of fields, what goes away, what stays.
#include "tests/unit/operator_local/api_conformance.h"

namespace natrix::testing {

using kube::Errc;
using kube::kConfigMaps;
using kube::kStatefulSets;

TEST_P(ApiConformance, ApplyCreatesAndRecordsTheManager) {
  const Json made = apply(kConfigMaps, config_map("a", {{"k", "1"}}), "one");
  ASSERT_EQ(made["metadata"]["managedFields"].size(), 1U);
  const Json& entry = made["metadata"]["managedFields"][0];
  EXPECT_EQ(entry["manager"], "one");
  EXPECT_EQ(entry["operation"], "Apply");
  EXPECT_EQ(entry["apiVersion"], "v1");
  EXPECT_EQ(entry["fieldsV1"], Json::parse(R"({"f:data":{"f:k":{}}})"));
}

TEST_P(ApiConformance, ApplyingTheSameAgainIsNoWrite) {
  const Json first = apply(kStatefulSets, stateful_set("a"), "one");
  const Json again = apply(kStatefulSets, stateful_set("a"), "one");
  EXPECT_EQ(first["metadata"]["resourceVersion"], again["metadata"]["resourceVersion"]);
  EXPECT_EQ(first, again);
}

TEST_P(ApiConformance, FieldsNoLongerAppliedGoAway) {
  apply(kConfigMaps, config_map("a", {{"k", "1"}, {"l", "2"}}), "one");
  const Json second = apply(kConfigMaps, config_map("a", {{"l", "2"}}), "one");
  EXPECT_EQ(second["data"], Json({{"l", "2"}}));
}

TEST_P(ApiConformance, FieldsOfOthersStay) {
  apply(kConfigMaps, config_map("a", {{"mine", "1"}}), "one");
  ASSERT_TRUE(api_->merge_patch(ref(kConfigMaps, "a"), {{"data", {{"theirs", "2"}}}}).ok());
  apply(kConfigMaps, config_map("a", {{"third", "3"}}), "two");
  const Json now = apply(kConfigMaps, config_map("a", {{"new", "4"}}), "one");
  EXPECT_EQ(now["data"], Json({{"theirs", "2"}, {"third", "3"}, {"new", "4"}}));
}

TEST_P(ApiConformance, AFieldAppliedByTwoGoesWithTheLast) {
  apply(kConfigMaps, config_map("a", {{"shared", "1"}}), "one");
  apply(kConfigMaps, config_map("a", {{"shared", "1"}}), "two");
  Json now = apply(kConfigMaps, config_map("a"), "one");
  EXPECT_EQ(now["data"], Json({{"shared", "1"}}));
  now = apply(kConfigMaps, config_map("a"), "two");
  EXPECT_TRUE(now.value("data", Json::object()).empty());
}

TEST_P(ApiConformance, ApplyPutsDriftRight) {
  apply(kConfigMaps, config_map("a", {{"k", "1"}}), "one");
  ASSERT_TRUE(api_->merge_patch(ref(kConfigMaps, "a"), {{"data", {{"k", "drifted"}}}}).ok());
  const Json now = apply(kConfigMaps, config_map("a", {{"k", "1"}}), "one");
  EXPECT_EQ(now["data"]["k"], "1");
  // The one who drifted it owns it no more: when we let go, it goes.
  EXPECT_TRUE(apply(kConfigMaps, config_map("a"), "one").value("data", Json::object()).empty());
}

TEST_P(ApiConformance, KeyedListsMergeByTheirKeys) {
  apply(kWidgets,
        widget("a", {{"ports",
                      Json::array({{{"name", "x"}, {"port", 1}}, {{"name", "y"}, {"port", 2}}})}}),
        "one");
  const Json both =
      apply(kWidgets, widget("a", {{"ports", Json::array({{{"name", "z"}, {"port", 3}}})}}), "two");
  EXPECT_EQ(both["spec"]["ports"].size(), 3U);
  const Json less =
      apply(kWidgets, widget("a", {{"ports", Json::array({{{"name", "y"}, {"port", 5}}})}}), "one");
  ASSERT_EQ(less["spec"]["ports"].size(), 2U);
  for (const Json& port : less["spec"]["ports"]) {
    EXPECT_EQ(port["port"], port["name"] == "y" ? 5 : 3);
    EXPECT_EQ(port["protocol"], "TCP");
  }
}

TEST_P(ApiConformance, SetsMergeAndAtomicListsAreReplaced) {
  apply(kWidgets, widget("a", {{"tags", {"a", "b"}}, {"steps", {"1", "2"}}}), "one");
  const Json both = apply(kWidgets, widget("a", {{"tags", {"c"}}, {"steps", {"3"}}}), "two");
  EXPECT_EQ(both["spec"]["tags"].size(), 3U);
  EXPECT_EQ(both["spec"]["steps"], Json({"3"}));
  const Json less = apply(kWidgets, widget("a", {{"tags", {"b"}}}), "one");
  EXPECT_EQ(less["spec"]["tags"].size(), 2U);
  EXPECT_EQ(less["spec"]["steps"], Json({"3"}));
}

TEST_P(ApiConformance, ContainersMergeByName) {
  Json object = stateful_set("a");
  apply(kStatefulSets, object, "one");
  // Somebody injects a sidecar and an annotation, as webhooks do.
  Json sidecar = stateful_set("a");
  sidecar["spec"] = {
      {"selector", object["spec"]["selector"]},
      {"template",
       {{"metadata", {{"annotations", {{"sidecar", "yes"}}}}},
        {"spec", {{"containers", Json::array({{{"name", "proxy"}, {"image", "p:1"}}})}}}}}};
  apply(kStatefulSets, sidecar, "injector");
  Json& container = object["spec"]["template"]["spec"]["containers"][0];
  container["image"] = "registry.example/nats:2";
  container.erase("ports");
  container["env"] = {{{"name", "A"}, {"value", "1"}}};
  const Json now = apply(kStatefulSets, object, "one");
  const Json& containers = now["spec"]["template"]["spec"]["containers"];
  ASSERT_EQ(containers.size(), 2U);
  for (const Json& item : containers) {
    if (item["name"] == "proxy") continue;
    EXPECT_EQ(item["image"], "registry.example/nats:2");
    EXPECT_TRUE(item.value("ports", Json::array()).empty()) << "defaults go with their item";
    EXPECT_EQ(item["env"].size(), 1U);
  }
  EXPECT_EQ(now["spec"]["template"]["metadata"]["annotations"]["sidecar"], "yes");
}

TEST_P(ApiConformance, AStructureNotAppliedAnyMoreGoesAsAWhole) {
  apply(kWidgets, widget("a", {{"nested", {{"must", "x"}, {"deep", {{"a", 1}}}}}}), "one");
  const Json now = apply(kWidgets, widget("a", {{"title", "t"}}), "one");
  EXPECT_FALSE(now["spec"].contains("nested"));
  EXPECT_EQ(now["spec"]["replicas"], 3) << "a default that nobody applied stays";
}

TEST_P(ApiConformance, LabelsAndOwnersAreFields) {
  Json object = config_map("a");
  object["metadata"]["labels"] = {{"x", "1"}, {"y", "2"}};
  apply(kConfigMaps, object, "one");
  ASSERT_TRUE(
      api_->merge_patch(ref(kConfigMaps, "a"), {{"metadata", {{"labels", {{"z", "3"}}}}}}).ok());
  object["metadata"]["labels"] = {{"y", "2"}};
  const Json now = apply(kConfigMaps, object, "one");
  EXPECT_EQ(now["metadata"]["labels"], Json({{"y", "2"}, {"z", "3"}}));
}

TEST_P(ApiConformance, ApplyRefusesUnknownFields) {
  const auto applied = api_->apply(ref(kWidgets, "a"), widget("a", {{"replicsa", 1}}), "one");
  ASSERT_FALSE(applied.ok());
  EXPECT_NE(applied.error().message.find("replicsa"), std::string::npos) << applied.error().message;
}

TEST_P(ApiConformance, ApplyWithAnOldVersionConflicts) {
  const Json first = apply(kConfigMaps, config_map("a", {{"k", "1"}}), "one");
  apply(kConfigMaps, config_map("a", {{"k", "2"}}), "one");
  Json stale = config_map("a", {{"k", "3"}});
  stale["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"];
  const auto applied = api_->apply(ref(kConfigMaps, "a"), stale, "one");
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, Errc::kConflict);
}

TEST_P(ApiConformance, ApplyStatusNeedsTheObjectAndMergesConditions) {
  Json object = widget("a");
  object["status"] = {{"conditions", Json::array({{{"type", "Ready"}, {"status", "False"}}})}};
  const auto missing = api_->apply_status(ref(kWidgets, "a"), object, "one");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Errc::kNotFound);
  create(kWidgets, widget("a"));
  ASSERT_TRUE(api_->apply_status(ref(kWidgets, "a"), object, "one").ok());
  object["status"]["conditions"][0] = {{"type", "Other"}, {"status", "True"}};
  const auto two = api_->apply_status(ref(kWidgets, "a"), object, "two");
  ASSERT_TRUE(two.ok()) << two.error().message;
  EXPECT_EQ((*two)["status"]["conditions"].size(), 2U);
}

}  // namespace natrix::testing
