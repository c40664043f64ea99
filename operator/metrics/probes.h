// The operator's HTTP pages: /healthz, /readyz and /metrics on one port.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "operator/metrics/http_listener.h"
#include "operator/metrics/metrics.h"

namespace natrix::metrics {

// One thing that has to be so; `failure` returns why it is not, empty if it is. Called on the
// listener's thread.
struct Check {
  std::string name;
  std::function<std::string()> failure;
};

struct Probes {
  std::vector<Check> live;   // a failing one: restart us
  std::vector<Check> ready;  // a failing one: we do not do our job yet
};

// 200 "ok", or 503 with one line for each check that fails.
Page probe_page(const std::vector<Check>& checks);

// `metrics` and what the checks refer to outlive the listener.
Result<std::unique_ptr<HttpListener>> serve_probes(const std::string& address, Metrics& metrics,
                                                   Probes probes);

}  // namespace natrix::metrics
