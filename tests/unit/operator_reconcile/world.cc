#include "tests/unit/operator_reconcile/world.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "operator/base/timestamp.h"
#include "operator/kube/resources.h"
#include "operator/model/base64.h"
#include "operator/model/crd.h"
#include "operator/model/digest.h"

namespace natrix::reconcile {

namespace {

constexpr const char* kNs = "default";
constexpr int kMostMoves = 300;

template <class T>
T must(kube::ApiResult<T> result, const char* what) {
  if (!result) throw std::runtime_error(std::string(what) + ": " + result.error().message);
  return std::move(*result);
}

int ordinal_of(const Json& pod) {
  const std::string name = string_at(pod, {"metadata", "name"});
  return std::stoi(name.substr(name.rfind('-') + 1));
}

bool is_ready(const Json& pod) {
  for (const Json& condition : at(pod, {"status", "conditions"})) {
    if (string_at(condition, {"type"}) == "Ready")
      return string_at(condition, {"status"}) == "True";
  }
  return false;
}

}  // namespace

memory_api::ServerOptions World::server_options() {
  memory_api::ServerOptions options;
  options.core.clock = [this] { return clock_.wall(); };
  options.core.seed = 7;
  return options;
}

World::World() : server_(server_options()), api_(server_, "test") {
  const Json crd = Json::parse(model::cluster_crd().dump());
  must(api_.create(kube::kCustomResourceDefinitions, crd), "crd");
}

void World::apply_cluster(const std::string& spec, const std::string& name) {
  const Json object = {{"apiVersion", model::kApiVersion},
                       {"kind", model::kKind},
                       {"metadata", {{"name", name}, {"namespace", kNs}}},
                       {"spec", Json::parse(spec)}};
  must(api_.apply({kNatsClusters, kNs, name}, object, "kubectl"), "apply cluster");
}

void World::annotate_cluster(const std::string& key, const std::string& value) {
  must(api_.merge_patch({kNatsClusters, kNs, "nats"},
                        {{"metadata", {{"annotations", {{key, value}}}}}}),
       "annotate");
}

void World::put_secret(const std::string& name, const std::map<std::string, std::string>& data) {
  Json object = {
      {"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", name}, {"namespace", kNs}}}};
  for (const auto& [key, value] : data) object["data"][key] = model::base64_encode(value);
  must(api_.apply({kube::kSecrets, kNs, name}, object, "user"), "secret");
}

void World::delete_cluster(const std::string& name) {
  const Json object = cluster(name);
  ASSERT_TRUE(api_.remove({kNatsClusters, kNs, name}, {object["metadata"]["uid"], ""},
                          kube::Propagation::kBackground)
                  .ok());
}

std::unique_ptr<ClusterReconciler> World::start(kube::Api& api) {
  ClusterReconcilerOptions options;
  options.default_image = "natrix-broker:test";
  return std::make_unique<ClusterReconciler>(api, *this, clock_, log_, options, [this] {
    return "password" + std::to_string(++passwords_);
  });
}

Json World::get(const kube::ResourceType& type, const std::string& name) const {
  return must(api_.get({type, kNs, name}), "get");
}

bool World::exists(const kube::ResourceType& type, const std::string& name) const {
  return api_.get({type, kNs, name}).ok();
}

std::vector<Json> World::list(const kube::ResourceType& type) const {
  kube::ListOptions options;
  options.ns = kNs;
  return must(api_.list(type, options), "list").items;
}

std::string World::condition(const std::string& type, const std::string& name) const {
  const Json object = cluster(name);
  for (const Json& condition : at(object, {"status", "conditions"})) {
    if (string_at(condition, {"type"}) == type) {
      return string_at(condition, {"status"}) + "/" + string_at(condition, {"reason"});
    }
  }
  return "";
}

std::string World::condition_message(const std::string& type) const {
  const Json object = cluster();
  for (const Json& condition : at(object, {"status", "conditions"})) {
    if (string_at(condition, {"type"}) == type) return string_at(condition, {"message"});
  }
  return "";
}

std::map<std::string, std::string> World::pods() const {
  std::map<std::string, std::string> out;
  for (const Json& pod : list(kube::kPods)) {
    out[string_at(pod, {"metadata", "name"})] = string_at(pod, {"metadata", "uid"});
  }
  return out;
}

std::vector<std::string> World::event_reasons() const {
  std::vector<std::string> out;
  for (const Json& event : list(kube::kEvents)) out.push_back(string_at(event, {"reason"}));
  return out;
}

void World::keep_pending(const std::string& pod, const std::string& reason,
                         const std::string& message) {
  pending_[pod] = {reason, message};
}

void World::create_pod(const Json& set, int ordinal, const std::string& revision) {
  const std::string set_name = string_at(set, {"metadata", "name"});
  Json pod = {{"apiVersion", "v1"}, {"kind", "Pod"}};
  pod["metadata"] = at(set, {"spec", "template", "metadata"});
  pod["metadata"]["name"] = set_name + "-" + std::to_string(ordinal);
  pod["metadata"]["namespace"] = kNs;
  pod["metadata"]["labels"]["controller-revision-hash"] = revision;
  pod["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", "apps/v1"},
                                                     {"kind", "StatefulSet"},
                                                     {"name", set_name},
                                                     {"uid", at(set, {"metadata", "uid"})},
                                                     {"controller", true},
                                                     {"blockOwnerDeletion", true}}});
  pod["spec"] = at(set, {"spec", "template", "spec"});
  pod["spec"]["nodeName"] = "node-1";
  for (const Json& claim : at(set, {"spec", "volumeClaimTemplates"})) {
    const std::string volume = string_at(claim, {"metadata", "name"});
    pod["spec"]["volumes"].push_back(
        {{"name", volume},
         {"persistentVolumeClaim",
          {{"claimName", volume + "-" + string_at(pod, {"metadata", "name"})}}}});
  }
  must(api_.create(kube::kPods, pod), "create pod");
}

bool World::start_pod(const Json& pod) {
  if (is_ready(pod)) return false;
  const std::string name = string_at(pod, {"metadata", "name"});
  if (const auto stumbles = stumbling_.find(name); stumbles != stumbling_.end()) {
    if (--stumbles->second > 0) return true;
    stumbling_.erase(stumbles);
  }
  Json status = {{"phase", "Running"}, {"podIP", "10.0.0." + std::to_string(next_ip_)}};
  const auto stuck = pending_.find(name);
  if (stuck != pending_.end()) {
    status = {{"phase", "Pending"},
              {"containerStatuses", Json::array({{{"name", "nats"},
                                                  {"image", "x"},
                                                  {"imageID", ""},
                                                  {"ready", false},
                                                  {"restartCount", 3},
                                                  {"state",
                                                   {{"waiting",
                                                     {{"reason", stuck->second.first},
                                                      {"message", stuck->second.second}}}}}}})}};
    if (at(pod, {"status", "containerStatuses"}).is_array()) return false;
  } else {
    ++next_ip_;
    status["conditions"] = Json::array({{{"type", "Ready"},
                                         {"status", "True"},
                                         {"lastTransitionTime", ops::format_time(clock_.wall())}}});
  }
  write_pod_status(name, status);
  return true;
}

void World::write_pod_status(const std::string& name, const Json& status) {
  const Json document = {{"apiVersion", "v1"},
                         {"kind", "Pod"},
                         {"metadata", {{"name", name}, {"namespace", kNs}}},
                         {"status", status}};
  must(api_.apply_status({kube::kPods, kNs, name}, document, "kubelet"), "pod status");
}

void World::stumble(const std::string& pod, int moves) {
  const auto live = api_.get({kube::kPods, kNs, pod});
  if (!live || !is_ready(*live)) return;
  stumbling_[pod] = moves;
  Json status = (*live)["status"];
  status["conditions"] = Json::array({{{"type", "Ready"},
                                       {"status", "False"},
                                       {"lastTransitionTime", ops::format_time(clock_.wall())}}});
  write_pod_status(pod, status);
}

void World::lose_pod(const std::string& name) {
  if (exists(kube::kPods, name)) delete_pod(name);
}

void World::delete_pod(const std::string& name) {
  memory_api::DeleteRequest request;
  request.grace_seconds = 0;
  const auto gone = server_.remove({server_.find_type("", "v1", "pods"), kNs, name, ""}, request);
  ASSERT_TRUE(gone.ok()) << name;
  stumbling_.erase(name);
}

bool World::write_set_status(const Json& set, const std::string& revision) {
  int ready = 0;
  int total = 0;
  int updated = 0;
  for (const Json& pod : list(kube::kPods)) {
    const Json& owners = at(pod, {"metadata", "ownerReferences"});
    if (!owners.is_array() || owners.empty() || owners[0]["uid"] != set["metadata"]["uid"])
      continue;
    ++total;
    ready += is_ready(pod) ? 1 : 0;
    updated +=
        string_at(pod, {"metadata", "labels", "controller-revision-hash"}) == revision ? 1 : 0;
  }
  const Json status = {{"observedGeneration", set["metadata"]["generation"]},
                       {"replicas", total},
                       {"readyReplicas", ready},
                       {"updatedReplicas", updated},
                       {"updateRevision", revision}};
  if (int_at(set, {"spec", "replicas"}) == total) most_down = std::max(most_down, total - ready);
  Json now = member(set, "status");
  bool same = now.is_object();
  for (const auto& [key, value] : status.items()) same = same && member(now, key.c_str()) == value;
  if (same) return false;
  const std::string name = string_at(set, {"metadata", "name"});
  const Json document = {{"apiVersion", "apps/v1"},
                         {"kind", "StatefulSet"},
                         {"metadata", {{"name", name}, {"namespace", kNs}}},
                         {"status", status}};
  must(api_.apply_status({kube::kStatefulSets, kNs, name}, document, "statefulset-controller"),
       "set status");
  return true;
}

// Its own ones, and those an earlier set of the name left behind, which it takes over.
std::map<int, Json> World::pods_of(const Json& set) {
  std::map<int, Json> out;
  for (Json& pod : list(kube::kPods)) {
    const Json& owners = at(pod, {"metadata", "ownerReferences"});
    if (owners.is_array() && !owners.empty()) {
      if (owners[0]["uid"] == set["metadata"]["uid"]) out[ordinal_of(pod)] = pod;
      continue;
    }
    const Json patch = {{"metadata",
                         {{"ownerReferences", Json::array({{{"apiVersion", "apps/v1"},
                                                            {"kind", "StatefulSet"},
                                                            {"name", set["metadata"]["name"]},
                                                            {"uid", set["metadata"]["uid"]},
                                                            {"controller", true},
                                                            {"blockOwnerDeletion", true}}})}}}};
    const std::string name = pod["metadata"]["name"];
    out[ordinal_of(pod)] = must(api_.merge_patch({kube::kPods, kNs, name}, patch), "adopt");
  }
  return out;
}

void World::make_claims(const Json& set, const std::string& pod) {
  for (const Json& wanted : at(set, {"spec", "volumeClaimTemplates"})) {
    const std::string name = string_at(wanted, {"metadata", "name"}) + "-" + pod;
    if (exists(kube::kPersistentVolumeClaims, name)) continue;
    Json claim = {{"apiVersion", "v1"}, {"kind", "PersistentVolumeClaim"}};
    claim["metadata"] = {
        {"name", name}, {"namespace", kNs}, {"labels", wanted["metadata"]["labels"]}};
    claim["spec"] = wanted["spec"];
    must(api_.create(kube::kPersistentVolumeClaims, claim), "claim");
  }
}

// Volumes grow when asked to; claims belong to a set that deletes them with itself.
bool World::keep_claims(const Json& set) {
  bool changed = false;
  for (const Json& claim : list(kube::kPersistentVolumeClaims)) {
    const std::string name = claim["metadata"]["name"];
    const Json& requested = at(claim, {"spec", "resources", "requests", "storage"});
    if (at(claim, {"status", "capacity", "storage"}) != requested) {
      const Json document = {
          {"apiVersion", "v1"},
          {"kind", "PersistentVolumeClaim"},
          {"metadata", {{"name", name}, {"namespace", kNs}}},
          {"status", {{"phase", "Bound"}, {"capacity", {{"storage", requested}}}}}};
      must(api_.apply_status({kube::kPersistentVolumeClaims, kNs, name}, document, "provisioner"),
           "claim status");
      changed = true;
    }
    Json owners = Json::array();
    if (string_at(set, {"spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted"}) ==
        "Delete") {
      owners.push_back({{"apiVersion", "apps/v1"},
                        {"kind", "StatefulSet"},
                        {"name", set["metadata"]["name"]},
                        {"uid", set["metadata"]["uid"]}});
    }
    if (claim["metadata"].value("ownerReferences", Json::array()) == owners) continue;
    must(api_.merge_patch({kube::kPersistentVolumeClaims, kNs, name},
                          {{"metadata", {{"ownerReferences", owners}}}}),
         "claim owner");
    changed = true;
  }
  return changed;
}

bool World::make_missing(const Json& set, const std::map<int, Json>& pods,
                         const std::string& revision) {
  bool changed = false;
  const std::string name = string_at(set, {"metadata", "name"});
  for (int i = 0; i < static_cast<int>(int_at(set, {"spec", "replicas"})); ++i) {
    if (pods.count(i) != 0) continue;
    make_claims(set, name + "-" + std::to_string(i));
    create_pod(set, i, revision);
    changed = true;
  }
  return changed;
}

// The strategy is OnDelete: pods that are gone are made anew, of the newest revision.
bool World::step_set(const Json& set) {
  if (!at(set, {"metadata", "deletionTimestamp"}).is_null()) return false;
  const std::string revision = model::digest_of(at(set, {"spec", "template"})).substr(0, 10);
  const int wanted = static_cast<int>(int_at(set, {"spec", "replicas"}));
  const std::map<int, Json> pods = pods_of(set);
  bool changed = false;
  for (const auto& [ordinal, pod] : pods) {
    const bool deleting = !at(pod, {"metadata", "deletionTimestamp"}).is_null();
    if (ordinal >= wanted || deleting) {
      delete_pod(string_at(pod, {"metadata", "name"}));
      changed = true;
    } else if (start_pod(pod)) {
      changed = true;
    }
  }
  changed = make_missing(set, pods, revision) || changed;
  changed = keep_claims(set) || changed;
  return write_set_status(set, revision) || changed;
}

bool World::step() {
  clock_.advance(std::chrono::seconds(2));
  bool changed = reload_servers();
  for (const Json& set : list(kube::kStatefulSets)) changed = step_set(set) || changed;
  return changed;
}

void World::settle(ClusterReconciler& reconciler, const std::string& name) {
  for (int i = 0; i < kMostMoves; ++i) {
    const uint64_t before = revision();
    const Outcome outcome = reconciler.reconcile(kNs, name);
    const bool moved = step();
    if (!moved && before == revision() && !outcome.error) {
      // What depends on time alone, such as servers that have long been ready.
      clock_.advance(std::chrono::seconds(120));
      reconciler.reconcile(kNs, name);
      if (before == revision()) return;
    }
  }
  FAIL() << "does not come to rest: "
         << (exists(kNatsClusters, name) ? cluster(name).dump(2) : name);
}

std::map<std::string, Result<brokerapi::ServerReport>> World::ask(
    const std::vector<brokerapi::ServerAddress>& servers, std::chrono::milliseconds) {
  ++asked;
  std::map<std::string, Result<brokerapi::ServerReport>> out;
  int ready = 0;
  for (const Json& pod : list(kube::kPods)) ready += is_ready(pod) ? 1 : 0;
  for (const auto& server : servers) {
    const auto pod = api_.get({kube::kPods, kNs, server.name});
    if (!pod || !is_ready(*pod)) {
      out.emplace(server.name, fail("connection refused"));
      continue;
    }
    brokerapi::ServerReport report;
    report.server_id = "ID-" + server.name;
    report.server_name = server.name;
    report.version = version;
    report.routed_servers = routes.value_or(ready - 1);
    report.healthy = unwell.count(server.name) == 0;
    if (!report.healthy) report.health = unwell[server.name];
    if (reload_after) tell_loaded(server.name, report);
    out.emplace(server.name, report);
  }
  return out;
}

}  // namespace natrix::reconcile
