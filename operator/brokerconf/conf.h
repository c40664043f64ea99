// A NATS configuration as a value, and its text (grammar: wire.md 22.1).
//
// Plain values; safe from any thread. Everything written here reads back as the same value:
// strings are always quoted, so no password can turn into a number, a duration or a variable.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "operator/model/schema.h"

namespace natrix::brokerconf {

// Written as it stands: "$NAME", "1GB".
struct Raw {
  std::string text;
};

// Another file, merged into the map it stands in; the key of such an entry is not written.
struct Include {
  std::string file;
};

struct Value;
using List = std::vector<Value>;
using Map = std::vector<std::pair<std::string, Value>>;  // in the order they are written

struct Value {
  std::variant<bool, int64_t, double, std::string, Raw, Include, List, Map> data;
};

// Adds or replaces.
void set(Map& map, const std::string& key, Value value);

// Merges spec.config.merge over `map`: maps are merged key by key, null removes, everything else
// replaces. Keys of the top level and of `cluster` match under any alias or case.
// `merge` has passed model::check_merge.
void merge_into(Map& map, const model::Json& merge);

// The text, one key a line.
std::string to_text(const Map& map);

}  // namespace natrix::brokerconf
