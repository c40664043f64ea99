#include "operator/main/pages.h"

#include <fmt/format.h>

namespace natrix::operator_main {

Result<std::unique_ptr<metrics::HttpListener>> serve_pages(const std::string& address,
                                                           metrics::Metrics& metrics,
                                                           controller::Controller& controller,
                                                           ops::Log& log) {
  if (address == "off") return std::unique_ptr<metrics::HttpListener>();
  metrics::Probes probes{.live = {}, .ready = {{"watches", [&controller] {
                                                  std::string missing = controller.unsynced();
                                                  return missing.empty() ? missing
                                                                         : "waiting for " + missing;
                                                }}}};
  auto listener = metrics::serve_probes(address, metrics, std::move(probes));
  if (!listener) {
    return fail(fmt::format("cannot serve /metrics: {}; choose another --metrics-addr, or off",
                            listener.error().message));
  }
  log.info("serving /metrics, /healthz and /readyz", {{"port", (*listener)->port()}});
  return listener;
}

}  // namespace natrix::operator_main
