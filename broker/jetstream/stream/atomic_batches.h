// AtomicBatches: the batches of one stream whose messages are collected until the last one says
// that all are to be stored, as one (wire.md 10, atomic batch). What is collected is in memory: a
// batch that was not committed when the server ends is gone, and its publisher was not told
// otherwise.
//
// Owned by the stream, used on its shard. Limits: BatchLimits.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/jetstream/environment/environment.h"
#include "broker/jetstream/model/api_error.h"
#include "broker/jetstream/stream/batch_limits.h"
#include "broker/jetstream/stream/draft.h"
#include "broker/jetstream/stream/idle_queue.h"

namespace natrix::jetstream::stream {

class AtomicBatches {
 public:
  struct Message {
    std::string subject, headers, payload;
  };
  // Why a batch was given up, as advisories say it.
  using OnAbandoned = std::function<void(std::string_view id, std::string_view reason)>;

  AtomicBatches(Environment& environment, const BatchLimits& limits, OpenBatches& open,
                OnAbandoned on_abandoned);
  ~AtomicBatches() { clear(); }
  AtomicBatches(const AtomicBatches&) = delete;
  AtomicBatches& operator=(const AtomicBatches&) = delete;

  // Takes a message with Nats-Batch-Id. Nothing: it was collected. Messages: it was the last one,
  // they are the batch, which is forgotten here. After an error the batch is gone too, except for
  // errors that concern a batch that was never begun.
  using Complete = std::optional<std::vector<Message>>;
  model::ApiResult<Complete> take(const Draft& draft);
  // Drops all, without a word.
  void clear();
  [[nodiscard]] size_t size() const { return batches_.size(); }

 private:
  enum class Commit : uint8_t { kNo, kYes, kWithoutThis, kInvalid };
  struct Batch {
    std::vector<Message> messages;
    size_t bytes = 0;
    uint64_t last = 0;  // the sequence within the batch that came last
    IdleQueue::Place place;
  };
  using Batches = std::unordered_map<std::string, Batch>;

  static Commit commit_of(std::string_view header);
  model::ApiResult<Batches::iterator> begin(const Draft& draft, uint64_t size, uint64_t seq);
  model::ApiResult<void> check(Batches::iterator batch, const Draft& draft, uint64_t size,
                               uint64_t seq);
  Failure<model::ApiError> abandon(Batches::iterator batch, std::string_view reason,
                                   model::ApiError error);
  void drop(Batches::iterator batch);
  void on_idle();
  void arm();

  Environment& environment_;
  const BatchLimits& limits_;
  OpenBatches& open_;
  OnAbandoned on_abandoned_;
  Batches batches_;
  IdleQueue idle_;
  std::unique_ptr<Alarm> alarm_;
};

}  // namespace natrix::jetstream::stream
