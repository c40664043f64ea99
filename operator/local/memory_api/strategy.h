// What the API server does with particular kinds beyond their schema: defaults that depend on other
// fields, values it assigns, fields that may not change, rules between fields.
//
// Pure functions on documents; the few things that need the server (addresses of Services) come in
// through StrategyContext.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "operator/local/memory_api/types.h"

namespace natrix::memory_api {

struct StrategyContext {
  // A cluster address for a Service, stable for the name; empty when none is left.
  std::function<std::string(const std::string& ns, const std::string& name)> service_address;
};

// After schema defaults: conditional defaults of built-in kinds.
void default_dependent_fields(const TypeInfo& type, Json& object);

// What only creation assigns (clusterIP, initial phases, controller-owned status).
void prepare_create(const TypeInfo& type, Json& object, const StrategyContext& context);

// Carries over what an update leaves out and the server keeps.
void prepare_update(const TypeInfo& type, const Json& live, Json& object);

void validate_object(const TypeInfo& type, const Json& object, std::vector<Cause>& causes);
void validate_update(const TypeInfo& type, const Json& live, const Json& object,
                     std::vector<Cause>& causes);

// Names, labels and annotations of any object.
void validate_metadata(const TypeInfo& type, const Json& object, std::vector<Cause>& causes);

}  // namespace natrix::memory_api
