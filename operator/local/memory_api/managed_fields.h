// Server-side apply and the bookkeeping of metadata.managedFields, after the rules of
// structured-merge-diff: who applied what, who conflicts, what goes away.
//
// Pure functions on documents.
#pragma once

#include <string>

#include "operator/local/memory_api/field_set.h"
#include "operator/local/memory_api/status.h"

namespace natrix::memory_api {

// Who writes, and how the entry in managedFields is told from others.
struct Writer {
  std::string manager;
  std::string api_version;
  std::string subresource;  // "status", "scale" or empty
  std::string time;         // RFC 3339, for the entry
};

// Merges `config`, what `writer` wants to have said in full, into `live` (a null value creates).
// Fields the same writer applied before and no longer does are removed unless somebody else owns
// them. Without `force` a field that another writer owns with another value is a 409 that names it.
Outcome<Json> server_side_apply(const Schema& schema, const Json& live, const Json& config,
                                const Writer& writer, bool force);

// Records in `after` that `writer` made it out of `before` by create, update or patch.
void track_update(const Schema& schema, const Json& before, Json& after, const Writer& writer);

// The typed merge alone: `config` over `live`, keyed lists item by item.
Json typed_merge(const Schema& schema, const Json& live, const Json& config);

}  // namespace natrix::memory_api
