// loadgen: starts a NATS server, puts one scenario's load on it, checks every message and prints
// one JSON object. bench/run runs it in turn against the servers to compare.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/jetstream/scenarios.h"
#include "bench/jetstream/store_directory.h"
#include "bench/loadgen/scenarios.h"
#include "bench/loadgen/server_process.h"

namespace natrix::bench {

namespace {

constexpr const char* kUsage =
    "usage: loadgen --server PROGRAM [--server-arg ARG]... --scenario NAME [--scale FACTOR]\n"
    "               [--sync-interval INTERVAL]\n"
    "       loadgen --list\n"
    "Every --server-arg goes to the server after its address and port; --scale multiplies the\n"
    "scenario's counts; --sync-interval goes into the configuration of servers with a store.\n"
    "Prints one JSON object; exits 1 if anything was lost.\n";

struct Arguments {
  std::string server;
  std::vector<std::string> server_arguments;
  std::string scenario;
  std::string sync_interval;
  double scale = 1.0;
  bool list = false;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    std::string_view flag = argv[i];
    if (flag == "--list") {
      arguments.list = true;
      continue;
    }
    if (i + 1 == argc) {
      throw std::invalid_argument(fmt::format("{} needs a value, or is unknown", flag));
    }
    std::string value = argv[++i];
    if (flag == "--server") {
      arguments.server = value;
    } else if (flag == "--server-arg") {
      arguments.server_arguments.push_back(value);
    } else if (flag == "--scenario") {
      arguments.scenario = value;
    } else if (flag == "--sync-interval") {
      arguments.sync_interval = value;
    } else if (flag == "--scale") {
      char* end = nullptr;
      arguments.scale = strtod(value.c_str(), &end);
      if (*end != '\0' || !(arguments.scale > 0)) {
        throw std::invalid_argument("--scale must be a number above 0, not " + value);
      }
    } else {
      throw std::invalid_argument(fmt::format("unknown flag {}", flag));
    }
  }
  if (!arguments.list && (arguments.server.empty() || arguments.scenario.empty())) {
    throw std::invalid_argument("--server and --scenario are needed");
  }
  return arguments;
}

std::vector<Scenario> all_scenarios() {
  std::vector<Scenario> all = core_scenarios();
  all.insert(all.end(), jetstream_scenarios().begin(), jetstream_scenarios().end());
  return all;
}

void list() {
  for (const Scenario& scenario : all_scenarios()) {
    fmt::print("{}\t{}\n", scenario.name, scenario.what);
  }
}

Scenario find_scenario(const std::string& name) {
  for (const Scenario& scenario : all_scenarios()) {
    if (scenario.name == name) {
      return scenario;
    }
  }
  throw std::invalid_argument(fmt::format("no scenario '{}'; --list names them", name));
}

void measure(const Arguments& arguments) {
  Scenario scenario = find_scenario(arguments.scenario);
  std::vector<std::string> server_arguments = arguments.server_arguments;
  std::optional<StoreDirectory> store;  // outlives the server
  if (scenario.needs_store) {
    store.emplace(arguments.sync_interval);
    server_arguments.insert(server_arguments.end(), {"-c", store->config_file()});
  }
  ServerProcess server(arguments.server, server_arguments);
  nlohmann::ordered_json result = {
      {"scenario", scenario.name}, {"what", scenario.what}, {"server", server.name()}};
  result.update(scenario.run(server, arguments.scale));
  server.check_alive();
  result["peak_resident"] = server.peak_resident_bytes();
  fmt::print("{}\n", result.dump());
}

}  // namespace

}  // namespace natrix::bench

int main(int argc, char** argv) {
  using namespace natrix::bench;
  try {
    Arguments arguments = parse(argc, argv);
    if (arguments.list) {
      list();
    } else {
      measure(arguments);
    }
    return 0;
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "loadgen: {}\n{}", error.what(), kUsage);
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "loadgen: {}\n", error.what());
    return 1;
  }
}
