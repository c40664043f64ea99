#include "bench/operator/fleet.h"

#include <fmt/format.h>
#include <httplib.h>

#include <stdexcept>

#include "operator/kube/resources.h"
#include "operator/local/console/kubeconfig.h"
#include "operator/local/workload/objects.h"
#include "operator/model/cluster.h"
#include "operator/model/crd.h"

namespace natrix::bench {

namespace {

using kube::Json;

constexpr const char* kForeignNs = "default";
constexpr int kServers = 3;
constexpr int kClustersPerNamespace = 20;
constexpr auto kLongestWait = std::chrono::milliseconds(200);

const kube::ResourceType kClusters{model::kGroup, model::kVersion, model::kPlural, model::kKind,
                                   true};

std::string name_of(int number) {
  return fmt::format("c{:04}", number);
}

std::string ns_of(int number) {
  return fmt::format("team-{:02}", number / kClustersPerNamespace);
}

template <class T>
T must(kube::ApiResult<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

memory_api::ServerOptions server_options() {
  memory_api::ServerOptions out;
  out.core.history = 65536;  // a list of everything takes a while, and watches go on from it
  return out;
}

Json running_pod(const Json& set, int ordinal, const std::string& revision) {
  const std::string name = workload::text(set, {"metadata", "name"});
  Json pod = {{"apiVersion", "v1"}, {"kind", "Pod"}};
  pod["metadata"] = set["spec"]["template"]["metadata"];
  pod["metadata"]["name"] = fmt::format("{}-{}", name, ordinal);
  pod["metadata"]["namespace"] = set["metadata"]["namespace"];
  pod["metadata"]["labels"]["controller-revision-hash"] = revision;
  pod["metadata"]["ownerReferences"] = Json::array({workload::controller_reference(set)});
  pod["spec"] = set["spec"]["template"]["spec"];
  pod["spec"]["nodeName"] = "node-1";
  return pod;
}

}  // namespace

Fleet::Fleet(const std::string& kubeconfig)
    : server_(server_options()),
      front_([this](const http_front::Request& request) { return handle(request); }) {
  must(api_.create(kube::kCustomResourceDefinitions, Json::parse(model::cluster_crd().dump())));
  serve_brokers();
  const Result<int> port = front_.start(0);
  if (!port) throw std::runtime_error(port.error().message);
  const auto done =
      console::write_kubeconfig(kubeconfig, fmt::format("http://127.0.0.1:{}", *port));
  if (!done) throw std::runtime_error(done.error().message);
  node_thread_ = std::thread([this] { run_nodes(); });
}

Fleet::~Fleet() {
  server_.stop();
  node_thread_.join();
  front_.stop();
  brokers_->stop();
  broker_thread_.join();
}

// Every server of every cluster has this address; each says that it is connected to two others.
void Fleet::serve_brokers() {
  brokers_ = std::make_unique<httplib::Server>();
  const auto answer = [this](const char* path, const char* body) {
    brokers_->Get(path, [body](const httplib::Request&, httplib::Response& response) {
      response.set_content(body, "application/json");
    });
  };
  answer("/varz", R"({"server_id":"N1","server_name":"n","version":"2.12.0"})");
  answer("/routez", R"({"num_routes":2,"routes":[{"remote_id":"A"},{"remote_id":"B"}]})");
  answer("/healthz", R"({"status":"ok"})");
  brokers_->set_tcp_nodelay(true);
  broker_port_ = brokers_->bind_to_any_port("127.0.0.1");
  if (broker_port_ <= 0) throw std::runtime_error("no port for the brokers' pages");
  broker_thread_ = std::thread([this] { brokers_->listen_after_bind(); });
}

void Fleet::create_clusters(int count) {
  for (; clusters_ < count; ++clusters_) {
    if (clusters_ % kClustersPerNamespace == 0) {
      must(api_.create(kube::kNamespaces, {{"apiVersion", "v1"},
                                           {"kind", "Namespace"},
                                           {"metadata", {{"name", ns_of(clusters_)}}}}));
    }
    must(api_.create(
        kClusters,
        {{"apiVersion", model::kApiVersion},
         {"kind", model::kKind},
         {"metadata", {{"namespace", ns_of(clusters_)}, {"name", name_of(clusters_)}}},
         {"spec", {{"replicas", kServers}, {"config", {{"monitor", {{"port", broker_port_}}}}}}}}));
  }
}

int Fleet::ready_clusters() {
  int out = 0;
  for (const Json& cluster : must(api_.list(kClusters, {})).items) {
    for (const Json& condition : workload::member(cluster, {"status", "conditions"})) {
      out += condition["type"] == "Ready" && condition["status"] == "True" ? 1 : 0;
    }
  }
  return out;
}

Clock::time_point Fleet::change_cluster(int number) {
  static int value = 0;
  must(api_.merge_patch(
      {kClusters, ns_of(number), name_of(number)},
      {{"spec", {{"service", {{"annotations", {{"bench", std::to_string(++value)}}}}}}}}));
  return Clock::now();
}

void Fleet::create_foreign(int count) {
  const std::string kilobyte(1024, 'x');
  for (int i = 0; i < count; ++i) {
    const Json metadata = {{"namespace", kForeignNs},
                           {"name", fmt::format("foreign-{}", i)},
                           {"labels", {{"app.kubernetes.io/managed-by", "somebody"}}}};
    must(api_.create(kube::kSecrets, {{"apiVersion", "v1"},
                                      {"kind", "Secret"},
                                      {"metadata", metadata},
                                      {"stringData", {{"key", kilobyte}}}}));
    must(api_.create(
        kube::kPods,
        {{"apiVersion", "v1"},
         {"kind", "Pod"},
         {"metadata", metadata},
         {"spec",
          {{"containers",
            Json::array({{{"name", "main"},
                          {"image", "app"},
                          {"env", Json::array({{{"name", "TEXT"}, {"value", kilobyte}}})}}})}}}}));
  }
}

void Fleet::count_writes() {
  writes_ = 0;
}

void Fleet::expect_write(int number) {
  const std::lock_guard lock(mutex_);
  expected_ = "/" + name_of(number);
  written_at_.reset();
}

std::optional<Clock::time_point> Fleet::wait_for_write(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  written_.wait_for(lock, patience, [this] { return written_at_.has_value(); });
  expected_.clear();
  return written_at_;
}

http_front::Response Fleet::handle(const http_front::Request& request) {
  const bool lease = request.path.find("/leases") != std::string::npos;
  if (request.method != "GET" && !lease) note_write(request.path);
  return handler_.handle(request);
}

void Fleet::note_write(const std::string& path) {
  ++writes_;
  const std::lock_guard lock(mutex_);
  if (expected_.empty() || written_at_ || path.find(expected_) == std::string::npos) return;
  written_at_ = Clock::now();
  written_.notify_all();
}

// Level triggered enough for pods that nobody ever deletes.
void Fleet::run_nodes() {
  const auto type = server_.find_type("apps", "v1", "statefulsets");
  auto cursor = server_.watch(type, {});
  while (cursor && !server_.stopping()) {
    auto event = server_.next(**cursor, kLongestWait);
    if (!event) {
      cursor = server_.watch(type, {});
    } else if (event->has_value() && (*event)->type != kube::WatchEventType::kDeleted &&
               (*event)->type != kube::WatchEventType::kBookmark) {
      make_pods((*event)->object);
    }
  }
}

void Fleet::make_pods(const Json& set) {
  const int64_t generation = workload::integer(set, {"metadata", "generation"});
  if (workload::integer(set, {"status", "observedGeneration"}) >= generation) return;
  workload::Objects objects(server_, "nodes");
  const std::string revision = "1";
  for (int i = 0; i < kServers; ++i) {
    const auto pod = objects.create(kube::kPods, running_pod(set, i, revision));
    if (!pod) continue;
    Json status = {{"phase", "Running"}, {"podIP", "127.0.0.1"}};
    workload::set_condition(status["conditions"], "Ready", "True", "", "", objects.now());
    objects.update_status(kube::kPods, *pod, status);
  }
  objects.update_status(kube::kStatefulSets, set,
                        {{"observedGeneration", generation},
                         {"replicas", kServers},
                         {"readyReplicas", kServers},
                         {"updatedReplicas", kServers},
                         {"currentRevision", revision},
                         {"updateRevision", revision}});
}

}  // namespace natrix::bench
