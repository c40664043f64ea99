// A small Kubernetes for the reconciler's tests: the in-memory API server, the StatefulSet
// controller and kubelet reduced to what they do to pods, and servers that answer for ready pods.
// One thread; time moves only by step().
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/brokerconf/reload.h"
#include "operator/local/memory_api/memory_api.h"
#include "operator/reconcile/cluster_reconciler.h"
#include "operator/reconcile/types.h"
#include "tests/support/fake_clock.h"

namespace natrix::reconcile {

class World : public brokerapi::BrokerApi {
 public:
  World();

  kube::Api& api() { return api_; }
  memory_api::MemoryApi& memory() { return api_; }
  memory_api::ApiServer& server() { return server_; }
  tests::FakeClock& clock() { return clock_; }

  // What a user does. `spec` is the whole spec; it need not be valid.
  void apply_cluster(const std::string& spec, const std::string& name = "nats");
  void annotate_cluster(const std::string& key, const std::string& value);
  void put_secret(const std::string& name, const std::map<std::string, std::string>& data);
  void delete_cluster(const std::string& name = "nats");

  // A reconciler as after a start of the operator, with everything forgotten.
  std::unique_ptr<ClusterReconciler> start(kube::Api& api);
  std::unique_ptr<ClusterReconciler> start() { return start(api_); }

  // One move of the StatefulSet controller and the kubelets. True when something changed.
  bool step();
  // Passes and moves until neither changes anything. Fails the test if that takes too long.
  void settle(ClusterReconciler& reconciler, const std::string& name = "nats");

  Json get(const kube::ResourceType& type, const std::string& name) const;
  bool exists(const kube::ResourceType& type, const std::string& name) const;
  std::vector<Json> list(const kube::ResourceType& type) const;
  Json cluster(const std::string& name = "nats") const { return get(kNatsClusters, name); }
  // "True/AllServersReady"
  std::string condition(const std::string& type, const std::string& name = "nats") const;
  std::string condition_message(const std::string& type) const;
  // uid of every pod by name.
  std::map<std::string, std::string> pods() const;
  std::vector<std::string> event_reasons() const;
  uint64_t revision() const { return server_.revision(); }

  // Pods below this ordinal are started; others stay Pending with this reason and message.
  // A server that is not ready for so many moves; its pod stays.
  void stumble(const std::string& pod, int moves);
  // The node is gone, and the pod with it.
  void lose_pod(const std::string& name);
  void keep_pending(const std::string& pod, const std::string& reason, const std::string& message);
  void let_go() { pending_.clear(); }
  // Routes every server reports; nothing: all of them.
  std::optional<int> routes;
  // What a server answers to /healthz when it is not well, by pod.
  std::map<std::string, std::string> unwell;
  std::string version = "2.12.0";
  // Servers that reload their files by themselves: after this many further moves of the world (the
  // kubelet's delay). Nothing: they never do, and do not tell what they run.
  std::optional<int> reload_after;
  // Servers that do not take a change up, although they say that they would.
  std::set<std::string> deaf;
  int asked = 0;
  // Most pods that were ever not ready at a time while the StatefulSet was at full size.
  int most_down = 0;

  std::map<std::string, Result<brokerapi::ServerReport>> ask(
      const std::vector<brokerapi::ServerAddress>& servers, std::chrono::milliseconds) override;

 private:
  bool step_set(const Json& set);
  void create_pod(const Json& set, int ordinal, const std::string& revision);
  bool start_pod(const Json& pod);
  void delete_pod(const std::string& name);
  std::map<int, Json> pods_of(const Json& set);
  bool make_missing(const Json& set, const std::map<int, Json>& pods, const std::string& revision);
  void make_claims(const Json& set, const std::string& pod);
  bool keep_claims(const Json& set);
  void write_pod_status(const std::string& name, const Json& status);
  bool write_set_status(const Json& set, const std::string& revision);

  memory_api::ServerOptions server_options();
  tests::FakeClock clock_;
  memory_api::ApiServer server_;
  mutable memory_api::MemoryApi api_;
  ops::Log log_{[](std::string_view) {}};
  std::map<std::string, std::pair<std::string, std::string>> pending_;
  std::map<std::string, int> stumbling_;  // moves until it is ready again
  // The files a server runs with, and for how many moves others have been there.
  struct Loaded {
    std::string uid;
    brokerconf::Files files;
    std::map<std::string, std::string> serials;  // by listener
    int stale = 0;
  };
  Loaded files_now(const Json& pod) const;
  bool reload_servers();  // true: some server still runs something else than its files
  void tell_loaded(const std::string& pod, brokerapi::ServerReport& report) const;
  std::map<std::string, Loaded> loaded_;
  int passwords_ = 0;
  int next_ip_ = 1;
};

}  // namespace natrix::reconcile
