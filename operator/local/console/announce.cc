#include "operator/local/console/announce.h"

#include <fmt/format.h>

#include <set>

#include "operator/local/workload/endpoints.h"
#include "operator/model/cluster.h"
#include "operator/model/labels.h"

namespace natrix::console {

using kube::Json;
using workload::integer;
using workload::member;
using workload::name_of;
using workload::ns_of;
using workload::text;
using workload::uid_of;

namespace {

const kube::ResourceType kNatsClusters{model::kGroup, model::kVersion, model::kPlural, model::kKind,
                                       true};
constexpr std::chrono::milliseconds kTick{1000};

bool is_ready(const Json& cluster) {
  for (const Json& condition : member(cluster, {"status", "conditions"})) {
    if (text(condition, {"type"}) == "Ready") return text(condition, {"status"}) == "True";
  }
  return false;
}

int64_t port_named(const Json& ports, const char* name, const char* field) {
  for (const Json& port : ports) {
    if (text(port, {"name"}) == name) return integer(port, {field});
  }
  return 0;
}

std::string describe_pod(const Json& pod) {
  const std::string address = text(pod, {"status", "podIP"});
  const Json& containers = member(pod, {"spec", "containers"});
  if (address.empty() || containers.empty()) return "";
  const Json& ports = member(containers[0], {"ports"});
  std::string out = fmt::format("  {:<10} nats://{}:{}", name_of(pod), address,
                                port_named(ports, "nats", "containerPort"));
  if (const int64_t monitor = port_named(ports, "monitor", "containerPort"); monitor != 0) {
    out += fmt::format("   http://{}:{}/metrics", address, monitor);
  }
  return out + "\n";
}

}  // namespace

std::string describe_cluster(const workload::Objects& objects, const Json& cluster) {
  std::string out = fmt::format("NatsCluster {}/{} is ready\n", ns_of(cluster), name_of(cluster));
  const auto service = objects.get(kube::kServices, ns_of(cluster), name_of(cluster));
  const std::string address = service ? text(*service, {"spec", "clusterIP"}) : "";
  if (!address.empty() && address != "None") {
    out += fmt::format("  {:<10} nats://{}:{}\n", "clients", address,
                       port_named(member(*service, {"spec", "ports"}), "nats", "port"));
  }
  const std::string labels = fmt::format("{}={}", model::kClusterLabel, name_of(cluster));
  for (const Json& pod : objects.list(kube::kPods, ns_of(cluster), labels)) {
    out += describe_pod(pod);
  }
  return out;
}

void Announcer::sync() {
  std::set<std::string> there;
  for (const Json& cluster : objects_.list(kNatsClusters)) {
    const std::string uid = uid_of(cluster);
    there.insert(uid);
    Seen& seen = seen_[uid];
    const bool ready = is_ready(cluster);
    if (ready && !seen.ready) {
      std::string said = describe_cluster(objects_, cluster);
      if (said != seen.said) print_(said);
      seen.said = std::move(said);
    }
    seen.ready = ready;
  }
  std::erase_if(seen_, [&](const auto& entry) { return !there.contains(entry.first); });
}

void Announcer::run() {
  while (!objects_.server().stopping()) {
    const uint64_t revision = objects_.server().revision();
    sync();
    objects_.server().wait_for_change(revision, kTick);
  }
}

}  // namespace natrix::console
