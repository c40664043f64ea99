// The NATS configuration language (wire.md 22.1): text in, Value tree out. Pure but for the
// Surroundings it is given (included files, environment variables).
//
// Rules worth knowing: a later duplicate of a key replaces the earlier one; a $reference is looked
// up in the enclosing maps of its file outward, then in the environment, whose value is read as
// configuration; `include` merges another file's keys and takes its path relative to the including
// file; a whole file may stand in braces, so that JSON is valid input.
//
// Errors name file, line and column. Bounded: nesting and include depth, total size of the tree
// (references copy, so a small file could otherwise grow without end).
#pragma once

#include <string>
#include <string_view>

#include "broker/base/result.h"
#include "broker/config/surroundings.h"
#include "broker/config/value.h"

namespace natrix::config {

inline constexpr int kMaxNesting = 100;
inline constexpr int kMaxIncludeDepth = 32;
inline constexpr size_t kMaxValues = 1'000'000;
inline constexpr size_t kMaxTextBytes = 256 * 1024 * 1024;

// Parses `text`, which came from `path` (for positions and relative includes).
Result<Value> parse_config(std::string_view text, const std::string& path,
                           const Surroundings& surroundings);
// Reads the file and parses it.
Result<Value> parse_config_file(const std::string& path, const Surroundings& surroundings);

// The tree as canonical JSON: sorted keys, no space, characters that HTML treats specially escaped.
std::string config_json(const Value& root);

// "sha256:…" over that text and a line end, as nats-server computes it, so that the same
// configuration has the same digest in /varz and in the output of -t.
std::string config_digest(const Value& root);

}  // namespace natrix::config
