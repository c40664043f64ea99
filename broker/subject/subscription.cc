#include "broker/subject/subscription.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "broker/subject/subject_index.h"

namespace natrix::subject {

const Entry* Subscription::entry() const {
  return queued ? group()->entry : static_cast<const Entry*>(place);
}

std::string_view Subscription::subject() const {
  return place == nullptr ? std::string_view{} : entry()->key();
}

std::string_view Subscription::queue() const {
  return queued ? std::string_view(group()->name) : std::string_view{};
}

Subscription* Subscription::create(core::Receiver* receiver, uint16_t shard, Origin origin,
                                   std::string_view sid) {
  void* memory = std::malloc(sizeof(Subscription) + sid.size());
  if (memory == nullptr) throw std::bad_alloc();
  auto* sub = new (memory) Subscription;
  sub->receiver = receiver;
  sub->shard = shard;
  sub->origin = origin;
  sub->sid_size = static_cast<uint16_t>(sid.size());
  if (!sid.empty()) std::memcpy(static_cast<void*>(sub + 1), sid.data(), sid.size());
  return sub;
}

void Subscription::destroy(void* subscription) {
  auto* sub = static_cast<Subscription*>(subscription);
  sub->~Subscription();
  std::free(subscription);
}

}  // namespace natrix::subject
