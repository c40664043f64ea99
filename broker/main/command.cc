#include "broker/main/command.h"

#include <fmt/format.h>

#include <csignal>
#include <utility>

#include "broker/base/version.h"
#include "broker/config/reload.h"
#include "broker/main/usage.h"

namespace natrix::main {
namespace {

// Client suites look for this very form, whatever the program is called.
Print version_text() {
  return {fmt::format("nats-server: v{}\n", kNatsVersion), "", 0};
}

// Every line of a message gets the program's name.
Print trouble(const std::string& program, std::string_view message) {
  std::string text;
  while (!message.empty()) {
    size_t end = message.find('\n');
    text += fmt::format("{}: {}\n", program, message.substr(0, end));
    message = end == std::string_view::npos ? std::string_view{} : message.substr(end + 1);
  }
  return {"", text, 1};
}

Command signal_command(const std::string& program, const std::string& text) {
  size_t equals = text.find('=');
  std::string word = text.substr(0, equals);
  int number = signal_of(word);
  if (number == 0) {
    return trouble(program, fmt::format("unknown signal \"{}\", want ldm, stop, quit, term, reopen "
                                        "or reload",
                                        word));
  }
  return SendSignal{number, equals == std::string::npos ? "" : text.substr(equals + 1)};
}

// What a reload would say to the second file where the first one is in use. Exit code 3: a restart.
Command tested_reload(const std::string& program, config::CommandLine line,
                      const config::Options& current, const config::Surroundings& surroundings,
                      Print valid) {
  line.config_file = line.test_reload;
  Result<config::Loaded> next = config::load_configuration(line, surroundings);
  if (!next) return trouble(program, next.error().message);
  if (auto plan = config::reload_plan(current, next->options); !plan) {
    valid.err += fmt::format("{}: {}\n", program, plan.error().message);
    valid.exit_code = 3;
    return valid;
  }
  valid.err +=
      fmt::format("{}: configuration file {} can be reloaded\n", program, line.config_file);
  return valid;
}

Command tested(const std::string& program, const config::CommandLine& line,
               const Result<config::Loaded>& loaded, const config::Surroundings& surroundings) {
  if (line.config_file.empty()) {
    return trouble(program,
                   "must specify [-c, --config] option to check configuration file syntax");
  }
  if (!loaded) return trouble(program, loaded.error().message);
  Print valid;
  for (const std::string& warning : loaded->warnings)
    valid.err += fmt::format("{}: warning: {}\n", program, warning);
  valid.err += fmt::format("{}: configuration file {} is valid ({})\n", program, line.config_file,
                           loaded->options.config_digest);
  if (!line.test_reload.empty())
    return tested_reload(program, line, loaded->options, surroundings, std::move(valid));
  return valid;
}

// "version" and "help" work without dashes; another word is a mistake.
Command word_command(const std::string& program, const std::string& word) {
  std::string folded = word;
  for (char& c : folded) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (folded == "version") return version_text();
  if (folded == "help") return Print{usage(program), "", 0};
  return trouble(program, fmt::format("unrecognized command: \"{}\"", word));
}

}  // namespace

int signal_of(std::string_view word) {
  constexpr std::pair<std::string_view, int> kSignals[] = {
      {"stop", SIGKILL},   {"quit", SIGINT},   {"term", SIGTERM},
      {"reopen", SIGUSR1}, {"reload", SIGHUP}, {"ldm", SIGUSR2},
  };
  for (auto [name, number] : kSignals) {
    if (name == word) return number;
  }
  return 0;
}

Command interpret(const std::string& program, std::span<const std::string> arguments,
                  const config::Surroundings& surroundings) {
  Result<config::CommandLine> parsed = config::parse_command_line(arguments);
  // A flag that is not understood shows how it should be, and that is a success in nats-server.
  if (!parsed) return Print{usage(program), parsed.error().message + "\n", 0};
  config::CommandLine& line = *parsed;
  if (line.version) return version_text();
  if (line.help) return Print{usage(program), "", 0};
  if (line.help_tls) return Print{tls_usage(), "", 0};
  if (!line.words.empty()) return word_command(program, line.words.front());
  if (!line.signal.empty()) return signal_command(program, line.signal);

  if (!line.test_reload.empty() && !line.test_config)
    return trouble(program, "--test_reload can only be used together with -t");

  Result<config::Loaded> loaded = config::load_configuration(line, surroundings);
  if (line.test_config) return tested(program, line, loaded, surroundings);
  if (!loaded) return trouble(program, loaded.error().message);
  return Run{std::move(line), std::move(*loaded)};
}

}  // namespace natrix::main
