// ConsumerStore: state and configuration of one consumer, kept where its stream is kept.
//
// Owner: its StreamStore. Thread: the stream's shard. Changes apply to state() at once and go into
// the same journal as the stream's messages, several of a turn in one record. They are not urgent:
// they are synced together with the next batch that somebody waits for, or after
// StoreOptions::lazy_write. Who has to answer (double ack) calls flush() and waits for its ticket.
#pragma once

#include <string_view>

#include "broker/storage/consumer_state.h"
#include "broker/storage/types.h"

namespace natrix::storage {

class ConsumerStore {
 public:
  virtual ~ConsumerStore() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::string_view config() const = 0;
  [[nodiscard]] virtual bool in_memory() const = 0;
  [[nodiscard]] virtual const ConsumerState& state() const = 0;

  virtual void deliver(SequencePair at, uint32_t deliveries, Nanos time, bool ack_needed) = 0;
  virtual bool acknowledge(Seq stream_seq) = 0;
  virtual size_t acknowledge_through(Seq stream_seq) = 0;
  virtual bool touch(Seq stream_seq, Nanos time) = 0;
  virtual void reset(SequencePair floor) = 0;
  // Replaces everything (restore, snapshot of a replica). kInvalid: malformed.
  virtual StorageResult<Ticket> install(std::string_view encoded_state) = 0;

  virtual StorageResult<Ticket> set_config(std::string_view config) = 0;
  // A ticket (of the stream) for everything above; asks for a sync without waiting for more.
  virtual Ticket flush() = 0;
};

}  // namespace natrix::storage
