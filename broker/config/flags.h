// The command line of the broker (wire.md 23.1): the flags of nats-server in the syntax of Go's
// flag package: one or two dashes, "-x value" or "-x=value", booleans "-x" or "-x=false", the first
// word that is no flag ends them. Pure.
//
// Flags override the configuration file, at start and at every reload: a CommandLine is kept and
// applied to each set of options that is loaded.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/config/load.h"
#include "broker/config/options.h"
#include "broker/config/surroundings.h"

namespace natrix::config {

struct CommandLine {
  struct Setting {
    size_t flag;       // row of the table of flags
    std::string name;  // as written, without dashes
    std::string value;
  };
  std::vector<Setting> settings;  // in order; of the flags that set options

  bool help = false;
  bool help_tls = false;
  bool version = false;
  bool test_config = false;
  std::string test_reload;  // with test_config: the file to reload with
  std::string config_file;
  std::string signal;              // of -sl: "command" or "command=pid"
  std::vector<std::string> words;  // what follows the flags
};

// `arguments` without the program's name. The error is a message for above the usage text: an
// unknown flag, a missing or malformed value.
Result<CommandLine> parse_command_line(std::span<const std::string> arguments);

// Sets what the flags say. Errors name the flag: a value out of range, a feature that is absent.
Result<void> apply_flags(const CommandLine& line, Options& options);

// A duration from 100ms to 1h: Options::reload_interval.
inline constexpr const char* kReloadIntervalVariable = "NATRIX_RELOAD_INTERVAL";

// File (if there is one), then flags, then the checks of check_options(): the options to run with.
Result<Loaded> load_configuration(const CommandLine& line, const Surroundings& surroundings);

}  // namespace natrix::config
