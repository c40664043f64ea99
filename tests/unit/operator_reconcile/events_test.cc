#include "operator/reconcile/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace natrix::reconcile {
namespace {

using model::ConditionType;
using model::Reason;
using testing::IsEmpty;
using testing::SizeIs;

Json status_with(const char* type, const char* status) {
  return {{"conditions",
           Json::array({{{"type", type}, {"status", status}, {"lastTransitionTime", "T1"}}})}};
}

std::vector<Event> after(const Json& previous, ConditionType type, const char* status,
                         Reason reason) {
  return transition_events(&previous, {{type, status, reason, "words"}});
}

TEST(TransitionEvents, OneForEachTransitionThatIsNews) {
  EXPECT_THAT(
      after(status_with("Ready", "False"), ConditionType::kReady, "True", Reason::kAllServersReady),
      SizeIs(1));
  EXPECT_THAT(
      after(status_with("Ready", "True"), ConditionType::kReady, "True", Reason::kAllServersReady),
      IsEmpty());
  const auto lost = after(status_with("Available", "True"), ConditionType::kAvailable, "False",
                          Reason::kServersNotReady);
  ASSERT_THAT(lost, SizeIs(1));
  EXPECT_TRUE(lost[0].warning);
  EXPECT_EQ(lost[0].reason, "ServersNotReady");
  EXPECT_EQ(lost[0].action, "AvailableFalse");
  EXPECT_THAT(after(status_with("Degraded", "True"), ConditionType::kDegraded, "False",
                    Reason::kAsExpected),
              SizeIs(1));
}

TEST(TransitionEvents, TheFirstPassIsNoNewsUnlessSomethingIsWrong) {
  for (const auto& [type, status] :
       std::vector<std::pair<ConditionType, const char*>>{{ConditionType::kReady, "False"},
                                                          {ConditionType::kAvailable, "False"},
                                                          {ConditionType::kDegraded, "False"},
                                                          {ConditionType::kStalled, "False"},
                                                          {ConditionType::kPaused, "False"},
                                                          {ConditionType::kProgressing, "True"}}) {
    EXPECT_THAT(transition_events(nullptr, {{type, status, Reason::kSuccess, ""}}), IsEmpty())
        << name_of(type);
  }
  EXPECT_THAT(
      transition_events(nullptr, {{ConditionType::kStalled, "True", Reason::kSpecInvalid, ""}}),
      SizeIs(1));
}

TEST(EventDocument, RepeatedAfterACrashHasTheSameName) {
  const Json cluster = {
      {"metadata",
       {{"name", "nats"}, {"namespace", "shop"}, {"uid", "u"}, {"resourceVersion", "9"}}}};
  const auto event = after(status_with("Ready", "False"), ConditionType::kReady, "True",
                           Reason::kAllServersReady)[0];
  const Json first = event_document(event, cluster, "pod-1", ops::WallTime{});
  const Json again =
      event_document(event, cluster, "pod-2", ops::WallTime{} + std::chrono::hours(1));
  EXPECT_EQ(first["metadata"]["name"], again["metadata"]["name"]);
  Json later = status_with("Ready", "False");
  later["conditions"][0]["lastTransitionTime"] = "T2";
  const auto next = after(later, ConditionType::kReady, "True", Reason::kAllServersReady)[0];
  EXPECT_NE(event_document(next, cluster, "pod-1", {})["metadata"]["name"],
            first["metadata"]["name"]);
  EXPECT_EQ(first["regarding"]["uid"], "u");
  EXPECT_EQ(first["type"], "Normal");
  for (const char* field :
       {"eventTime", "reportingController", "reportingInstance", "action", "reason"}) {
    EXPECT_FALSE(first[field].get<std::string>().empty()) << field;
  }
}

TEST(EventDocument, LongNotesAreCut) {
  const Event event{true, "R", "A", std::string(5000, 'x'), ""};
  EXPECT_LE(event_document(event, Json::object(), "i", {})["note"].get<std::string>().size(),
            1024U);
}

TEST(ActionEvents, CreationOfManyIsOneEvent) {
  Action a{Action::Verb::kApply, {resource::Kind::kService, "nats"}, {}};
  a.changes = {{model::ActionReason::kMissing, "", false, ""}};
  Action b = a;
  b.target = {resource::Kind::kStatefulSet, "nats"};
  Action c = a;
  c.changes = {{model::ActionReason::kDrift, "spec.x", false, "spec.x: 1 -> 2"}};
  const auto events = action_events({&a, &b, &c});
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].note, "Service nats: spec.x: 1 -> 2");
  EXPECT_EQ(events[1].note, "created Service nats, StatefulSet nats");
  EXPECT_THAT(action_events({}), IsEmpty());
}

}  // namespace
}  // namespace natrix::reconcile
