// The reconciler when things go wrong: crashes at every write, refused and unanswered writes, lost
// permissions. It always converges, and on the way it never does harm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "operator/kube/resources.h"
#include "operator/local/memory_api/faults.h"
#include "operator/model/base64.h"
#include "operator/resource/names.h"
#include "tests/unit/operator_reconcile/world.h"

namespace natrix::reconcile {
namespace {

using memory_api::Crash;
using memory_api::FaultPlan;
using memory_api::FaultyApi;
using testing::HasSubstr;

constexpr const char* kNs = "default";

// What holds for a settled cluster whatever happened before.
void expect_whole(World& world, int replicas) {
  EXPECT_EQ(world.condition("Ready"), "True/AllServersReady") << world.cluster().dump(2);
  EXPECT_EQ(world.pods().size(), static_cast<size_t>(replicas));
  EXPECT_EQ(world.cluster()["status"]["observedGeneration"],
            world.cluster()["metadata"]["generation"]);
  const std::string routes =
      model::base64_decode(
          string_at(world.get(kube::kSecrets, "nats-routes"), {"data", "password"}))
          .value_or("");
  const std::string conf = model::base64_decode(string_at(world.get(kube::kSecrets, "nats-config"),
                                                          {"data", "cluster.conf"}))
                               .value_or("");
  EXPECT_THAT(conf, HasSubstr("password: \"" + routes + "\""))
      << "what servers use is what is kept";
}

// Lets the cluster come to rest; a crash costs the operator its memory. True if there was one.
bool survive(World& world, FaultyApi& api) {
  bool crashed = false;
  for (int i = 0; i < 10; ++i) {
    try {
      world.settle(*world.start(api));
      return crashed;
    } catch (const Crash&) {
      crashed = true;
    }
  }
  ADD_FAILURE() << "crashes for ever";
  return false;
}

// Crashes before or after the nth write of a story; false when the story has fewer writes.
bool crash_story(uint64_t write, bool after) {
  World world;
  world.apply_cluster("{}");
  world.settle(*world.start());
  const std::string password =
      string_at(world.get(kube::kSecrets, "nats-routes"), {"data", "password"});
  world.apply_cluster(R"({"replicas": 4, "service": {"enabled": false},
                          "config": {"nats": {"maxPayload": 2048}}})");
  FaultPlan plan;
  (after ? plan.crash_after_write : plan.crash_before_write) = write;
  FaultyApi api(world.memory(), plan, 1);
  const bool crashed = survive(world, api);
  expect_whole(world, 4);
  EXPECT_EQ(string_at(world.get(kube::kSecrets, "nats-routes"), {"data", "password"}), password);
  EXPECT_FALSE(world.exists(kube::kServices, "nats"));
  return crashed;
}

bool crash_at_creation(uint64_t write, bool after) {
  World world;
  world.apply_cluster("{}");
  FaultPlan plan;
  (after ? plan.crash_after_write : plan.crash_before_write) = write;
  FaultyApi api(world.memory(), plan, 1);
  const bool crashed = survive(world, api);
  expect_whole(world, 3);
  return crashed;
}

TEST(Crashes, AtEveryWriteOfACreationItConverges) {
  for (const bool after : {false, true}) {
    uint64_t write = 1;
    while (crash_at_creation(write, after) && !testing::Test::HasFailure()) ++write;
    EXPECT_GE(write, 10U) << "the story has at least that many writes";
  }
}

TEST(Crashes, AtEveryWriteOfAChangeItConverges) {
  for (const bool after : {false, true}) {
    uint64_t write = 1;
    while (crash_story(write, after) && !testing::Test::HasFailure()) ++write;
    EXPECT_GE(write, 5U);
  }
}

// A user's life, from a seed: each wish is a whole spec.
std::string random_spec(std::mt19937_64& random) {
  auto pick = [&](int below) { return static_cast<int>(random() % static_cast<uint64_t>(below)); };
  Json spec = {{"replicas", 1 + pick(5)}};
  if (pick(3) == 0) spec["config"]["nats"]["maxPayload"] = 1024 * (1 + pick(3));
  if (pick(3) == 0)
    spec["image"] = {{"repository", "nats"}, {"tag", "2." + std::to_string(10 + pick(3))}};
  if (pick(4) == 0) spec["service"]["enabled"] = false;
  if (pick(4) == 0) spec["podDisruptionBudget"]["enabled"] = false;
  if (pick(4) == 0) spec["podTemplate"]["nodeSelector"] = {{"disk", "d" + std::to_string(pick(2))}};
  if (pick(5) == 0) spec["auth"] = {{"mode", "Token"}, {"tokenSecretRef", {{"name", "token"}}}};
  return spec.dump();
}

// Somebody meddles with a child.
void meddle(World& world, std::mt19937_64& random) {
  switch (random() % 4) {
    case 0:
      (void)world.api().merge_patch({kube::kConfigMaps, kNs, "nats-config"},
                                    {{"data", {{"nats.conf", "x"}}}});
      break;
    case 1:
      (void)world.api().merge_patch({kube::kStatefulSets, kNs, "nats"},
                                    {{"spec", {{"replicas", 2}}}});
      break;
    case 2:
      (void)world.api().merge_patch({kube::kServices, kNs, "nats-headless"},
                                    {{"spec", {{"publishNotReadyAddresses", false}}}});
      break;
    default: {
      const auto live = world.api().get({kube::kServiceAccounts, kNs, "nats"});
      if (live) {
        (void)world.api().remove({kube::kServiceAccounts, kNs, "nats"},
                                 {(*live)["metadata"]["uid"], ""}, kube::Propagation::kBackground);
      }
    }
  }
}

class Faults : public testing::TestWithParam<uint64_t> {};

TEST_P(Faults, ItConvergesFromAnySeed) {
  std::mt19937_64 random(GetParam());
  World world;
  world.put_secret("token", {{"token", "t"}});
  FaultPlan plan;
  plan.read_error = 0.05;
  plan.write_conflict = 0.1;
  plan.write_refused = 0.1;
  plan.write_unanswered = 0.1;
  FaultyApi api(world.memory(), plan, GetParam());
  auto reconciler = world.start(api);
  std::string spec;
  std::string password;
  for (int wish = 0; wish < 4; ++wish) {
    spec = random_spec(random);
    world.apply_cluster(spec);
    for (int i = 0; i < 12; ++i) {
      if (random() % 8 == 0) reconciler = world.start(api);
      if (random() % 8 == 0) meddle(world, random);
      (void)reconciler->reconcile(kNs, "nats");
      world.step();
      if (!world.exists(kube::kSecrets, "nats-routes")) continue;
      const std::string now =
          string_at(world.get(kube::kSecrets, "nats-routes"), {"data", "password"});
      if (!password.empty()) {
        ASSERT_EQ(now, password) << "credentials are made once";
      }
      password = now;
    }
  }
  api.set_plan({});
  world.settle(*reconciler);
  expect_whole(world, Json::parse(spec)["replicas"].get<int>());
  const uint64_t before = world.revision();
  world.start(api)->reconcile(kNs, "nats");
  EXPECT_EQ(world.revision(), before) << "a settled cluster costs no write";
}

INSTANTIATE_TEST_SUITE_P(Seeds, Faults, testing::Range<uint64_t>(1, 25));

// An operator whose role lacks something.
class Forbidding : public FaultyApi {
 public:
  explicit Forbidding(memory_api::MemoryApi& inner) : FaultyApi(inner, {}, 1) {}
  std::string verb;  // "get", "list", "apply", "status"
  std::string plural;

  kube::ApiResult<Json> get(const kube::ObjectRef& ref) override {
    if (is("get", ref.type.plural)) return fail_with(refusal("get", ref.type.plural));
    return FaultyApi::get(ref);
  }
  kube::ApiResult<kube::ObjectList> list(const kube::ResourceType& type,
                                         const kube::ListOptions& options) override {
    if (is("list", type.plural)) return fail_with(refusal("list", type.plural));
    return FaultyApi::list(type, options);
  }
  kube::ApiResult<Json> apply(const kube::ObjectRef& ref, const Json& object,
                              const std::string& manager) override {
    if (is("apply", ref.type.plural)) return fail_with(refusal("patch", ref.type.plural));
    return FaultyApi::apply(ref, object, manager);
  }
  kube::ApiResult<Json> apply_status(const kube::ObjectRef& ref, const Json& object,
                                     const std::string& manager) override {
    if (is("status", ref.type.plural))
      return fail_with(refusal("patch", ref.type.plural + "/status"));
    return FaultyApi::apply_status(ref, object, manager);
  }

 private:
  bool is(const std::string& a, const std::string& b) const { return verb == a && plural == b; }
  static kube::ApiError refusal(const std::string& what, const std::string& resource) {
    return {kube::Errc::kForbidden, 403, what + " " + resource + ": not allowed", std::nullopt};
  }
};

TEST(Permissions, WhatIsTakenAwayIsNamedAndGivenBackItGoesOn) {
  const std::pair<const char*, const char*> kCases[] = {
      {"apply", "statefulsets"}, {"get", "services"}, {"list", "pods"}, {"get", "secrets"}};
  for (const auto& [verb, plural] : kCases) {
    World world;
    Forbidding api(world.memory());
    auto reconciler = world.start(api);
    world.apply_cluster("{}");
    world.settle(*reconciler);
    const auto before = world.pods();
    api.verb = verb;
    api.plural = plural;
    world.apply_cluster(R"({"replicas": 4})");
    world.settle(*reconciler);
    EXPECT_EQ(world.condition("Reconciled"), "False/Forbidden") << plural;
    EXPECT_EQ(world.condition("Stalled"), "True/Forbidden") << plural;
    EXPECT_THAT(world.condition_message("Reconciled"),
                HasSubstr(std::string(plural) + ": not allowed"));
    EXPECT_EQ(world.pods(), before) << plural;
    EXPECT_EQ(world.condition("Available"), "True/ServersServing") << plural;
    const Outcome outcome = reconciler->reconcile(kNs, "nats");
    EXPECT_FALSE(outcome.error.has_value()) << "no crash loop, a look now and then";
    EXPECT_TRUE(outcome.requeue_after.has_value());
    api.verb.clear();
    world.settle(*reconciler);
    EXPECT_EQ(world.condition("Ready"), "True/AllServersReady");
    EXPECT_EQ(world.pods().size(), 4U);
  }
}

TEST(Permissions, GenerationIsNotObservedBeforeItIs) {
  World world;
  Forbidding api(world.memory());
  auto reconciler = world.start(api);
  world.apply_cluster("{}");
  world.settle(*reconciler);
  api.verb = "list";
  api.plural = "pods";
  world.apply_cluster(R"({"replicas": 4})");
  reconciler->reconcile(kNs, "nats");
  EXPECT_LT(world.cluster()["status"]["observedGeneration"],
            world.cluster()["metadata"]["generation"]);
}

TEST(Permissions, WithoutTheStatusItStillWorks) {
  World world;
  Forbidding api(world.memory());
  api.verb = "status";
  api.plural = "natsclusters";
  auto reconciler = world.start(api);
  world.apply_cluster("{}");
  const Outcome outcome = reconciler->reconcile(kNs, "nats");
  EXPECT_THAT(outcome.error.value_or(""), HasSubstr("natsclusters/status: not allowed"));
  EXPECT_TRUE(world.exists(kube::kStatefulSets, "nats"));
}

TEST(Outages, AShortOneIsNoNewsALongOneIs) {
  World world;
  FaultyApi api(world.memory(), {}, 1);
  auto reconciler = world.start(api);
  world.apply_cluster("{}");
  world.settle(*reconciler);
  FaultPlan plan;
  plan.write_refused = 1;
  api.set_plan(plan);
  world.apply_cluster(R"({"replicas": 4})");
  const uint64_t before = world.revision();
  EXPECT_TRUE(reconciler->reconcile(kNs, "nats").error.has_value());
  EXPECT_TRUE(reconciler->reconcile(kNs, "nats").error.has_value());
  EXPECT_EQ(world.revision(), before);
  api.set_plan({});
  EXPECT_FALSE(reconciler->reconcile(kNs, "nats").error.has_value());
  world.settle(*reconciler);
  expect_whole(world, 4);
}

TEST(Notation, WhatAnApiServerRewritesIsAppliedOnce) {
  // 0.5 comes back as 500m, 1024Mi as 1Gi: the same amounts, hence no second write.
  World world;
  auto reconciler = world.start();
  world.apply_cluster(
      R"({"container": {"resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"},
                          "limits": {"cpu": 2}}}, "storage": {"size": "1024Mi"}})");
  world.settle(*reconciler);
  EXPECT_EQ(world.condition("Ready"), "True/AllServersReady");
  const Json set = world.get(kube::kStatefulSets, "nats");
  EXPECT_EQ(set["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"],
            "500m");
}

}  // namespace
}  // namespace natrix::reconcile
