// Servers that watch their files, as World has them.
#include <algorithm>

#include "operator/brokerconf/certificate.h"
#include "operator/kube/resources.h"
#include "operator/model/base64.h"
#include "tests/unit/operator_reconcile/world.h"

namespace natrix::reconcile {

namespace {

constexpr const char* kUnusable = "unusable";

}  // namespace

World::Loaded World::files_now(const Json& pod) const {
  Loaded out;
  out.uid = string_at(pod, {"metadata", "uid"});
  for (const Json& volume : at(pod, {"spec", "volumes"})) {
    const std::string config = string_at(volume, {"name"});
    if (config == "config") {
      const Json map = get(kube::kConfigMaps, "nats-config");
      for (const auto& [key, value] : map["data"].items()) out.files[key] = value;
      const Json secret = get(kube::kSecrets, "nats-config");
      for (const auto& [key, value] : secret["data"].items())
        out.files[key] = model::base64_decode(value.get<std::string>()).value();
    } else if (const std::string name = string_at(volume, {"secret", "secretName"});
               !name.empty()) {
      const Json secret = get(kube::kSecrets, name);
      const auto text = [&](const char* key) {
        return model::base64_decode(string_at(secret, {"data", key})).value();
      };
      const auto facts = brokerconf::read_certificate(text("tls.crt"), text("tls.key"), "");
      out.serials[config] = facts ? facts->serial : kUnusable;
    }
  }
  return out;
}

bool World::reload_servers() {
  if (!reload_after) return false;
  bool waiting = false;
  for (const Json& pod : list(kube::kPods)) {
    const std::string name = string_at(pod, {"metadata", "name"});
    const Loaded next = files_now(pod);
    const auto known = loaded_.find(name);
    if (known == loaded_.end() || known->second.uid != next.uid) {
      loaded_[name] = next;  // read at its start
      continue;
    }
    Loaded& now = known->second;
    const bool fails = std::any_of(next.serials.begin(), next.serials.end(),
                                   [](const auto& entry) { return entry.second == kUnusable; });
    if (fails || deaf.count(name) != 0 || (now.files == next.files && now.serials == next.serials))
      continue;
    if (++now.stale > *reload_after) now = next;
    waiting = true;
  }
  return waiting;
}

void World::tell_loaded(const std::string& pod, brokerapi::ServerReport& report) const {
  const auto known = loaded_.find(pod);
  if (known == loaded_.end()) return;
  const brokerconf::Variables variables = {{"POD_NAME", pod},
                                           {"SERVER_NAME", pod},
                                           {"LISTEN_ADDRESS", "0.0.0.0"},
                                           {"NATRIX_RELOAD_INTERVAL", "2s"}};
  report.reloads_by_itself = true;
  const auto digest = brokerconf::digest_in_use(known->second.files, variables);
  if (!digest) throw std::runtime_error(digest.error().message);
  report.config_digest = *digest;
  const auto serial = [&](const char* volume) {
    const auto found = known->second.serials.find(volume);
    return found == known->second.serials.end() ? std::string() : found->second;
  };
  report.client_certificate.serial = serial("nats-tls");
  report.route_certificate.serial = serial("cluster-tls");
}

}  // namespace natrix::reconcile
