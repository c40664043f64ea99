// From the value tree to Options: every key of options.h with all its spellings (wire.md 22.2).
// What NATS knows and we do not is refused by name; other unknown keys are errors. Pure.
#pragma once

#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/config/options.h"
#include "broker/config/surroundings.h"
#include "broker/config/value.h"

namespace natrix::config {

struct Loaded {
  Options options;
  std::vector<std::string> warnings;  // "file:line:column: …", the configuration works all the same
};

// Reads the tree over the defaults. The error holds every problem, one a line, each as
// "file:line:column: …". Cross-checks that flags may still change are left to check_options().
Result<Loaded> load_options(const Value& root);

// Parses and loads the file; sets config_file and config_digest.
Result<Loaded> load_options_file(const std::string& path, const Surroundings& surroundings);

// Whether the options fit together, once flags are applied. The error says which do not.
Result<void> check_options(const Options& options);

}  // namespace natrix::config
