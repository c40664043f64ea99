// Plan: where a message with a given subject goes, worked out once and kept as long as the index
// says that nothing it depends on has changed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/account/account.h"
#include "broker/core/receiver.h"

namespace natrix::core {

struct QueuePlan {
  std::string_view name;
  std::vector<subject::Subscription*> local;
  std::vector<subject::Subscription*> remote;  // routes with members; weight counts them
};

struct Plan {
  std::vector<subject::Subscription*> local;   // plain subscriptions of clients
  std::vector<subject::Subscription*> routes;  // one per route with plain interest
  std::vector<QueuePlan> queues;
  uint32_t queue_count = 0;  // entries of `queues` in use: the vectors inside are kept for reuse

  void clear();
  void fill(const subject::SubjectIndex& index, std::string_view subject);

 private:
  QueuePlan& queue(std::string_view name);
};

// The plans of recently used subjects of all accounts, of one shard. Direct-mapped and so bounded:
// a subject is admitted when it is asked for twice in a row, so that a flood of subjects that are
// used once neither allocates nor drives out the busy ones.
class PlanCache {
 public:
  static constexpr uint32_t kSlots = 4096;

  ~PlanCache();
  // The plan for the subject; valid until the next call. The caller is in a turn.
  const Plan& find(account::Account& account, std::string_view subject);
  void disable() { disabled_ = true; }

  [[nodiscard]] uint64_t hits() const { return hits_; }
  [[nodiscard]] uint64_t lookups() const { return lookups_; }
  [[nodiscard]] uint32_t size() const { return size_; }

 private:
  struct Cached {
    account::Account* account;
    std::string subject;
    subject::Generations generations;
    Plan plan;
  };
  struct Slot {
    uint32_t hash = 0;
    uint32_t candidate = 0;
    Cached* cached = nullptr;
  };
  std::vector<Slot> slots_;
  Plan scratch_;
  uint64_t hits_ = 0, lookups_ = 0;
  uint32_t size_ = 0;
  bool disabled_ = false;
};

}  // namespace natrix::core
