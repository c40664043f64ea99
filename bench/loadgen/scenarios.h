// The scenarios by name. Counts are fixed, not durations: both servers do exactly the same work.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/loadgen/server_process.h"

namespace natrix::bench {

struct Scenario {
  std::string name;
  std::string what;  // for people
  // Runs against a fresh server; `scale` multiplies the counts. The result's "unit" says what is
  // counted. Throws std::runtime_error when anything is lost or refused.
  std::function<nlohmann::ordered_json(ServerProcess&, double scale)> run;
  // The server must have JetStream, with an empty store.
  bool needs_store = false;
};

// Those of the core protocol; bench/jetstream has more.
const std::vector<Scenario>& core_scenarios();

}  // namespace natrix::bench
