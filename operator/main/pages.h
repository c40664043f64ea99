// The operator's own pages, in every mode: /metrics, /healthz, /readyz.
#pragma once

#include <memory>
#include <string>

#include "operator/controller/controller.h"
#include "operator/metrics/probes.h"

namespace natrix::operator_main {

// Serves them at `address` ("HOST:PORT"), nowhere for "off" (null then). Everything outlives the
// result. The error names the remedy.
Result<std::unique_ptr<metrics::HttpListener>> serve_pages(const std::string& address,
                                                           metrics::Metrics& metrics,
                                                           controller::Controller& controller,
                                                           ops::Log& log);

}  // namespace natrix::operator_main
