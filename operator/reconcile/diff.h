// Where a live object differs from the one the operator wants, field by field.
//
// Only fields of the wanted object are looked at: defaults of the API server and fields of other
// managers are none of our business. Lists are compared the way server-side apply merges them.
// Pure; safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "operator/reconcile/types.h"

namespace natrix::reconcile {

struct Difference {
  std::string path;  // spec.template.spec.containers[nats].image
  Json live;         // null: not there
  Json wanted;       // null: no longer wanted
  friend bool operator==(const Difference&, const Difference&) = default;
};

// In the order of the wanted object; `managedFields` of the live object tell which fields the
// operator once set and no longer wants.
std::vector<Difference> differences(const Json& wanted, const Json& live);

// "spec.replicas: 3 -> 5"; values of a Secret are not shown.
std::string text_of(const Difference& difference, bool secret);

// True for `path` itself and everything below it.
bool is_below(const std::string& path, const std::string& root);

}  // namespace natrix::reconcile
