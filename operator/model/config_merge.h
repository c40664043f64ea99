// spec.config.merge: free form server configuration, the user's last word, except for keys whose
// change would cut the operator off from the servers it made.
//
// Pure; safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "operator/model/schema.h"

namespace natrix::model {

// Every key that is refused or value that cannot be written, named by its full path, with the field
// to use instead. Keys are compared as servers do: in any case, under every alias.
std::vector<FieldError> check_merge(const Json& merge, const std::string& path);

// The spelling the renderer uses for a key of the top level or of `cluster` ("Max_Conn" ->
// "max_connections"), so that a merged key replaces the rendered one however it was written.
std::string canonical_key(const std::string& key);

// True for "<< text >>": written without quotes.
bool is_raw(const std::string& value);
// The text of a raw value.
std::string raw_text(const std::string& value);

}  // namespace natrix::model
