#include "operator/reconcile/cluster_reconciler.h"

#include <openssl/rand.h>

#include "broker/base/assert.h"
#include "operator/kube/resources.h"
#include "operator/reconcile/pass.h"

namespace natrix::reconcile {

namespace {

constexpr std::chrono::hours kReadAllAgain{1};
constexpr std::chrono::seconds kAskAgain{10};

}  // namespace

ClusterReconciler::ClusterReconciler(kube::Api& api, brokerapi::BrokerApi& brokers,
                                     ops::Clock& clock, ops::Log& log,
                                     ClusterReconcilerOptions options,
                                     std::function<std::string()> make_password)
    : api_(api),
      brokers_(brokers),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      make_password_(std::move(make_password)) {}

ClusterReconciler::~ClusterReconciler() = default;

Outcome ClusterReconciler::reconcile(const std::string& ns, const std::string& name) {
  const std::shared_ptr<Memory> memory = remember(ns, name);
  if (still_at_rest(*memory)) {
    return {memory->missed ? kAskAgain : memory->rest->next_look, std::nullopt};
  }
  auto object = api_.get({kNatsClusters, ns, name});
  if (!object) {
    if (object.error().code == kube::Errc::kNotFound) {
      forget(ns, name);
      return {};
    }
    return {object.error().retry_after, "reading the NatsCluster: " + object.error().message};
  }
  // Children go with their owner, claims stay: there is nothing to undo, hence no finalizer.
  if (!at(*object, {"metadata", "deletionTimestamp"}).is_null()) return {};
  return Pass(*this, *memory, std::move(*object)).run();
}

bool ClusterReconciler::still_at_rest(Memory& memory) {
  if (view_ == nullptr || !memory.rest) return false;
  const Memory::Rest& rest = *memory.rest;
  const ops::Time now = clock_.now();
  if (now - rest.since >= kReadAllAgain || !still_so(rest.versions, *view_, api_)) return false;
  if (view_->owned(kube::kPods, rest.set_uid) != rest.pods) return false;
  if (memory.servers.empty() || now - memory.reported_at < options_.broker_interval) return true;
  Reports reports;
  for (auto& [name, answer] : brokers_.ask(memory.servers, options_.broker_deadline)) {
    if (answer) reports.emplace(name, std::move(*answer));
  }
  // A node that is busy for a second is no news; the same silence once more is.
  const bool silence = reports.size() < memory.reports.size();
  if (silence && !memory.missed) return memory.missed = true;
  memory.missed = false;
  memory.reported_at = now;
  if (reports == memory.reports) return true;
  memory.reports = std::move(reports);
  return false;
}

std::shared_ptr<ClusterReconciler::Memory> ClusterReconciler::remember(const std::string& ns,
                                                                       const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Memory>& memory = memories_[{ns, name}];
  if (!memory) memory = std::make_shared<Memory>();
  return memory;
}

void ClusterReconciler::forget(const std::string& ns, const std::string& name) {
  const std::lock_guard lock(mutex_);
  memories_.erase({ns, name});
}

std::string random_password() {
  static constexpr char kDigits[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ab";
  static_assert(sizeof kDigits == 65);
  unsigned char bytes[32];
  const int done = RAND_bytes(bytes, sizeof bytes);
  NATRIX_ASSERT(done == 1, "the kernel's random source is available");
  std::string out;
  for (const unsigned char byte : bytes) out += kDigits[byte & 63];
  return out;
}

}  // namespace natrix::reconcile
