// Subscription: one SUB of one connection, as the subject index and the router see it.
//
// Owned by its receiver, created and destroyed on the receiver's shard; between insert() and the
// end of the grace period after remove() other shards read the immutable part. One allocation holds
// the struct and its sid; the subject text is shared with the index entry.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace natrix::core {
class Receiver;
}

namespace natrix::subject {

struct Entry;
struct QueueGroup;

// What stands behind a subscription decides how messages travel: to a client at once, to a route at
// most once per message.
enum class Origin : uint8_t { kLocal, kRoute };

struct Subscription {
  // Immutable while in an index.
  core::Receiver* receiver = nullptr;
  const void* place = nullptr;  // set by insert(): the QueueGroup if `queued`, else the Entry
  uint32_t slot = 0;            // index in the list of that place; the index writer's
  uint16_t shard = 0;           // where the receiver lives
  uint16_t sid_size = 0;
  Origin origin = Origin::kLocal;
  bool queued = false;  // set by insert()

  // The receiver's shard only, but the weight, which all shards read.
  bool closed = false;              // deliveries still under way are dropped
  bool filtered = false;            // a deny permission overlaps: check each message
  std::atomic<int32_t> weight = 1;  // members behind a routed queue subscription
  uint64_t delivered = 0;
  uint64_t max = 0;  // auto-unsubscribe after this many, 0: never

  [[nodiscard]] std::string_view sid() const {
    return {reinterpret_cast<const char*>(this + 1), sid_size};
  }
  [[nodiscard]] const Entry* entry() const;
  [[nodiscard]] const QueueGroup* group() const {
    return queued ? static_cast<const QueueGroup*>(place) : nullptr;
  }
  [[nodiscard]] std::string_view subject() const;
  [[nodiscard]] std::string_view queue() const;

  static Subscription* create(core::Receiver* receiver, uint16_t shard, Origin origin,
                              std::string_view sid);
  static void destroy(void* subscription);
};
static_assert(sizeof(Subscription) == 48, "a million of these are held: mind the size");

}  // namespace natrix::subject
