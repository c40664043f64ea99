// What a Kubernetes API must do, as tests that take any kube::Api: the in-memory one, the same one
// over HTTP, or a real API server. Each test works in a namespace of its own and makes no
// assumption about timing beyond "eventually".
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "operator/kube/api.h"
#include "operator/kube/resources.h"

namespace natrix::testing {

using kube::Json;

// One API under test. The custom resource of test_definition() is there already.
struct ApiSubject {
  std::string name;
  // Keeps whatever serves the API alive as long as the pointer.
  std::function<std::shared_ptr<kube::Api>()> open;
};
inline void PrintTo(const ApiSubject& subject, std::ostream* out) {
  *out << subject.name;
}

// A CustomResourceDefinition with defaults, limits, list types, status and scale:
// widgets.conformance.natrix.dev.
Json test_definition();
inline const kube::ResourceType kWidgets{"conformance.natrix.dev", "v1", "widgets", "Widget", true};

// Installs test_definition() unless it is there, and waits until it is served.
void install_test_definition(kube::Api& api);

class ApiConformance : public ::testing::TestWithParam<ApiSubject> {
 protected:
  void SetUp() override;
  void TearDown() override;

  kube::ObjectRef ref(const kube::ResourceType& type, const std::string& name) const {
    return {type, ns_, name};
  }
  // In the namespace of the test.
  Json config_map(const std::string& name, Json data = Json::object()) const;
  Json widget(const std::string& name, Json spec = Json::object()) const;
  Json stateful_set(const std::string& name) const;
  Json create(const kube::ResourceType& type, const Json& object);
  Json get(const kube::ResourceType& type, const std::string& name);
  bool exists(const kube::ResourceType& type, const std::string& name);
  Json apply(const kube::ResourceType& type, const Json& object, const std::string& manager);
  static bool eventually(const std::function<bool()>& condition);

  std::shared_ptr<kube::Api> api_;
  std::string ns_;
};

}  // namespace natrix::testing
