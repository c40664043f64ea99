// Create, read, replace, patch, delete: metadata, optimistic locking, subresources, finalizers,
// owner references.
#include "tests/unit/operator_local/api_conformance.h"

namespace natrix::testing {

using kube::Errc;
using kube::kConfigMaps;
using kube::kStatefulSets;
using kube::Propagation;

TEST_P(ApiConformance, CreateAssignsServerFields) {
  const Json made = create(kWidgets, widget("a"));
  const Json& metadata = made["metadata"];
  EXPECT_FALSE(metadata.value("uid", "").empty());
  EXPECT_FALSE(metadata.value("resourceVersion", "").empty());
  EXPECT_EQ(metadata.value("generation", 0), 1);
  EXPECT_EQ(metadata.value("creationTimestamp", "").size(), 20U);
  EXPECT_EQ(get(kWidgets, "a"), made);
}

TEST_P(ApiConformance, CreateTwiceIsAlreadyExists) {
  create(kConfigMaps, config_map("a"));
  const auto again = api_->create(kConfigMaps, config_map("a"));
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Errc::kAlreadyExists);
}

TEST_P(ApiConformance, GenerateNameMakesNames) {
  Json object = config_map("");
  object["metadata"].erase("name");
  object["metadata"]["generateName"] = "made-";
  const std::string first = create(kConfigMaps, object)["metadata"]["name"];
  const std::string second = create(kConfigMaps, object)["metadata"]["name"];
  EXPECT_TRUE(first.starts_with("made-"));
  EXPECT_NE(first, second);
}

TEST_P(ApiConformance, MissingObjectsAndNamespacesAreNotFound) {
  EXPECT_EQ(api_->get(ref(kConfigMaps, "nope")).error().code, Errc::kNotFound);
  Json object = config_map("a");
  object["metadata"]["namespace"] = ns_ + "-nope";
  EXPECT_EQ(api_->create(kConfigMaps, object).error().code, Errc::kNotFound);
  EXPECT_EQ(api_->merge_patch(ref(kConfigMaps, "nope"), Json::object()).error().code,
            Errc::kNotFound);
}

TEST_P(ApiConformance, NamesAndLabelsAreChecked) {
  for (const char* bad : {"Upper", "under_score", "-a", "a-", "a..b"}) {
    const auto made = api_->create(kConfigMaps, config_map(bad));
    ASSERT_FALSE(made.ok()) << bad;
    EXPECT_EQ(made.error().code, Errc::kInvalid) << bad;
  }
  Json object = config_map("a");
  object["metadata"]["labels"] = {{"app", "not a label value"}};
  EXPECT_EQ(api_->create(kConfigMaps, object).error().code, Errc::kInvalid);
}

TEST_P(ApiConformance, ReplaceNeedsTheCurrentVersion) {
  const Json first = create(kConfigMaps, config_map("a", {{"k", "1"}}));
  Json second = first;
  second["data"]["k"] = "2";
  const auto replaced = api_->replace(ref(kConfigMaps, "a"), second);
  ASSERT_TRUE(replaced.ok()) << replaced.error().message;
  EXPECT_NE((*replaced)["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
  Json stale = first;
  stale["data"]["k"] = "3";
  const auto refused = api_->replace(ref(kConfigMaps, "a"), stale);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Errc::kConflict);
  EXPECT_EQ(get(kConfigMaps, "a")["data"]["k"], "2");
}

TEST_P(ApiConformance, WritingTheSameAgainIsNoWrite) {
  const Json first = create(kConfigMaps, config_map("a", {{"k", "1"}}));
  const auto replaced = api_->replace(ref(kConfigMaps, "a"), first);
  ASSERT_TRUE(replaced.ok());
  EXPECT_EQ((*replaced)["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
  const auto patched = api_->merge_patch(ref(kConfigMaps, "a"), {{"data", {{"k", "1"}}}});
  ASSERT_TRUE(patched.ok());
  EXPECT_EQ((*patched)["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
}

TEST_P(ApiConformance, MergePatchChangesAndRemoves) {
  create(kConfigMaps, config_map("a", {{"k", "1"}, {"l", "2"}}));
  const auto patched =
      api_->merge_patch(ref(kConfigMaps, "a"), {{"data", {{"k", nullptr}, {"m", "3"}}}});
  ASSERT_TRUE(patched.ok());
  EXPECT_EQ((*patched)["data"], Json({{"l", "2"}, {"m", "3"}}));
}

TEST_P(ApiConformance, GenerationCountsChangesOfTheSpecAlone) {
  create(kWidgets, widget("a"));
  const auto labelled =
      api_->merge_patch(ref(kWidgets, "a"), {{"metadata", {{"labels", {{"x", "y"}}}}}});
  ASSERT_TRUE(labelled.ok());
  EXPECT_EQ((*labelled)["metadata"]["generation"], 1);
  const auto changed = api_->merge_patch(ref(kWidgets, "a"), {{"spec", {{"replicas", 5}}}});
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ((*changed)["metadata"]["generation"], 2);
}

TEST_P(ApiConformance, StatusAndSpecDoNotTouchEachOther) {
  Json object = widget("a");
  object["status"] = {{"phase", "fromCreate"}};
  EXPECT_FALSE(create(kWidgets, object).contains("status"));
  Json status = widget("a", {{"replicas", 9}});
  status["status"] = {{"phase", "ready"}};
  const auto applied = api_->apply_status(ref(kWidgets, "a"), status, "tester");
  ASSERT_TRUE(applied.ok()) << applied.error().message;
  EXPECT_EQ((*applied)["status"]["phase"], "ready");
  EXPECT_EQ((*applied)["spec"]["replicas"], 3);
  EXPECT_EQ((*applied)["metadata"]["generation"], 1);
  const auto patched = api_->merge_patch(ref(kWidgets, "a"), {{"status", {{"phase", "hacked"}}}});
  ASSERT_TRUE(patched.ok());
  EXPECT_EQ((*patched)["status"]["phase"], "ready");
}

TEST_P(ApiConformance, DeleteChecksItsPreconditions) {
  const Json made = create(kConfigMaps, config_map("a"));
  const auto wrong_uid =
      api_->remove(ref(kConfigMaps, "a"), {"11111111-1111-1111-1111-111111111111", ""},
                   Propagation::kBackground);
  ASSERT_FALSE(wrong_uid.ok());
  EXPECT_EQ(wrong_uid.error().code, Errc::kConflict);
  const std::string old_version = made["metadata"]["resourceVersion"];
  ASSERT_TRUE(api_->merge_patch(ref(kConfigMaps, "a"), {{"data", {{"k", "1"}}}}).ok());
  const std::string uid = made["metadata"]["uid"];
  const auto stale =
      api_->remove(ref(kConfigMaps, "a"), {uid, old_version}, Propagation::kBackground);
  ASSERT_FALSE(stale.ok());
  EXPECT_EQ(stale.error().code, Errc::kConflict);
  EXPECT_TRUE(exists(kConfigMaps, "a"));
  EXPECT_TRUE(api_->remove(ref(kConfigMaps, "a"), {uid, ""}, Propagation::kBackground).ok());
  EXPECT_FALSE(exists(kConfigMaps, "a"));
  EXPECT_EQ(api_->remove(ref(kConfigMaps, "a"), {uid, ""}, Propagation::kBackground).error().code,
            Errc::kNotFound);
}

TEST_P(ApiConformance, FinalizersHoldADeletedObject) {
  Json object = widget("a");
  object["metadata"]["finalizers"] = {"natrix.dev/test"};
  const std::string uid = create(kWidgets, object)["metadata"]["uid"];
  ASSERT_TRUE(api_->remove(ref(kWidgets, "a"), {uid, ""}, Propagation::kBackground).ok());
  const Json marked = get(kWidgets, "a");
  EXPECT_TRUE(marked["metadata"].contains("deletionTimestamp"));
  const auto more = api_->merge_patch(
      ref(kWidgets, "a"), {{"metadata", {{"finalizers", {"natrix.dev/test", "natrix.dev/more"}}}}});
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code, Errc::kInvalid);
  ASSERT_TRUE(
      api_->merge_patch(ref(kWidgets, "a"), {{"metadata", {{"finalizers", nullptr}}}}).ok());
  EXPECT_FALSE(exists(kWidgets, "a"));
}

Json owned_by(Json object, const Json& owner, bool block) {
  object["metadata"]["ownerReferences"].push_back({{"apiVersion", owner["apiVersion"]},
                                                   {"kind", owner["kind"]},
                                                   {"name", owner["metadata"]["name"]},
                                                   {"uid", owner["metadata"]["uid"]},
                                                   {"blockOwnerDeletion", block}});
  return object;
}

TEST_P(ApiConformance, BackgroundDeletionTakesTheDependentsAlong) {
  const Json owner = create(kWidgets, widget("owner"));
  const Json other = create(kWidgets, widget("other"));
  create(kConfigMaps, owned_by(config_map("child"), owner, true));
  create(kConfigMaps, owned_by(owned_by(config_map("shared"), owner, true), other, true));
  create(kConfigMaps, config_map("free"));
  ASSERT_TRUE(
      api_->remove(ref(kWidgets, "owner"), {owner["metadata"]["uid"], ""}, Propagation::kBackground)
          .ok());
  EXPECT_TRUE(eventually([&] { return !exists(kConfigMaps, "child"); }));
  EXPECT_TRUE(exists(kConfigMaps, "shared"));
  EXPECT_TRUE(exists(kConfigMaps, "free"));
}

TEST_P(ApiConformance, ForegroundDeletionWaitsForTheDependents) {
  const Json owner = create(kWidgets, widget("owner"));
  Json child = owned_by(config_map("child"), owner, true);
  child["metadata"]["finalizers"] = {"natrix.dev/test"};
  create(kConfigMaps, child);
  ASSERT_TRUE(
      api_->remove(ref(kWidgets, "owner"), {owner["metadata"]["uid"], ""}, Propagation::kForeground)
          .ok());
  EXPECT_TRUE(get(kWidgets, "owner")["metadata"].contains("deletionTimestamp"));
  EXPECT_TRUE(eventually(
      [&] { return get(kConfigMaps, "child")["metadata"].contains("deletionTimestamp"); }));
  EXPECT_TRUE(exists(kWidgets, "owner"));
  ASSERT_TRUE(
      api_->merge_patch(ref(kConfigMaps, "child"), {{"metadata", {{"finalizers", nullptr}}}}).ok());
  EXPECT_TRUE(eventually([&] { return !exists(kWidgets, "owner"); }));
  EXPECT_FALSE(exists(kConfigMaps, "child"));
}

TEST_P(ApiConformance, OrphanDeletionLeavesTheDependents) {
  const Json owner = create(kWidgets, widget("owner"));
  create(kConfigMaps, owned_by(config_map("child"), owner, true));
  ASSERT_TRUE(
      api_->remove(ref(kWidgets, "owner"), {owner["metadata"]["uid"], ""}, Propagation::kOrphan)
          .ok());
  EXPECT_TRUE(eventually([&] { return !exists(kWidgets, "owner"); }));
  EXPECT_TRUE(eventually([&] {
    return get(kConfigMaps, "child")["metadata"].value("ownerReferences", Json::array()).empty();
  }));
}

TEST_P(ApiConformance, ADependentOfAnOwnerThatIsGoneGoes) {
  const Json owner = create(kWidgets, widget("owner"));
  const std::string uid = owner["metadata"]["uid"];
  ASSERT_TRUE(api_->remove(ref(kWidgets, "owner"), {uid, ""}, Propagation::kBackground).ok());
  create(kWidgets, widget("owner"));  // the name is taken again, by another object
  static_cast<void>(api_->create(kConfigMaps, owned_by(config_map("late"), owner, true)).ok());
  EXPECT_TRUE(eventually([&] { return !exists(kConfigMaps, "late"); }));
}

TEST_P(ApiConformance, CustomResourcesAreDefaultedPrunedAndChecked) {
  Json object = widget("a", {{"unknown", 1},
                             {"free", {{"anything", {1, 2}}}},
                             {"ports", Json::array({{{"name", "x"}}})}});
  object["rubbish"] = true;
  const Json made = create(kWidgets, object);
  EXPECT_EQ(made["spec"]["replicas"], 3);
  EXPECT_EQ(made["spec"]["ports"][0]["protocol"], "TCP");
  EXPECT_EQ(made["spec"]["free"]["anything"], Json({1, 2}));
  EXPECT_FALSE(made["spec"].contains("unknown"));
  EXPECT_FALSE(made.contains("rubbish"));
  const std::pair<const char*, Json> refused[] = {
      {"above the maximum", {{"replicas", 10}}},
      {"below the minimum", {{"replicas", -1}}},
      {"wrong type", {{"replicas", "three"}}},
      {"not in the enum", {{"colour", "blue"}}},
      {"pattern", {{"title", "UPPER"}}},
      {"too long", {{"title", "abcdefghi"}}},
      {"missing required field", {{"nested", {{"deep", {{"a", 1}}}}}}},
      {"missing map key", {{"ports", Json::array({{{"port", 1}}})}}},
      {"map key twice", {{"ports", Json::array({{{"name", "x"}}, {{"name", "x"}}})}}},
      {"set item twice", {{"tags", {"a", "a"}}}},
      {"int or string", {{"size", true}}},
  };
  for (const auto& [what, spec] : refused) {
    const auto result = api_->create(kWidgets, widget("bad", spec));
    ASSERT_FALSE(result.ok()) << what;
    EXPECT_EQ(result.error().code, Errc::kInvalid) << what << ": " << result.error().message;
  }
}

TEST_P(ApiConformance, BuiltinKindsGetTheDefaultsOfTheServer) {
  const Json made = create(kStatefulSets, stateful_set("a"));
  const Json& spec = made["spec"];
  EXPECT_EQ(spec["podManagementPolicy"], "OrderedReady");
  EXPECT_EQ(spec["updateStrategy"], Json::parse(R"({"type":"RollingUpdate",
      "rollingUpdate":{"partition":0}})"));
  EXPECT_EQ(spec["revisionHistoryLimit"], 10);
  const Json& pod = spec["template"]["spec"];
  EXPECT_EQ(pod["restartPolicy"], "Always");
  EXPECT_EQ(pod["dnsPolicy"], "ClusterFirst");
  EXPECT_EQ(pod["terminationGracePeriodSeconds"], 30);
  const Json& container = pod["containers"][0];
  EXPECT_EQ(container["imagePullPolicy"], "IfNotPresent");
  EXPECT_EQ(container["terminationMessagePath"], "/dev/termination-log");
  EXPECT_EQ(container["ports"][0]["protocol"], "TCP");
}

TEST_P(ApiConformance, QuantitiesAreStoredInCanonicalForm) {
  Json object = stateful_set("a");
  Json& container = object["spec"]["template"]["spec"]["containers"][0];
  container["resources"]["limits"] = {{"memory", "1024Mi"}, {"cpu", "0.5"}};
  const Json made = create(kStatefulSets, object);
  EXPECT_EQ(made["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"],
            Json({{"memory", "1Gi"}, {"cpu", "500m"}}));
}

TEST_P(ApiConformance, ImmutableFieldsAreRefused) {
  const Json made = create(kStatefulSets, stateful_set("a"));
  const auto renamed =
      api_->merge_patch(ref(kStatefulSets, "a"), {{"spec", {{"serviceName", "other"}}}});
  ASSERT_FALSE(renamed.ok());
  EXPECT_EQ(renamed.error().code, Errc::kInvalid);
  EXPECT_TRUE(
      api_->merge_patch(ref(kStatefulSets, "a"), {{"spec", {{"minReadySeconds", 5}}}}).ok());
  Json service = {{"apiVersion", "v1"},
                  {"kind", "Service"},
                  {"metadata", {{"name", "s"}, {"namespace", ns_}}},
                  {"spec", {{"ports", Json::array({{{"port", 4222}}})}}}};
  const Json first = create(kube::kServices, service);
  const std::string address = first["spec"]["clusterIP"];
  EXPECT_FALSE(address.empty());
  EXPECT_EQ(first["spec"]["ports"][0]["targetPort"], 4222);
  Json again = service;
  again["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"];
  again["metadata"]["labels"] = {{"x", "y"}};
  const auto replaced = api_->replace(ref(kube::kServices, "s"), again);
  ASSERT_TRUE(replaced.ok()) << replaced.error().message;
  EXPECT_EQ((*replaced)["spec"]["clusterIP"], address);
  EXPECT_FALSE(
      api_->merge_patch(ref(kube::kServices, "s"), {{"spec", {{"clusterIP", "10.1.1.1"}}}}).ok());
}

TEST_P(ApiConformance, SelectorsMustMatchTheTemplate) {
  Json object = stateful_set("a");
  object["spec"]["selector"]["matchLabels"]["app"] = "another";
  const auto made = api_->create(kStatefulSets, object);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, Errc::kInvalid);
}

TEST_P(ApiConformance, SecretsTakePlainStrings) {
  const Json made = create(kube::kSecrets, {{"apiVersion", "v1"},
                                            {"kind", "Secret"},
                                            {"metadata", {{"name", "a"}, {"namespace", ns_}}},
                                            {"stringData", {{"user", "admin"}, {"p", "se cr\n"}}}});
  EXPECT_EQ(made["data"], Json({{"user", "YWRtaW4="}, {"p", "c2UgY3IK"}}));
  EXPECT_EQ(made["type"], "Opaque");
  EXPECT_FALSE(made.contains("stringData"));
}

}  // namespace natrix::testing
