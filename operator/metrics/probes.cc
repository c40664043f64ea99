#include "operator/metrics/probes.h"

#include <fmt/format.h>

namespace natrix::metrics {

Page probe_page(const std::vector<Check>& checks) {
  std::string failures;
  for (const Check& check : checks) {
    std::string failure = check.failure();
    if (!failure.empty()) failures += fmt::format("{}: {}\n", check.name, failure);
  }
  if (failures.empty()) return {.status = 200, .body = "ok\n"};
  return {.status = 503, .body = failures};
}

Result<std::unique_ptr<HttpListener>> serve_probes(const std::string& address, Metrics& metrics,
                                                   Probes probes) {
  return HttpListener::open(
      address, [&metrics, probes = std::move(probes)](const std::string& path) -> Page {
        if (path == "/healthz") return probe_page(probes.live);
        if (path == "/readyz") return probe_page(probes.ready);
        if (path == "/metrics") {
          return {.status = 200,
                  .content_type = "text/plain; version=0.0.4; charset=utf-8",
                  .body = metrics.expose()};
        }
        return {.status = 404, .body = "there are /healthz, /readyz and /metrics\n"};
      });
}

}  // namespace natrix::metrics
