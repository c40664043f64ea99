#include "operator/local/agent/pod_worker.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace natrix::agent {

using workload::deleting;
using workload::integer;
using workload::member;
using workload::name_of;
using workload::ns_of;
using workload::set_condition;
using workload::text;
using workload::uid_of;

namespace {

// How soon a changed ConfigMap or Secret is noticed.
constexpr std::chrono::milliseconds kTick{500};

Localizer make_localizer(const Json& pod, AgentContext& agent) {
  return {agent.addresses.pod(ns_of(pod), name_of(pod)),
          {},
          [&agent](const std::string& ns, const std::string& name) {
            return agent.addresses.pod(ns, name);
          },
          [&agent](const std::string& ns, const std::string& name) {
            return agent.addresses.service(ns, name);
          }};
}

}  // namespace

PodWorker::PodWorker(const Json& pod, AgentContext& agent)
    : context_{agent, pod, fmt::format("{}/{}", agent.pods_directory, uid_of(pod)),
               make_localizer(pod, agent)},
      volumes_(pod, context_.directory, agent.claims_directory),
      start_time_(agent.objects.now()),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  context_.pod["status"]["podIP"] = context_.localizer.address;
  context_.pod["status"]["hostIP"] = agent.addresses.host();
  const auto add = [&](const char* list, Containers& out, bool init) {
    for (const Json& spec : member(pod, {"spec", list})) {
      for (const auto& mount : volumes_.mounts(spec)) context_.localizer.paths.push_back(mount);
      out.push_back(std::make_unique<Container>(spec, init, context_));
    }
  };
  add("initContainers", init_, true);
  add("containers", main_, false);
  thread_ = std::thread([this] { run(); });
}

PodWorker::~PodWorker() {
  thread_.join();
  close(wake_);
}

void PodWorker::update(const Json& pod) {
  {
    const std::lock_guard lock(mutex_);
    news_ = pod;
  }
  eventfd_write(wake_, 1);
}

void PodWorker::vanished() {
  {
    const std::lock_guard lock(mutex_);
    vanished_ = true;
  }
  eventfd_write(wake_, 1);
}

void PodWorker::shut_down(std::chrono::milliseconds grace) {
  {
    const std::lock_guard lock(mutex_);
    shut_down_ = grace;
  }
  eventfd_write(wake_, 1);
}

void PodWorker::take_news() {
  const std::lock_guard lock(mutex_);
  if (!news_) return;
  const std::string pod_address = context_.pod["status"]["podIP"];
  const std::string host_address = context_.pod["status"]["hostIP"];
  context_.pod = std::move(*news_);
  context_.pod["status"]["podIP"] = pod_address;
  context_.pod["status"]["hostIP"] = host_address;
  news_.reset();
}

// Volumes first; without them nothing can start. A running pod keeps what it has when a source
// disappears.
bool PodWorker::set_up() {
  const uint64_t revision = context_.agent.objects.server().revision();
  if (revision == volumes_at_) return volumes_ready_;
  volumes_at_ = revision;
  Result<void> done = volumes_.refresh(context_.pod, context_.agent.objects, context_.localizer);
  if (done) {
    trouble_.clear();
    volumes_ready_ = true;
  } else if (trouble_ != done.error().message) {
    trouble_ = done.error().message;
    context_.agent.objects.record(context_.pod, "Warning", "FailedMount", trouble_);
  }
  return volumes_ready_;
}

void PodWorker::stop_if_asked() {
  bool vanished = false;
  std::optional<std::chrono::milliseconds> shut_down;
  {
    const std::lock_guard lock(mutex_);
    vanished = vanished_;
    shut_down = shut_down_;
  }
  if (!vanished && !shut_down && !deleting(context_.pod)) return;
  std::chrono::milliseconds grace =
      std::chrono::seconds(integer(context_.pod, {"metadata", "deletionGracePeriodSeconds"}, 30));
  if (shut_down) grace = *shut_down;
  if (vanished) grace = std::chrono::milliseconds(0);
  stopping_ = true;
  for (Containers* list : {&init_, &main_}) {
    for (auto& container : *list) container->stop(grace, vanished || shut_down);
  }
}

bool PodWorker::initialized() const {
  return std::all_of(init_.begin(), init_.end(),
                     [](const auto& container) { return container->succeeded(); });
}

bool PodWorker::all_finished() const {
  const auto finished = [](const auto& container) { return container->finished(); };
  return std::all_of(main_.begin(), main_.end(), finished) &&
         (!stopping_ || std::all_of(init_.begin(), init_.end(), finished));
}

void PodWorker::step_containers() {
  const std::string policy = text(context_.pod, {"spec", "restartPolicy"});
  if (stopping_) {
    for (Containers* list : {&init_, &main_}) {
      for (auto& container : *list) container->step(policy);
    }
    return;
  }
  if (!set_up()) return;
  for (auto& container : init_) {
    container->step(policy);
    if (container->succeeded()) continue;
    // With restartPolicy Never a failed one fails the pod.
    if (container->finished()) {
      for (auto& other : main_) other->stop(std::chrono::milliseconds(0), true);
    }
    return;
  }
  for (auto& container : main_) container->step(policy);
}

std::string PodWorker::phase() const {
  if (all_finished()) {
    const bool good = std::all_of(main_.begin(), main_.end(),
                                  [](const auto& container) { return container->succeeded(); });
    return good ? "Succeeded" : "Failed";
  }
  const bool started = std::any_of(main_.begin(), main_.end(),
                                   [](const auto& container) { return container->ever_started(); });
  return started ? "Running" : "Pending";
}

Json PodWorker::make_status() const {
  const std::string now = context_.agent.objects.now();
  Json status = member(context_.pod, {"status"});
  status["phase"] = phase();
  status["podIPs"] = Json::array({{{"ip", status["podIP"]}}});
  status["hostIPs"] = Json::array({{{"ip", status["hostIP"]}}});
  status["startTime"] = start_time_;
  status["containerStatuses"] = Json::array();
  for (const auto& container : main_) status["containerStatuses"].push_back(container->status());
  if (!init_.empty()) {
    status["initContainerStatuses"] = Json::array();
    for (const auto& container : init_) {
      status["initContainerStatuses"].push_back(container->status());
    }
  }
  std::string unready;
  for (const auto& container : main_) {
    if (!container->ready()) unready += (unready.empty() ? "" : " ") + container->name();
  }
  Json& conditions = status["conditions"];
  set_condition(conditions, "PodScheduled", "True", "", "", now);
  set_condition(conditions, "Initialized", initialized() ? "True" : "False",
                initialized() ? "" : "ContainersNotInitialized", "", now);
  for (const char* type : {"ContainersReady", "Ready"}) {
    set_condition(
        conditions, type, unready.empty() ? "True" : "False",
        unready.empty() ? "" : "ContainersNotReady",
        unready.empty() ? "" : fmt::format("containers with unready status: [{}]", unready), now);
  }
  return status;
}

void PodWorker::write_status() {
  const Json status = make_status();
  workload::Objects& objects = context_.agent.objects;
  const std::optional<Json> live =
      objects.get(kube::kPods, ns_of(context_.pod), name_of(context_.pod));
  if (!live || uid_of(*live) != uid_of(context_.pod)) return;
  if (objects.update_status(kube::kPods, *live, status)) context_.pod["status"] = status;
}

void PodWorker::wait() {
  const bool may_start = stopping_ || (volumes_ready_ && initialized());
  auto due = Container::Clock::now() + kTick;
  std::vector<pollfd> fds{{wake_, POLLIN, 0}};
  for (const Containers* list : {&init_, &main_}) {
    for (const auto& container : *list) {
      if (container->running() || may_start) due = std::min(due, container->due());
      if (container->descriptor() >= 0) fds.push_back({container->descriptor(), POLLIN, 0});
    }
  }
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(due - Container::Clock::now()).count();
  // Never a busy loop: what is overdue but cannot proceed is looked at again shortly.
  poll(fds.data(), fds.size(), static_cast<int>(std::max<int64_t>(left, 10)));
  eventfd_t ignored = 0;
  eventfd_read(wake_, &ignored);
}

void PodWorker::clean_up() {
  bool keep = false;
  {
    const std::lock_guard lock(mutex_);
    keep = shut_down_.has_value();
  }
  if (!keep) context_.agent.objects.remove(kube::kPods, context_.pod, 0);
  std::error_code ignored;
  std::filesystem::remove_all(context_.directory, ignored);
}

void PodWorker::run() {
  for (;;) {
    take_news();
    stop_if_asked();
    step_containers();
    if (stopping_ && all_finished()) break;
    write_status();
    wait();
  }
  clean_up();
  finished_ = true;
}

memory_api::Outcome<std::shared_ptr<LogFile>> PodWorker::log(const std::string& container,
                                                             bool previous) const {
  const Container* found = container.empty() && main_.size() == 1 ? main_.front().get() : nullptr;
  std::string names;
  for (const Containers* list : {&init_, &main_}) {
    for (const auto& one : *list) {
      if (one->name() == container) found = one.get();
      names += (names.empty() ? "" : " ") + one->name();
    }
  }
  if (found == nullptr) {
    return fail_with(memory_api::bad_request(
        container.empty()
            ? fmt::format("a container name must be specified, choose one of: [{}]", names)
            : fmt::format("container {} is not valid, choose one of: [{}]", container, names)));
  }
  if (std::shared_ptr<LogFile> log = found->log(previous)) return log;
  return fail_with(memory_api::bad_request(
      previous ? fmt::format("previous terminated container \"{}\" not found", found->name())
               : fmt::format("container \"{}\" is waiting to start", found->name())));
}

}  // namespace natrix::agent
