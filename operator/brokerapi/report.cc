#include "operator/brokerapi/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

namespace natrix::brokerapi {

namespace {

using Json = nlohmann::json;

constexpr size_t kLongestText = 256;

// A text of the page that is short enough to end up in a status.
std::string text(const Json& page, const char* name) {
  const auto found = page.find(name);
  if (found == page.end() || !found->is_string()) return "";
  std::string value = *found;
  return value.size() <= kLongestText ? value : "";
}

ServedCertificate certificate(const Json& page) {
  return {text(page, "tls_cert_serial"), text(page, "tls_cert_not_after")};
}

int distinct_routes(const Json& routez) {
  const auto routes = routez.find("routes");
  if (routes == routez.end() || !routes->is_array()) return 0;
  // Servers keep several connections to each other.
  std::set<std::string> remotes;
  for (const Json& route : *routes) {
    if (!route.is_object()) continue;
    const std::string id = text(route, "remote_id");
    if (!id.empty()) remotes.insert(id);
  }
  return static_cast<int>(remotes.size());
}

std::string health_text(const std::string& page) {
  const Json json = Json::parse(page, nullptr, false);
  if (!json.is_object()) return "no JSON from /healthz";
  const std::string error = text(json, "error");
  return error.empty() ? text(json, "status") : error;
}

}  // namespace

Result<ServerReport> read_pages(const Pages& pages) {
  const Json varz = Json::parse(pages.varz, nullptr, false);
  if (!varz.is_object()) return fail("/varz is not a JSON object");
  const Json routez = Json::parse(pages.routez, nullptr, false);
  if (!routez.is_object()) return fail("/routez is not a JSON object");
  ServerReport out;
  out.server_id = text(varz, "server_id");
  out.server_name = text(varz, "server_name");
  out.version = text(varz, "version");
  if (out.server_id.empty() || out.version.empty()) {
    return fail("/varz has no server_id or version");
  }
  out.routed_servers = distinct_routes(routez);
  out.config_digest = text(varz, "config_digest");
  const auto interval = varz.find("natrix_reload_interval");
  out.reloads_by_itself =
      interval != varz.end() && interval->is_number_integer() && interval->get<int64_t>() > 0;
  out.client_certificate = certificate(varz);
  if (const auto cluster = varz.find("cluster"); cluster != varz.end() && cluster->is_object())
    out.route_certificate = certificate(*cluster);
  out.healthy = pages.health_status == 200;
  if (!out.healthy) {
    out.health = fmt::format("{} ({})", health_text(pages.healthz), pages.health_status);
  }
  return out;
}

}  // namespace natrix::brokerapi
