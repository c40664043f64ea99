#include "operator/reconcile/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace natrix::reconcile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> diff(const char* wanted, const char* live) {
  std::vector<std::string> out;
  for (const Difference& difference : differences(Json::parse(wanted), Json::parse(live))) {
    out.push_back(text_of(difference, false));
  }
  return out;
}

TEST(Diff, LooksOnlyAtWhatIsWanted) {
  EXPECT_THAT(diff(R"({"a": 1})", R"({"a": 1, "b": 2, "metadata": {"uid": "x"}})"), IsEmpty());
  EXPECT_THAT(diff(R"({"a": {"b": 2}})", R"({"a": {"b": 3, "c": 4}})"), ElementsAre("a.b: 3 -> 2"));
  EXPECT_THAT(diff(R"({"a": {"b": "x"}})", R"({"a": {}})"), ElementsAre("a.b: absent -> x"));
  EXPECT_THAT(diff(R"({"a": {"b": 1}})", R"({"a": "text"})"), ElementsAre("a: text -> {\"b\":1}"));
}

TEST(Diff, NamesMembersWithDotsInBrackets) {
  EXPECT_THAT(diff(R"({"metadata": {"labels": {"app.kubernetes.io/name": "a"}}})",
                   R"({"metadata": {"labels": {}}})"),
              ElementsAre("metadata.labels[app.kubernetes.io/name]: absent -> a"));
}

TEST(Diff, ListsWithNamesAreComparedByName) {
  const char* live =
      R"({"containers": [{"name": "sidecar", "image": "s"}, {"name": "nats", "image": "a", "tty": true,
                         "env": [{"name": "X", "value": "1"}, {"name": "INJECTED", "value": "2"}]}]})";
  EXPECT_THAT(
      diff(
          R"({"containers": [{"name": "nats", "image": "a", "env": [{"name": "X", "value": "1"}]}]})",
          live),
      IsEmpty());
  EXPECT_THAT(
      diff(
          R"({"containers": [{"name": "nats", "image": "b", "env": [{"name": "Y", "value": "1"}]}]})",
          live),
      ElementsAre("containers[nats].env[Y]: absent -> {\"name\":\"Y\",\"value\":\"1\"}",
                  "containers[nats].image: a -> b"));
}

TEST(Diff, PortsAreComparedByNumberAndProtocol) {
  const char* live =
      R"({"ports": [{"port": 1, "protocol": "TCP", "nodePort": 30000}, {"port": 1, "protocol": "UDP"}]})";
  EXPECT_THAT(diff(R"({"ports": [{"port": 1, "protocol": "TCP"}]})", live), IsEmpty());
  EXPECT_THAT(
      diff(R"({"ports": [{"port": 2, "protocol": "TCP", "name": "n"}]})", live),
      ElementsAre("ports[2/TCP]: absent -> {\"name\":\"n\",\"port\":2,\"protocol\":\"TCP\"}"));
}

TEST(Diff, OtherListsAreComparedAsAWhole) {
  EXPECT_THAT(diff(R"({"args": ["a", "b"]})", R"({"args": ["a", "b"]})"), IsEmpty());
  EXPECT_THAT(diff(R"({"args": ["a"]})", R"({"args": ["a", "b"]})"),
              ElementsAre("args: [\"a\",\"b\"] -> [\"a\"]"));
  EXPECT_THAT(diff(R"({"args": ["a", "c"]})", R"({"args": ["a", "b"]})"),
              ElementsAre("args[1]: b -> c"));
  EXPECT_THAT(diff(R"({"sources": [{"secret": {"name": "s"}}]})",
                   R"({"sources": [{"secret": {"name": "s", "x": 1}}]})"),
              IsEmpty())
      << "items may carry defaults";
}

TEST(Diff, EmptyValuesAreAsGoodAsAbsentOnes) {
  EXPECT_THAT(diff(R"({"a": {}, "b": [], "c": "", "d": null})", "{}"), IsEmpty());
  EXPECT_THAT(diff(R"({"a": false, "b": 0})", "{}"),
              ElementsAre("a: absent -> false", "b: absent -> 0"));
}

TEST(Diff, QuantitiesAreComparedAsAmounts) {
  EXPECT_THAT(diff(R"({"resources": {"requests": {"cpu": 1, "memory": "1024Mi"}}})",
                   R"({"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}})"),
              IsEmpty());
  EXPECT_THAT(diff(R"({"labels": {"cpu": "1000m"}})", R"({"labels": {"cpu": "1"}})"),
              ElementsAre("labels.cpu: 1 -> 1000m"))
      << "only there";
}

TEST(Diff, FindsWhatIsNoLongerWanted) {
  const char* live = R"({"metadata": {"annotations": {"old": "1", "kept": "2", "foreign": "3"},
      "managedFields": [
        {"manager": "natrix-operator", "operation": "Apply", "fieldsV1": {
          "f:metadata": {"f:annotations": {"f:old": {}, "f:kept": {}, "f:gone": {}}},
          "f:spec": {"f:ports": {"k:{\"port\":1,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}},
                                 "k:{\"port\":2,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}}}},
        {"manager": "natrix-operator", "operation": "Apply", "subresource": "status",
         "fieldsV1": {"f:status": {"f:x": {}}}},
        {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {"f:annotations": {"f:foreign": {}}}}}]},
      "spec": {"ports": [{"port": 1, "protocol": "TCP"}, {"port": 2, "protocol": "TCP"}]}, "status": {"x": 1}})";
  const char* wanted = R"({"metadata": {"annotations": {"kept": "2"}},
                           "spec": {"ports": [{"port": 1, "protocol": "TCP"}]}})";
  EXPECT_THAT(diff(wanted, live),
              ElementsAre("metadata.annotations.old: 1 -> absent",
                          "spec.ports[2/TCP]: {\"port\":2,\"protocol\":\"TCP\"} -> absent"));
}

TEST(Diff, SurvivesManagedFieldsOfAnyShape) {
  for (const char* fields :
       {R"(7)", R"([7, null, {"manager": "natrix-operator", "operation": "Apply"}])",
        R"([{"manager": "natrix-operator", "operation": "Apply", "fieldsV1": []}])",
        R"([{"manager": "natrix-operator", "operation": "Apply",
                                  "fieldsV1": {"k:nonsense": {}, "f:a": 3, "x": {}}}])"}) {
    const std::string live =
        std::string(R"({"a": 1, "metadata": {"managedFields": )") + fields + "}}";
    EXPECT_THAT(diff(R"({"a": 1})", live.c_str()), IsEmpty()) << fields;
  }
}

TEST(Diff, ValuesOfSecretsAreNotShown) {
  const Difference secret{"data.password", "YQ==", "Yg=="};
  EXPECT_EQ(text_of(secret, true), "data.password: changed");
  EXPECT_EQ(text_of({"metadata.labels.a", "1", "2"}, true), "metadata.labels.a: 1 -> 2");
}

TEST(Diff, OfTextsTheFirstLineThatDiffersIsShown) {
  const auto shown = [](const char* a, const char* b) { return text_of({"a", a, b}, false); };
  EXPECT_EQ(shown("port: 1\nmax: 2\nx\n", "port: 1\nmax: 3\nx\n"), "a: max: 2 -> max: 3");
  EXPECT_EQ(shown("one\n", "one\ntwo\n"), "a:  -> two");
  EXPECT_EQ(shown("a\nb", "c\nb"), "a: a -> c");
  EXPECT_EQ(shown("", "c\nb"), "a:  -> c b");
  EXPECT_EQ(shown("x", "y"), "a: x -> y");
}

TEST(Diff, LongValuesAreCutBetweenCharacters) {
  const std::string text =
      text_of({"a", std::string(58, 'x') + "\xc3\xa9\xc3\xa9", nullptr}, false);
  EXPECT_EQ(text, "a: " + std::string(57, 'x') + "... -> absent");
  EXPECT_NO_THROW((void)Json(text).dump());
}

TEST(IsBelow, RespectsTheEndOfNames) {
  EXPECT_TRUE(is_below("spec.template.spec", "spec.template"));
  EXPECT_TRUE(is_below("spec.template", "spec.template"));
  EXPECT_TRUE(is_below("spec.list[0]", "spec.list"));
  EXPECT_FALSE(is_below("spec.templates", "spec.template"));
}

}  // namespace
}  // namespace natrix::reconcile
