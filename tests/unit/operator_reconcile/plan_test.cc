// The planner alone: a pure function.
#include "operator/reconcile/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/model/labels.h"

namespace natrix::reconcile {
namespace {

using model::ActionReason;
using resource::Kind;
using testing::IsEmpty;
using testing::SizeIs;

model::Cluster cluster_of(const std::string& spec) {
  const Json object = {{"metadata", {{"name", "nats"}, {"namespace", "shop"}, {"uid", "uid-1"}}},
                       {"spec", Json::parse(spec)}};
  return model::parse_cluster(object).value();
}

Wanted wanted_of(const model::Cluster& cluster) {
  brokerconf::Secrets secrets;
  secrets.routes = {"route", "secret"};
  Wanted out;
  out.children =
      resource::build_children(cluster, brokerconf::render(cluster, secrets), {"image:1"});
  out.unwanted = resource::unwanted_children(cluster);
  return out;
}

// As if every child had been applied to an empty API server.
LiveChildren live_of(const model::Cluster& cluster) {
  LiveChildren out;
  for (const resource::Child& child : wanted_of(cluster).children) {
    Json live = child.object;
    live["metadata"]["uid"] = "uid-of-" + child.name;
    live["metadata"]["resourceVersion"] = "7";
    out[{child.kind, child.name}] = std::move(live);
  }
  return out;
}

Plan plan_for(const std::string& spec, const LiveChildren& live,
              const Normalised& normalised = {}) {
  const model::Cluster cluster = cluster_of(spec);
  return make_plan(cluster, wanted_of(cluster), live, normalised);
}

const Change& only_change(const Plan& plan, Kind kind) {
  for (const Action& action : plan.actions) {
    if (action.target.kind == kind) return action.changes.front();
  }
  throw std::runtime_error("nothing planned for it");
}

TEST(Plan, IsEmptyForWhatIsThere) {
  const Plan plan = plan_for("{}", live_of(cluster_of("{}")));
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.digest(), "");
}

TEST(Plan, CreatesInOrderFromNothing) {
  const Plan plan = plan_for("{}", {});
  ASSERT_THAT(plan.actions, SizeIs(8));
  EXPECT_EQ(plan.actions.back().target.kind, Kind::kStatefulSet);
  for (const Action& action : plan.actions) {
    EXPECT_EQ(action.changes.front().reason, ActionReason::kMissing);
    EXPECT_FALSE(action.disruptive());
  }
}

TEST(Plan, CredentialsComeFirstAndMakeItThinkAgain) {
  const model::Cluster cluster = cluster_of("{}");
  Wanted wanted = wanted_of(cluster);
  wanted.routes_secret = resource::build_routes_secret(cluster, {"route", "new"});
  const Plan plan = make_plan(cluster, wanted, {}, {});
  EXPECT_EQ(plan.actions.front().target.name, "nats-routes");
  EXPECT_EQ(plan.actions.front().verb, Action::Verb::kCreate) << "never overwrites credentials";
  EXPECT_TRUE(plan.actions.front().replan);
}

struct ChangeCase {
  const char* before;
  const char* after;
  ActionReason reason;
  const char* field;
  bool disruptive;
};

class StatefulSetChange : public testing::TestWithParam<ChangeCase> {};

TEST_P(StatefulSetChange, IsExplained) {
  const ChangeCase& test = GetParam();
  const Plan plan = plan_for(test.after, live_of(cluster_of(test.before)));
  const Change& change = only_change(plan, Kind::kStatefulSet);
  EXPECT_EQ(name_of(change.reason), name_of(test.reason));
  EXPECT_EQ(change.field, test.field);
  EXPECT_EQ(change.disruptive, test.disruptive);
  EXPECT_THAT(plan.problems, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    All, StatefulSetChange,
    testing::Values(
        ChangeCase{R"({"replicas": 3})", R"({"replicas": 5})", ActionReason::kReplicasChanged,
                   "spec.replicas", false},
        ChangeCase{R"({"replicas": 5})", R"({"replicas": 3})", ActionReason::kReplicasChanged,
                   "spec.replicas", true},
        ChangeCase{R"({})", R"({"image": {"repository": "nats"}})", ActionReason::kImageChanged,
                   "spec.template.spec.containers[nats].image", true},
        ChangeCase{R"({})", R"({"config": {"logging": {"debug": true}}})",
                   ActionReason::kConfigChanged,
                   "spec.template.metadata.annotations[natrix.dev/config-digest]", true},
        ChangeCase{R"({})", R"({"podTemplate": {"priorityClassName": "high"}})",
                   ActionReason::kPodChanged, "spec.template.spec.priorityClassName", true}));

TEST(Plan, ServicesDoNotDisturbServers) {
  const Plan plan = plan_for(R"({"service": {"type": "NodePort"}})", live_of(cluster_of("{}")));
  ASSERT_THAT(plan.actions, SizeIs(1));
  EXPECT_FALSE(plan.actions[0].disruptive());
  EXPECT_EQ(plan.actions[0].changes.front().field, "spec.type");
}

TEST(Plan, DriftIsToldFromAChangedSpec) {
  LiveChildren live = live_of(cluster_of("{}"));
  live[{Kind::kStatefulSet, "nats"}]["spec"]["template"]["spec"]["containers"][0]["image"] =
      "evil:1";
  const Plan plan = plan_for("{}", live);
  const Change& change = only_change(plan, Kind::kStatefulSet);
  EXPECT_EQ(change.reason, ActionReason::kDrift);
  EXPECT_TRUE(change.disruptive);
}

TEST(Plan, WhatWasSwitchedOffIsDeletedAsItWasSeen) {
  const Plan plan = plan_for(R"({"service": {"enabled": false}})", live_of(cluster_of("{}")));
  ASSERT_THAT(plan.actions, SizeIs(1));
  EXPECT_EQ(plan.actions[0].verb, Action::Verb::kDelete);
  EXPECT_EQ(plan.actions[0].uid, "uid-of-nats");
  EXPECT_EQ(plan.actions[0].resource_version, "7");
}

TEST(Plan, TheUidOfTheOwnerDecidesNotLabels) {
  const ChildKey service{Kind::kService, "nats"};
  LiveChildren live = live_of(cluster_of("{}"));
  live[service]["metadata"]["ownerReferences"][0]["uid"] = "another";
  EXPECT_EQ(plan_for("{}", live).problems.at(0).reason, model::Reason::kWaitingForDeletion)
      << "a NatsCluster of this name that is gone";
  live[service]["metadata"]["ownerReferences"][0]["kind"] = "Release";
  EXPECT_EQ(plan_for("{}", live).problems.at(0).reason, model::Reason::kNameConflict);
  EXPECT_THAT(plan_for(R"({"service": {"enabled": false}})", live).actions, IsEmpty())
      << "not ours to delete";
  live[service]["metadata"].erase("ownerReferences");
  EXPECT_THAT(plan_for("{}", live).problems, IsEmpty()) << "an orphan with our labels";
  live[service]["metadata"]["labels"].erase(model::kClusterLabel);
  EXPECT_EQ(plan_for("{}", live).problems.at(0).reason, model::Reason::kNameConflict);
  live[service]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  EXPECT_EQ(plan_for("{}", live).problems.at(0).reason, model::Reason::kWaitingForDeletion);
}

TEST(Plan, StorageOfALiveSetIsFixed) {
  const LiveChildren live = live_of(cluster_of(R"({"storage": {"size": "3Gi"}})"));
  for (const char* spec : {R"({"storage": {"size": "2Gi"}})",
                           R"({"storage": {"size": "3Gi", "storageClassName": "x"}})"}) {
    const Plan plan = plan_for(spec, live);
    ASSERT_THAT(plan.problems, SizeIs(1)) << spec;
    EXPECT_EQ(plan.problems[0].reason, model::Reason::kStorageImmutable);
  }
}

TEST(Plan, TheGoverningServiceOfALiveSetIsFixed) {
  const Plan plan = plan_for(R"({"service": {"type": "Headless"}})", live_of(cluster_of("{}")));
  ASSERT_THAT(plan.problems, SizeIs(1));
  EXPECT_EQ(plan.problems[0].reason, model::Reason::kSpecInvalid);
}

TEST(Plan, WhatAnApiServerWillNotTakeIsNotSentForEver) {
  const model::Cluster cluster = cluster_of("{}");
  const ChildKey service{Kind::kService, "nats"};
  LiveChildren live = live_of(cluster);
  live[service]["spec"]["type"] = "Odd";
  const Plan first = make_plan(cluster, wanted_of(cluster), live, {});
  ASSERT_THAT(first.actions, SizeIs(1));
  Normalised normalised;
  const std::string digest =
      string_at(first.actions[0].object, {"metadata", "annotations", model::kAppliedAnnotation});
  normalised.remember(service, digest, first.actions[0].differences);
  EXPECT_THAT(make_plan(cluster, wanted_of(cluster), live, normalised).actions, IsEmpty());
  live[service]["spec"]["type"] = "Other";
  EXPECT_THAT(make_plan(cluster, wanted_of(cluster), live, normalised).actions, SizeIs(1))
      << "that is news";
  normalised.remember(service, digest, {});
  live[service]["spec"]["type"] = "Odd";
  EXPECT_THAT(make_plan(cluster, wanted_of(cluster), live, normalised).actions, SizeIs(1));
}

TEST(Plan, TheDigestNamesThePlan) {
  const LiveChildren live = live_of(cluster_of("{}"));
  const std::string one = plan_for(R"({"replicas": 5})", live).digest();
  EXPECT_EQ(one, plan_for(R"({"replicas": 5})", live).digest());
  EXPECT_NE(one, plan_for(R"({"replicas": 4})", live).digest());
  EXPECT_EQ(one.size(), 16U);
}

}  // namespace
}  // namespace natrix::reconcile
