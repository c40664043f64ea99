// A Kubernetes full of NatsClusters, for measuring the operator: the API server in memory behind
// HTTP, a StatefulSet controller and nodes whose pods are ready at once, and one HTTP server that
// answers for every broker.
//
// Calls are for one thread; requests come in on others.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "operator/local/http_front/api_handler.h"
#include "operator/local/http_front/http_front.h"
#include "operator/local/memory_api/memory_api.h"

namespace httplib {
class Server;
}

namespace natrix::bench {

using Clock = std::chrono::steady_clock;

class Fleet {
 public:
  // The kubeconfig is written to `kubeconfig`.
  explicit Fleet(const std::string& kubeconfig);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // NatsClusters c0000, c0001, ... of three servers each, twenty in a namespace.
  void create_clusters(int count);
  [[nodiscard]] int ready_clusters();
  // A change that the operator has to write one object for and that disturbs no server.
  // Returns the time when the API server had it.
  Clock::time_point change_cluster(int number);
  // Secrets and Pods of somebody else.
  void create_foreign(int count);

  // Requests of operators that were no reads, from now on; events are not counted among them. The
  // Lease is not a cluster's.
  void count_writes();
  [[nodiscard]] uint64_t writes() const { return writes_; }
  // Starts to wait for the first write below the name of a cluster.
  void expect_write(int number);
  // When it came; nothing: not within `patience`.
  std::optional<Clock::time_point> wait_for_write(std::chrono::milliseconds patience);

 private:
  http_front::Response handle(const http_front::Request& request);
  void note_write(const std::string& path);
  void serve_brokers();
  void run_nodes();
  void make_pods(const kube::Json& set);

  memory_api::ApiServer server_;
  memory_api::MemoryApi api_{server_, "bench"};
  http_front::ApiHandler handler_{server_};
  http_front::HttpFront front_;
  std::unique_ptr<httplib::Server> brokers_;
  int broker_port_ = 0;
  int clusters_ = 0;

  std::atomic<uint64_t> writes_{0};
  std::mutex mutex_;
  std::condition_variable written_;
  std::string expected_;  // "/c0001"; empty: nothing
  std::optional<Clock::time_point> written_at_;

  std::thread broker_thread_;
  std::thread node_thread_;
};

}  // namespace natrix::bench
