// Strategic merge patch: what kubectl sends for built-in kinds. Lists keyed in the schema merge by
// their first key; the directives $patch, $retainKeys, $setElementOrder/<list> and
// $deleteFromPrimitiveList/<list> are honoured.
#pragma once

#include "operator/local/memory_api/schema.h"

namespace natrix::memory_api {

// The error names a directive or item that cannot be applied.
Result<Json> strategic_merge(const Schema& schema, const Json& original, const Json& patch);

}  // namespace natrix::memory_api
