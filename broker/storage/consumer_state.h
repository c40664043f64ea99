// ConsumerState: what of a consumer survives a restart: how far it has delivered, what is
// acknowledged, what waits for an acknowledgement and how often it was delivered.
//
// A pure state machine, fed by the same operations when they happen and when they are read back
// from the journal. The consumer works on this very object, there is no second copy. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "broker/storage/types.h"

namespace natrix::storage {

struct SequencePair {
  uint64_t consumer = 0;  // number of the delivery
  Seq stream = 0;
  bool operator==(const SequencePair&) const = default;
};

// A message delivered and not yet acknowledged.
struct PendingAck {
  Seq stream_seq = 0;
  uint64_t consumer_seq = 0;  // of the first delivery
  Nanos time = 0;             // of the latest delivery
  uint32_t deliveries = 1;    // 0: acknowledged, about to be forgotten
  bool operator==(const PendingAck&) const = default;
};

class ConsumerState {
 public:
  [[nodiscard]] SequencePair delivered() const { return delivered_; }
  [[nodiscard]] SequencePair ack_floor() const { return ack_floor_; }
  [[nodiscard]] size_t pending_count() const { return live_; }
  // Null: not pending. Valid until the next change.
  [[nodiscard]] const PendingAck* pending(Seq stream_seq) const;
  // Calls visit(const PendingAck&) for all that is pending, ascending by stream sequence, until it
  // returns false.
  template <class F>
  void each_pending(F&& visit) const {
    for (const PendingAck& entry : pending_) {
      if (entry.deliveries != 0 && !visit(entry)) return;
    }
  }
  // Messages delivered more than once and still pending.
  [[nodiscard]] size_t redelivered_count() const;

  // A first delivery (deliveries == 1) of a message above everything delivered so far, or another
  // one of a message that is pending. Without `ack_needed` (ack policy none) nothing becomes
  // pending and the floor follows.
  void deliver(SequencePair at, uint32_t deliveries, Nanos time, bool ack_needed);
  // One message is acknowledged (or terminated). False: it was not pending.
  bool acknowledge(Seq stream_seq);
  // Everything delivered up to and including `stream_seq` is acknowledged. Returns how many were
  // pending.
  size_t acknowledge_through(Seq stream_seq);
  // As after creation or reset: the next message delivered is above `floor`.
  void reset(SequencePair floor);
  // The latest delivery counts as if it happened at `time` (+WPI, -NAK with delay). False: not
  // pending.
  bool touch(Seq stream_seq, Nanos time);

  // The whole state in bytes (docs/storage-format.md), and back; false: malformed, state unchanged.
  void encode(std::string& out) const;
  bool decode(std::string_view bytes);

  bool operator==(const ConsumerState& other) const;

 private:
  [[nodiscard]] std::deque<PendingAck>::iterator locate(Seq stream_seq);
  [[nodiscard]] std::deque<PendingAck>::const_iterator locate(Seq stream_seq) const;
  void forget_acknowledged();

  SequencePair delivered_;
  SequencePair ack_floor_;
  // Ascending by stream sequence. What is acknowledged out of order stays as a mark until it is at
  // the front or such marks are the majority.
  std::deque<PendingAck> pending_;
  size_t live_ = 0;
};

}  // namespace natrix::storage
