// The conformance suite against MemoryApi, and what only the in-memory server can show.
#include "operator/local/memory_api/memory_api.h"

#include "operator/local/memory_api/faults.h"
#include "tests/unit/operator_local/api_conformance.h"

namespace natrix::testing {

using kube::Errc;
using kube::kConfigMaps;
using kube::WatchEventType;
using memory_api::ApiServer;
using memory_api::MemoryApi;
using memory_api::PatchKind;

namespace {

struct InMemory {
  ApiServer server;
  MemoryApi api{server, "tester"};
};

ApiSubject memory_subject() {
  return {"Memory", [] {
            auto both = std::make_shared<InMemory>();
            return std::shared_ptr<kube::Api>(both, &both->api);
          }};
}

Json map(const std::string& name, Json data = Json::object()) {
  return {{"metadata", {{"name", name}, {"namespace", "default"}}}, {"data", std::move(data)}};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Memory, ApiConformance, ::testing::Values(memory_subject()),
                         [](const auto& subject) { return subject.param.name; });

TEST(MemoryApi, HistoryIsAWindow) {
  memory_api::ServerOptions options;
  options.core.history = 10;
  ApiServer server(options);
  MemoryApi api(server);
  const auto list = api.list(kConfigMaps, {});
  ASSERT_TRUE(list.ok());
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(api.create(kConfigMaps, map(fmt::format("m{}", i))).ok());
  const auto result = api.watch(
      kConfigMaps, {.resource_version = list->resource_version}, [](const kube::WatchEvent&) {},
      nullptr);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Errc::kGone);
}

TEST(MemoryApi, AWatchThatFallsBehindIsGone) {
  memory_api::ServerOptions options;
  options.core.history = 10;
  ApiServer server(options);
  MemoryApi api(server);
  ASSERT_TRUE(api.create(kConfigMaps, map("first")).ok());
  int seen = 0;
  const auto result = api.watch(
      kConfigMaps, {},
      [&](const kube::WatchEvent&) {
        if (seen++ > 0) return;
        for (int i = 0; i < 20; ++i) {
          ASSERT_TRUE(api.create(kConfigMaps, map(fmt::format("m{}", i))).ok());
        }
      },
      nullptr);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Errc::kGone);
  EXPECT_EQ(seen, 1);
}

TEST(MemoryApi, BookmarksCarryTheVersion) {
  memory_api::ServerOptions options;
  options.bookmark_interval = std::chrono::milliseconds(20);
  ApiServer server(options);
  MemoryApi api(server);
  const auto cancel = api.make_cancel_token();
  ASSERT_TRUE(api.create(kConfigMaps, map("other")).ok());
  std::string version;
  const auto result = api.watch(
      kube::kSecrets, {},
      [&](const kube::WatchEvent& event) {
        ASSERT_EQ(event.type, WatchEventType::kBookmark);
        version = event.object["metadata"]["resourceVersion"];
        cancel->cancel();
      },
      cancel);
  EXPECT_EQ(result.error().code, Errc::kCancelled);
  EXPECT_EQ(version, std::to_string(server.revision()));
}

TEST(MemoryApi, ContinueTokensSeeOneMoment) {
  ApiServer server;
  MemoryApi api(server);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(api.create(kConfigMaps, map(fmt::format("m{}", i))).ok());
  const auto type = server.find_type("", "v1", "configmaps");
  auto first = server.list(type, {.ns = "default", .limit = 2});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->remaining, 4U);
  ASSERT_TRUE(api.create(kConfigMaps, map("m1a")).ok());
  ASSERT_TRUE(api.merge_patch({kConfigMaps, "default", "m3"}, {{"data", {{"new", "1"}}}}).ok());
  auto rest = server.list(type, {.ns = "default", .continue_token = first->continue_token});
  ASSERT_TRUE(rest.ok());
  ASSERT_EQ(rest->items.size(), 4U);
  EXPECT_EQ(rest->items[1]["metadata"]["name"], "m3");
  EXPECT_TRUE(rest->items[1].value("data", Json::object()).empty());
  EXPECT_EQ(rest->resource_version, first->resource_version);
}

TEST(MemoryApi, RunsRepeatFromASeed) {
  std::string uids[2];
  for (std::string& uid : uids) {
    memory_api::ServerOptions options;
    options.core.seed = 42;
    options.core.clock = [] { return std::chrono::system_clock::time_point(); };
    ApiServer server(options);
    MemoryApi api(server);
    const auto made = api.create(kConfigMaps, map("a"));
    ASSERT_TRUE(made.ok());
    EXPECT_EQ((*made)["metadata"]["creationTimestamp"], "1970-01-01T00:00:00Z");
    uid = (*made)["metadata"]["uid"];
  }
  EXPECT_EQ(uids[0], uids[1]);
}

TEST(MemoryApi, StrategicMergeFollowsKeysAndDirectives) {
  ApiServer server;
  MemoryApi api(server);
  const auto type = server.find_type("apps", "v1", "statefulsets");
  const Json object = Json::parse(R"({"metadata":{"name":"s","namespace":"default"},"spec":{
    "selector":{"matchLabels":{"app":"s"}},"template":{"metadata":{"labels":{"app":"s"}},"spec":{
    "containers":[{"name":"a","image":"a:1","env":[{"name":"X","value":"1"}]},
                  {"name":"b","image":"b:1"}],
    "volumes":[{"name":"v","configMap":{"name":"c"}}]}}}})");
  ASSERT_TRUE(api.create(kube::kStatefulSets, object).ok());
  const Json patch = Json::parse(R"({"spec":{"template":{"spec":{
    "$setElementOrder/containers":[{"name":"c"},{"name":"a"}],
    "containers":[{"name":"a","image":"a:2","env":[{"name":"Y","value":"2"}]},
                  {"name":"b","$patch":"delete"},{"name":"c","image":"c:1"}],
    "volumes":[{"name":"v","$retainKeys":["name","emptyDir"],"emptyDir":{}}]}}}})");
  const auto written =
      server.patch({type, "default", "s", ""}, {PatchKind::kStrategic, patch, false},
                   {"kubectl", false, memory_api::FieldValidation::kStrict});
  ASSERT_TRUE(written.ok()) << written.error().message;
  const Json& spec = written->object["spec"]["template"]["spec"];
  ASSERT_EQ(spec["containers"].size(), 2U);
  EXPECT_EQ(spec["containers"][0]["name"], "c");
  EXPECT_EQ(spec["containers"][1]["image"], "a:2");
  EXPECT_EQ(spec["containers"][1]["env"].size(), 2U);
  EXPECT_EQ(spec["volumes"], Json::parse(R"([{"name":"v","emptyDir":{}}])"));
}

TEST(MemoryApi, ScaleIsAViewOfTheObject) {
  InMemory memory;
  install_test_definition(memory.api);
  const Json made = {{"metadata", {{"name", "w"}, {"namespace", "default"}}}};
  ASSERT_TRUE(memory.api.create(kWidgets, made).ok());
  const auto type = memory.server.find_type("conformance.natrix.dev", "v1", "widgets");
  const memory_api::Target target{type, "default", "w", "scale"};
  auto scale = memory.server.get(target);
  ASSERT_TRUE(scale.ok());
  EXPECT_EQ((*scale)["kind"], "Scale");
  EXPECT_EQ((*scale)["spec"]["replicas"], 3);
  (*scale)["spec"]["replicas"] = 5;
  const auto updated = memory.server.update(target, *scale, {"kubectl", false, {}});
  ASSERT_TRUE(updated.ok()) << updated.error().message;
  EXPECT_EQ(updated->object["spec"]["replicas"], 5);
  const auto widget = memory.api.get({kWidgets, "default", "w"});
  EXPECT_EQ((*widget)["spec"]["replicas"], 5);
  EXPECT_EQ((*widget)["metadata"]["generation"], 2);
  (*scale)["metadata"].erase("resourceVersion");
  (*scale)["spec"]["replicas"] = 50;
  EXPECT_EQ(memory.server.update(target, *scale, {}).error().code, 422);
}

TEST(MemoryApi, ApplyWithoutForceNamesTheOtherManager) {
  InMemory memory;
  const auto type = memory.server.find_type("", "v1", "configmaps");
  const auto apply = [&](const char* manager, const char* value, bool force) {
    return memory.server.patch({type, "default", "a", ""},
                               {PatchKind::kApply, map("a", {{"k", value}}), force},
                               {manager, false, {}});
  };
  ASSERT_TRUE(apply("one", "1", false).ok());
  ASSERT_TRUE(apply("two", "1", false).ok()) << "the same value is no conflict";
  const auto refused = apply("two", "2", false);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, 409);
  EXPECT_EQ(refused.error().message,
            "Apply failed with 1 conflict: conflict with \"one\": .data.k");
  EXPECT_TRUE(apply("two", "2", true).ok());
}

TEST(MemoryApi, DryRunWritesNothing) {
  InMemory memory;
  const auto type = memory.server.find_type("", "v1", "configmaps");
  const uint64_t before = memory.server.revision();
  const auto made = memory.server.create(type, "default", map("a"), {"x", true, {}});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(memory.server.revision(), before);
  EXPECT_FALSE(memory.server.get({type, "default", "a", ""}).ok());
}

TEST(MemoryApi, PodsAreDeletedGracefully) {
  InMemory memory;
  const Json pod = {{"metadata", {{"name", "p"}, {"namespace", "default"}}},
                    {"spec",
                     {{"nodeName", "n"},
                      {"terminationGracePeriodSeconds", 7},
                      {"containers", Json::array({{{"name", "c"}, {"image", "i:1"}}})}}}};
  const auto made = memory.api.create(kube::kPods, pod);
  ASSERT_TRUE(made.ok()) << made.error().message;
  const std::string uid = (*made)["metadata"]["uid"];
  ASSERT_TRUE(
      memory.api.remove({kube::kPods, "default", "p"}, {uid, ""}, kube::Propagation::kBackground)
          .ok());
  const auto marked = memory.api.get({kube::kPods, "default", "p"});
  ASSERT_TRUE(marked.ok());
  EXPECT_EQ((*marked)["metadata"]["deletionGracePeriodSeconds"], 7);
  const auto type = memory.server.find_type("", "v1", "pods");
  memory_api::DeleteRequest now;
  now.uid = uid;
  now.grace_seconds = 0;
  const auto gone = memory.server.remove({type, "default", "p", ""}, now);
  ASSERT_TRUE(gone.ok());
  EXPECT_TRUE(gone->gone);
  EXPECT_EQ(memory.api.get({kube::kPods, "default", "p"}).error().code, Errc::kNotFound);
}

TEST(MemoryApi, ADeletedNamespaceTakesItsContentAlong) {
  InMemory memory;
  const auto space = memory.api.create(kube::kNamespaces, {{"metadata", {{"name", "gone"}}}});
  ASSERT_TRUE(space.ok());
  Json held = map("held");
  held["metadata"]["namespace"] = "gone";
  held["metadata"]["finalizers"] = {"natrix.dev/test"};
  ASSERT_TRUE(memory.api.create(kConfigMaps, held).ok());
  const std::string uid = (*space)["metadata"]["uid"];
  ASSERT_TRUE(
      memory.api.remove({kube::kNamespaces, "", "gone"}, {uid, ""}, kube::Propagation::kBackground)
          .ok());
  EXPECT_EQ((*memory.api.get({kube::kNamespaces, "", "gone"}))["status"]["phase"], "Terminating");
  Json late = map("late");
  late["metadata"]["namespace"] = "gone";
  EXPECT_EQ(memory.api.create(kConfigMaps, late).error().code, Errc::kForbidden);
  ASSERT_TRUE(
      memory.api
          .merge_patch({kConfigMaps, "gone", "held"}, {{"metadata", {{"finalizers", nullptr}}}})
          .ok());
  EXPECT_EQ(memory.api.get({kube::kNamespaces, "", "gone"}).error().code, Errc::kNotFound);
}

TEST(MemoryApi, ADeletedDefinitionTakesItsObjectsAlong) {
  InMemory memory;
  install_test_definition(memory.api);
  const Json object = {{"metadata", {{"name", "w"}, {"namespace", "default"}}}};
  ASSERT_TRUE(memory.api.create(kWidgets, object).ok());
  const kube::ObjectRef ref{kube::kCustomResourceDefinitions, "", "widgets.conformance.natrix.dev"};
  const std::string uid = (*memory.api.get(ref))["metadata"]["uid"];
  ASSERT_TRUE(memory.api.remove(ref, {uid, ""}, kube::Propagation::kBackground).ok());
  EXPECT_EQ(memory.api.get(ref).error().code, Errc::kNotFound);
  EXPECT_EQ(memory.api.list(kWidgets, {}).error().code, Errc::kNotFound);
}

TEST(MemoryApi, BrokenDefinitionsAreRefusedByName) {
  InMemory memory;
  const std::pair<const char*, Json> table[] = {
      {"/metadata/name", "other.name"},
      {"/spec/scope", "Galaxy"},
      {"/spec/names", "text"},
      {"/spec/versions/0/storage", false},
      {"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/tags",
       {{"type", "array"}}},
      {"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/title", Json::object()},
      {"/spec/conversion", {{"strategy", "Webhook"}}},
  };
  for (const auto& [path, value] : table) {
    Json definition = test_definition();
    definition[Json::json_pointer(path)] = value;
    const auto made = memory.api.create(kube::kCustomResourceDefinitions, definition);
    ASSERT_FALSE(made.ok()) << path;
    EXPECT_EQ(made.error().code, Errc::kInvalid) << path << ": " << made.error().message;
  }
}

TEST(MemoryApi, MalformedObjectsAreBadRequests) {
  InMemory memory;
  for (const char* text :
       {"[]", "7", R"({"metadata":7})", R"({"metadata":{"name":7}})",
        R"({"metadata":{"name":"a","labels":[1]}})", R"({"metadata":{"name":"a"},"data":[1]})",
        R"({"metadata":{"name":"a","ownerReferences":[7]}})", R"({"kind":5})"}) {
    Json object = Json::parse(text);
    if (object.is_object() && object.contains("metadata") && object["metadata"].is_object()) {
      object["metadata"]["namespace"] = "default";
    }
    const auto type = memory.server.find_type("", "v1", "configmaps");
    const auto made = memory.server.create(type, "default", object, {});
    ASSERT_FALSE(made.ok()) << text;
    EXPECT_LT(made.error().code, 500) << text;
  }
}

TEST(FaultyApi, FaultsComeFromTheSeedAndStop) {
  std::vector<std::string> notes[2];
  for (auto& note : notes) {
    InMemory memory;
    memory_api::FaultPlan plan;
    plan.write_conflict = plan.write_refused = plan.write_unanswered = plan.read_error = 0.2;
    plan.stale_read = 0.5;
    memory_api::FaultyApi faulty(memory.api, plan, 7);
    int failed = 0;
    for (int i = 0; i < 50; ++i) {
      failed += faulty.create(kConfigMaps, map(fmt::format("m{}", i))).ok() ? 0 : 1;
      static_cast<void>(faulty.get({kConfigMaps, "default", fmt::format("m{}", i)}).ok());
    }
    note = faulty.injected();
    EXPECT_GT(failed, 5);
    faulty.set_plan({});
    const size_t before = faulty.injected().size();
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(faulty.create(kConfigMaps, map(fmt::format("n{}", i))).ok());
    }
    EXPECT_EQ(faulty.injected().size(), before);
    EXPECT_EQ(faulty.writes(), 100U);
  }
  EXPECT_EQ(notes[0], notes[1]);
}

TEST(FaultyApi, CrashesBeforeAndAfterTheWriteDiffer) {
  for (const bool after : {false, true}) {
    InMemory memory;
    memory_api::FaultPlan plan;
    (after ? plan.crash_after_write : plan.crash_before_write) = 2;
    memory_api::FaultyApi faulty(memory.api, plan, 1);
    ASSERT_TRUE(faulty.create(kConfigMaps, map("a")).ok());
    EXPECT_THROW(static_cast<void>(faulty.create(kConfigMaps, map("b")).ok()), memory_api::Crash);
    EXPECT_EQ(memory.api.get({kConfigMaps, "default", "b"}).ok(), after);
  }
}

TEST(FaultyApi, StaleReadsComeFromThePast) {
  InMemory memory;
  memory_api::FaultPlan plan;
  plan.stale_read = 1;
  plan.staleness = 12;
  memory_api::FaultyApi faulty(memory.api, plan, 3);
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(memory.api.create(kConfigMaps, map(fmt::format("m{}", i))).ok());
  std::set<size_t> sizes;
  for (int i = 0; i < 100; ++i) {
    const auto list = faulty.list(kConfigMaps, {.ns = "default"});
    ASSERT_TRUE(list.ok());
    sizes.insert(list->items.size());
  }
  EXPECT_GT(sizes.size(), 3U);
  EXPECT_LE(*sizes.rbegin(), 10U);
}

TEST(FaultyApi, WatchFaults) {
  InMemory memory;
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(memory.api.create(kConfigMaps, map(fmt::format("m{}", i))).ok());
  const auto count = [&](memory_api::FaultPlan plan, std::optional<Errc> expected) {
    memory_api::FaultyApi faulty(memory.api, plan, 3);
    const auto cancel = faulty.make_cancel_token();
    int seen = 0;
    std::thread stopper([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      cancel->cancel();
    });
    const auto result = faulty.watch(
        kConfigMaps, {}, [&](const kube::WatchEvent&) { ++seen; }, cancel);
    stopper.join();
    EXPECT_EQ(result.error().code, expected.value_or(Errc::kCancelled));
    return seen;
  };
  EXPECT_EQ(count({}, {}), 5);
  EXPECT_EQ(count({.watch_duplicate = 1}, {}), 10);
  EXPECT_EQ(count({.watch_drop = 1}, {}), 0);
  EXPECT_EQ(count({.watch_reorder = 1}, {}), 4) << "the last one waits for another";
  EXPECT_EQ(count({.watch_silent = 1}, {}), 0);
  EXPECT_EQ(count({.watch_silent = 1, .silence_noticed_after = std::chrono::milliseconds(0)},
                  Errc::kTimeout),
            0);
  EXPECT_EQ(count({.watch_cut = 1}, Errc::kConnection), 1);
  EXPECT_EQ(count({.watch_gone = 1}, Errc::kGone), 1);
}

}  // namespace natrix::testing
