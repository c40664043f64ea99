#include "broker/core/plan.h"

#include "broker/subject/tokens.h"

namespace natrix::core {

using subject::Origin;
using subject::QueueGroup;
using subject::Subscription;

void Plan::clear() {
  local.clear();
  routes.clear();
  for (uint32_t i = 0; i < queue_count; ++i) {
    queues[i].local.clear();
    queues[i].remote.clear();
  }
  queue_count = 0;
}

QueuePlan& Plan::queue(std::string_view name) {
  for (uint32_t i = 0; i < queue_count; ++i) {
    if (queues[i].name == name) return queues[i];
  }
  if (queue_count == queues.size()) queues.emplace_back();
  QueuePlan& fresh = queues[queue_count++];
  fresh.name = name;
  return fresh;
}

void Plan::fill(const subject::SubjectIndex& index, std::string_view subject) {
  clear();
  // An empty token matches nothing, not even '*'.
  if (!subject::is_valid_pattern(subject)) return;
  index.match(
      subject,
      [this](Subscription* sub) {
        if (sub->origin == Origin::kLocal) {
          local.push_back(sub);
          return;
        }
        // Several patterns of one server may match: it still gets the message once.
        for (const Subscription* other : routes) {
          if (other->receiver == sub->receiver) return;
        }
        routes.push_back(sub);
      },
      [this](const QueueGroup& group) {
        QueuePlan& plan = queue(group.name);
        group.members.for_each([&plan](Subscription* sub) {
          (sub->origin == Origin::kLocal ? plan.local : plan.remote).push_back(sub);
        });
      });
}

PlanCache::~PlanCache() {
  for (Slot& slot : slots_) delete slot.cached;
}

const Plan& PlanCache::find(account::Account& account, std::string_view subject) {
  ++lookups_;
  if (disabled_) {
    scratch_.fill(account.index(), subject);
    return scratch_;
  }
  if (slots_.empty()) slots_.resize(kSlots);
  uint32_t hash =
      subject::hash_of(subject) ^ static_cast<uint32_t>(reinterpret_cast<uintptr_t>(&account) >> 6);
  Slot& slot = slots_[hash % kSlots];
  Cached* cached = slot.cached;
  bool same = cached != nullptr && slot.hash == hash && cached->account == &account &&
              cached->subject == subject;
  if (same && cached->generations.current()) {
    ++hits_;
    return cached->plan;
  }
  if (!same && slot.candidate != hash) {
    slot.candidate = hash;
    scratch_.fill(account.index(), subject);
    return scratch_;
  }
  if (cached == nullptr) {
    cached = slot.cached = new Cached;
    ++size_;
  }
  if (!same) {
    slot.hash = hash;
    cached->account = &account;
    cached->subject = subject;
  }
  cached->generations = account.index().generations(subject);
  cached->plan.fill(account.index(), subject);
  return cached->plan;
}

}  // namespace natrix::core
