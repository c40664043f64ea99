// What the watches show of the objects the operator deals with; whoever runs them implements it.
//
// It only serves to tell that nothing has changed since a pass looked. Whatever is decided on is
// read from the API server. Safe from any thread.
#pragma once

#include <optional>
#include <string>

#include "operator/kube/api.h"

namespace natrix::reconcile {

class View {
 public:
  virtual ~View() = default;
  // The resourceVersion of an object, "" when there is none of that name. Nothing: its type is not
  // watched, or its first list is not complete.
  [[nodiscard]] virtual std::optional<std::string> version(const kube::ObjectRef& ref) const = 0;
  // How many objects of a type the object with this uid owns.
  [[nodiscard]] virtual size_t owned(const kube::ResourceType& type,
                                     const std::string& owner_uid) const = 0;
};

}  // namespace natrix::reconcile
