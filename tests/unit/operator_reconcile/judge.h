// Holds every write of the operator that reaches the API server against the truth of that moment:
// no server is taken away while another is down, no claim is ever deleted, nothing is deleted by
// name alone, no status claims what is not so or repeats what is there.
//
// Stands between injected faults and the API server, so it sees only what really is written. Safe
// from any thread, if nothing but the operator takes servers away at the same time.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "operator/local/memory_api/memory_api.h"

namespace natrix::reconcile {

class Judge : public memory_api::MemoryApi {
 public:
  // Of one cluster. `server` must outlive the judge.
  Judge(memory_api::ApiServer& server, std::string ns, std::string cluster);

  [[nodiscard]] std::vector<std::string> violations() const;
  // What depends on reads from the past cannot be held against the moment.
  void reads_may_be_stale(bool may_be);
  // Which servers have served so far: one that is still coming up for the first time is not down.
  // To be called after every move of the nodes.
  void look();

  kube::ApiResult<void> remove(const kube::ObjectRef& ref,
                               const kube::DeletePreconditions& preconditions,
                               kube::Propagation propagation) override;
  kube::ApiResult<kube::Json> apply(const kube::ObjectRef& ref, const kube::Json& object,
                                    const std::string& manager) override;
  kube::ApiResult<kube::Json> apply_status(const kube::ObjectRef& ref, const kube::Json& object,
                                           const std::string& manager) override;

 private:
  using Pods = std::map<std::string, bool>;  // name -> it serves

  void blame(std::string what) { violations_.push_back(std::move(what)); }
  Pods pods();
  void judge_loss(const Pods& before, const std::string& name);
  void judge_ready(const kube::Json& live, const kube::Json& status);

  const std::string ns_;
  const std::string cluster_;
  mutable std::mutex mutex_;
  std::vector<std::string> violations_;
  std::set<std::string> served_;
  bool stale_reads_ = false;
};

}  // namespace natrix::reconcile
