// The JetStream scenarios by name. Each runs against a fresh server with an empty store.
#pragma once

#include <vector>

#include "bench/loadgen/scenarios.h"

namespace natrix::bench {

const std::vector<Scenario>& jetstream_scenarios();

}  // namespace natrix::bench
