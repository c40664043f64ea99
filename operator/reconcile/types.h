// The resource types the reconciler works with.
#pragma once

#include "operator/kube/api.h"
#include "operator/model/cluster.h"
#include "operator/resource/children.h"

namespace natrix::reconcile {

using kube::Json;

inline const kube::ResourceType kNatsClusters{model::kGroup, model::kVersion, model::kPlural,
                                              model::kKind, true};

// The type of a child; see resource/children.h.
const kube::ResourceType& type_of(resource::Kind kind);

// A child of a cluster within its namespace.
struct ChildKey {
  resource::Kind kind;
  std::string name;
  friend auto operator<=>(const ChildKey&, const ChildKey&) = default;
};

// "StatefulSet nats"
std::string text_of(const ChildKey& key);

// A member of a JSON object, null when there is none or `json` is no object. Live objects come from
// outside: nothing about their shape is taken for granted.
const Json& member(const Json& json, const char* name);
// The same along a path: at(pod, {"status", "podIP"}).
const Json& at(const Json& json, std::initializer_list<const char*> path);
std::string string_at(const Json& json, std::initializer_list<const char*> path);
int64_t int_at(const Json& json, std::initializer_list<const char*> path);

}  // namespace natrix::reconcile
