#include "tests/unit/operator_local/api_conformance.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace natrix::testing {

namespace {

const char* const kDefinition = R"json({
  "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
  "metadata": {"name": "widgets.conformance.natrix.dev"},
  "spec": {
    "group": "conformance.natrix.dev", "scope": "Namespaced",
    "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
    "versions": [{
      "name": "v1", "served": true, "storage": true,
      "subresources": {"status": {}, "scale": {
        "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector"}},
      "additionalPrinterColumns": [
        {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}],
      "schema": {"openAPIV3Schema": {"type": "object", "properties": {
        "spec": {"type": "object", "default": {}, "properties": {
          "replicas": {"type": "integer", "minimum": 0, "maximum": 9, "default": 3},
          "colour": {"type": "string", "enum": ["red", "green"]},
          "title": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 8},
          "size": {"x-kubernetes-int-or-string": true},
          "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
          "steps": {"type": "array", "items": {"type": "string"}},
          "ports": {"type": "array", "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"], "items": {"type": "object",
              "required": ["name"], "properties": {
                "name": {"type": "string"}, "port": {"type": "integer"},
                "protocol": {"type": "string", "default": "TCP"}}}},
          "nested": {"type": "object", "required": ["must"], "properties": {
            "must": {"type": "string"}, "deep": {"type": "object", "properties": {
              "a": {"type": "integer"}, "b": {"type": "integer"}}}}},
          "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
          "limits": {"type": "object", "additionalProperties": {"type": "string"}}}},
        "status": {"type": "object", "properties": {
          "replicas": {"type": "integer"}, "selector": {"type": "string"},
          "phase": {"type": "string"},
          "conditions": {"type": "array", "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"], "items": {"type": "object",
              "required": ["type", "status"], "properties": {
                "type": {"type": "string"}, "status": {"type": "string"}}}}}}}}}}]}})json";

}  // namespace

Json test_definition() {
  return Json::parse(kDefinition);
}

void install_test_definition(kube::Api& api) {
  const auto created = api.create(kube::kCustomResourceDefinitions, test_definition());
  ASSERT_TRUE(created.ok() || created.error().code == kube::Errc::kAlreadyExists)
      << created.error().message;
  for (int i = 0; i < 300; ++i) {
    if (api.list(kWidgets, {}).ok()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  FAIL() << "the definition is not served after 30 s";
}

void ApiConformance::SetUp() {
  static std::atomic<int> counter{0};
  api_ = GetParam().open();
  ASSERT_NE(api_, nullptr);
  ns_ = fmt::format("conformance-{}-{}", getpid(), ++counter);
  install_test_definition(*api_);
  const auto made =
      api_->create(kube::kNamespaces,
                   {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", ns_}}}});
  ASSERT_TRUE(made.ok()) << made.error().message;
}

void ApiConformance::TearDown() {
  if (!api_) return;
  const auto space = api_->get({kube::kNamespaces, "", ns_});
  if (!space) return;
  static_cast<void>(api_->remove({kube::kNamespaces, "", ns_}, {(*space)["metadata"]["uid"], ""},
                                 kube::Propagation::kBackground)
                        .ok());
}

Json ApiConformance::config_map(const std::string& name, Json data) const {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", name}, {"namespace", ns_}}},
          {"data", std::move(data)}};
}

Json ApiConformance::widget(const std::string& name, Json spec) const {
  return {{"apiVersion", "conformance.natrix.dev/v1"},
          {"kind", "Widget"},
          {"metadata", {{"name", name}, {"namespace", ns_}}},
          {"spec", std::move(spec)}};
}

Json ApiConformance::stateful_set(const std::string& name) const {
  // No replicas: a real cluster would start to run them.
  Json container = {{"name", "nats"},
                    {"image", "registry.example/nats:1"},
                    {"ports", {{{"name", "client"}, {"containerPort", 4222}}}}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "StatefulSet"},
          {"metadata", {{"name", name}, {"namespace", ns_}}},
          {"spec",
           {{"replicas", 0},
            {"serviceName", name},
            {"selector", {{"matchLabels", {{"app", name}}}}},
            {"template",
             {{"metadata", {{"labels", {{"app", name}}}}},
              {"spec", {{"containers", Json::array({container})}}}}}}}};
}

Json ApiConformance::create(const kube::ResourceType& type, const Json& object) {
  auto created = api_->create(type, object);
  EXPECT_TRUE(created.ok()) << created.error().message;
  return created ? *created : Json();
}

Json ApiConformance::get(const kube::ResourceType& type, const std::string& name) {
  auto found = api_->get(ref(type, name));
  EXPECT_TRUE(found.ok()) << found.error().message;
  return found ? *found : Json();
}

bool ApiConformance::exists(const kube::ResourceType& type, const std::string& name) {
  const auto found = api_->get(ref(type, name));
  EXPECT_TRUE(found.ok() || found.error().code == kube::Errc::kNotFound);
  return found.ok();
}

Json ApiConformance::apply(const kube::ResourceType& type, const Json& object,
                           const std::string& manager) {
  auto applied = api_->apply(ref(type, object["metadata"]["name"]), object, manager);
  EXPECT_TRUE(applied.ok()) << applied.error().message;
  return applied ? *applied : Json();
}

bool ApiConformance::eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 600; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return condition();
}

}  // namespace natrix::testing
