// What a command line asks for: to run with these options, to print something and end, or to send a
// signal to another broker. Pure but for the Surroundings (configuration file, environment).
#pragma once

#include <span>
#include <string>
#include <variant>

#include "broker/config/flags.h"
#include "broker/config/load.h"
#include "broker/config/surroundings.h"

namespace natrix::main {

struct Run {
  config::CommandLine line;  // kept for reloads
  config::Loaded loaded;
};

struct Print {
  std::string out;  // to standard output
  std::string err;  // to standard error
  int exit_code = 0;
};

struct SendSignal {
  int number = 0;
  std::string target;  // a pid, "12*" for all that begin so, a pid file, or empty: the only one
};

using Command = std::variant<Run, Print, SendSignal>;

// `program` is the base name of argv[0], the prefix of messages. `arguments` come without it.
Command interpret(const std::string& program, std::span<const std::string> arguments,
                  const config::Surroundings& surroundings);

// The signal of a word of -sl (stop, quit, term, reopen, reload, ldm); 0 if unknown.
int signal_of(std::string_view word);

}  // namespace natrix::main
