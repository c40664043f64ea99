#include "operator/local/agent/agent.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "operator/local/agent/log_reader.h"

namespace natrix::agent {

namespace fs = std::filesystem;
using workload::deleting;
using workload::name_of;
using workload::ns_of;
using workload::text;
using workload::uid_of;

namespace {

constexpr std::chrono::milliseconds kTick{500};

std::string key_of(const Json& pod) {
  return ns_of(pod) + "/" + name_of(pod);
}

AgentContext make_context(memory_api::ApiServer& server, Addresses& addresses,
                          ProcessHost& processes, LogPump& pump, AgentOptions options,
                          ops::Log& log) {
  const std::string& data = options.data_directory;
  return {workload::Objects(server, "kubelet"),
          addresses,
          processes,
          pump,
          std::move(options.images),
          std::move(options.node_name),
          data + "/pods",
          data + "/claims",
          data + "/bin",
          options.restarts,
          log};
}

// The broker under the names it has inside images, for commands of containers.
void link_programs(const AgentContext& context) {
  fs::create_directories(context.program_directory);
  for (const char* name : {"nats-server", "natrix-broker"}) {
    const fs::path link = fs::path(context.program_directory) / name;
    fs::remove(link);
    fs::create_symlink(fs::absolute(context.images.broker), link);
  }
}

}  // namespace

Agent::Agent(memory_api::ApiServer& server, Addresses& addresses, AgentOptions options,
             ops::Log& log)
    : server_(server),
      data_directory_(options.data_directory),
      log_(log),
      context_(make_context(server, addresses, processes_, pump_, std::move(options), log)),
      forwarder_(server, log) {}

Agent::~Agent() {
  stop(std::chrono::milliseconds(0));
}

Result<void> Agent::start() {
  try {
    fs::remove_all(context_.pods_directory);  // of a run that was killed
    fs::create_directories(context_.pods_directory);
    fs::create_directories(context_.claims_directory);
    link_programs(context_);
  } catch (const fs::filesystem_error& error) {
    return fail(fmt::format("the data directory cannot be used: {}", error.what()));
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

void Agent::run() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    if (server_.stopping()) return;
    const uint64_t seen = server_.revision();
    sync_pods();
    forwarder_.sync();
    server_.wait_for_change(seen, kTick);
  }
}

// A pod that took the name of another one waits until that one's processes are gone: they have the
// same address.
void Agent::take(const Json& pod) {
  Entry& entry = pods_[key_of(pod)];
  if (entry.worker && entry.uid != uid_of(pod)) {
    entry.worker->vanished();
    if (!entry.worker->finished()) return;
    entry.worker.reset();
  }
  const std::string version = text(pod, {"metadata", "resourceVersion"});
  if (!entry.worker) {
    entry = {uid_of(pod), version, std::make_unique<PodWorker>(pod, context_)};
  } else if (entry.version != version) {
    entry.version = version;
    entry.worker->update(pod);
  }
}

void Agent::sync_pods() {
  std::set<std::string> there;
  const std::vector<Json> pods = context_.objects.list(kube::kPods);
  const std::lock_guard lock(mutex_);
  for (const Json& pod : pods) {
    there.insert(key_of(pod));
    if (text(pod, {"spec", "nodeName"}).empty()) {
      context_.objects.patch(kube::kPods, pod, {{"spec", {{"nodeName", context_.node_name}}}});
    } else {
      take(pod);
    }
  }
  for (auto at = pods_.begin(); at != pods_.end();) {
    if (there.contains(at->first)) {
      ++at;
      continue;
    }
    at->second.worker->vanished();
    at = at->second.worker->finished() ? pods_.erase(at) : std::next(at);
  }
}

void Agent::stop(std::chrono::milliseconds grace) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
  forwarder_.stop();
  for (auto& [key, entry] : pods_) entry.worker->shut_down(grace);
  pods_.clear();  // waits for each
}

memory_api::Outcome<std::unique_ptr<http_front::LogReader>> Agent::open_log(
    const http_front::LogRequest& request) {
  const std::lock_guard lock(mutex_);
  const auto found = pods_.find(request.ns + "/" + request.pod);
  if (found == pods_.end() || !found->second.worker) {
    return fail_with(memory_api::not_found(kube::kPods, request.pod));
  }
  auto log = found->second.worker->log(request.container, request.previous);
  if (!log) return fail_with(memory_api::StatusError(log.error()));
  return make_log_reader(std::move(*log), request, std::chrono::system_clock::now());
}

}  // namespace natrix::agent
