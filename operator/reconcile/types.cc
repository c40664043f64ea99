#include "operator/reconcile/types.h"

#include "broker/base/assert.h"
#include "operator/kube/resources.h"

namespace natrix::reconcile {

const kube::ResourceType& type_of(resource::Kind kind) {
  switch (kind) {
    case resource::Kind::kServiceAccount:
      return kube::kServiceAccounts;
    case resource::Kind::kSecret:
      return kube::kSecrets;
    case resource::Kind::kConfigMap:
      return kube::kConfigMaps;
    case resource::Kind::kService:
      return kube::kServices;
    case resource::Kind::kPodDisruptionBudget:
      return kube::kPodDisruptionBudgets;
    case resource::Kind::kPersistentVolumeClaim:
      return kube::kPersistentVolumeClaims;
    case resource::Kind::kNetworkPolicy:
      return kube::kNetworkPolicies;
    case resource::Kind::kStatefulSet:
      return kube::kStatefulSets;
  }
  NATRIX_ASSERT(false, "child kind without a resource type");
  return kube::kStatefulSets;
}

std::string text_of(const ChildKey& key) {
  return type_of(key.kind).kind + " " + key.name;
}

const Json& member(const Json& json, const char* name) {
  static const Json kNull;
  if (!json.is_object()) return kNull;
  const auto found = json.find(name);
  return found == json.end() ? kNull : *found;
}

const Json& at(const Json& json, std::initializer_list<const char*> path) {
  const Json* current = &json;
  for (const char* name : path) current = &member(*current, name);
  return *current;
}

std::string string_at(const Json& json, std::initializer_list<const char*> path) {
  const Json& value = at(json, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

int64_t int_at(const Json& json, std::initializer_list<const char*> path) {
  const Json& value = at(json, path);
  return value.is_number_integer() ? value.get<int64_t>() : 0;
}

}  // namespace natrix::reconcile
