// PodWorker: one pod as a thread: sets up its volumes, runs its containers, reports its status, and
// removes the pod from the API when it was deleted and everything has stopped.
//
// Methods are safe from any thread. The destructor waits for the thread: call shut_down() first.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "operator/local/agent/container.h"
#include "operator/local/agent/volumes.h"

namespace natrix::agent {

class PodWorker {
 public:
  PodWorker(const Json& pod, AgentContext& agent);
  ~PodWorker();
  PodWorker(const PodWorker&) = delete;
  PodWorker& operator=(const PodWorker&) = delete;

  // The pod as it is now in the API.
  void update(const Json& pod);
  // The pod is gone from the API (deleted by force): kill what runs.
  void vanished();
  // The program ends: SIGTERM now, SIGKILL after `grace`. The pod stays in the API.
  void shut_down(std::chrono::milliseconds grace);
  // The thread has done its work.
  [[nodiscard]] bool finished() const { return finished_; }

  // By the name of the container, empty: the only one. The error is for the user.
  [[nodiscard]] memory_api::Outcome<std::shared_ptr<LogFile>> log(const std::string& container,
                                                                  bool previous) const;

 private:
  using Containers = std::vector<std::unique_ptr<Container>>;

  void run();
  bool set_up();
  void take_news();
  void step_containers();
  void stop_if_asked();
  void wait();
  void write_status();
  [[nodiscard]] Json make_status() const;
  [[nodiscard]] std::string phase() const;
  [[nodiscard]] bool initialized() const;
  [[nodiscard]] bool all_finished() const;
  void clean_up();

  PodContext context_;
  Volumes volumes_;
  Containers init_;
  Containers main_;
  bool volumes_ready_ = false;
  std::string trouble_;      // why they are not
  uint64_t volumes_at_ = 0;  // revision of the API the volumes were written from
  std::string start_time_;
  bool stopping_ = false;

  mutable std::mutex mutex_;  // guards what follows
  std::optional<Json> news_;
  bool vanished_ = false;
  std::optional<std::chrono::milliseconds> shut_down_;
  int wake_ = -1;
  std::atomic<bool> finished_{false};
  std::thread thread_;
};

}  // namespace natrix::agent
