// The built-in kinds that the embedded API server offers, with their fields, defaults and list
// semantics (Kubernetes API reference, v1.32). Only kinds that something here acts upon are
// offered: an object that nothing would ever do anything about is better refused.
#pragma once

#include <string_view>

#include "operator/local/memory_api/schema.h"

namespace natrix::memory_api {

// The schema of a kind by its name in the notation ("Pod", "StatefulSet"); aborts when the table
// has no such kind, for that is a programming error.
SchemaPtr builtin_schema(std::string_view kind);

}  // namespace natrix::memory_api
