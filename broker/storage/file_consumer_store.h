// A consumer whose state is in the log: every change as a few bytes, the whole state now and then.
#pragma once

#include <string>
#include <string_view>

#include "broker/storage/consumer_store.h"
#include "broker/storage/record.h"

namespace natrix::storage {

class FileStreamStore;

class FileConsumerStore final : public ConsumerStore {
 public:
  FileConsumerStore(FileStreamStore& stream, uint32_t id, std::string_view name,
                    std::string_view config)
      : stream_(stream), id_(id), name_(name), config_(config) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::string_view config() const override { return config_; }
  [[nodiscard]] bool in_memory() const override { return false; }
  [[nodiscard]] const ConsumerState& state() const override { return state_; }

  void deliver(SequencePair at, uint32_t deliveries, Nanos time, bool ack_needed) override;
  bool acknowledge(Seq stream_seq) override;
  size_t acknowledge_through(Seq stream_seq) override;
  bool touch(Seq stream_seq, Nanos time) override;
  void reset(SequencePair floor) override;
  StorageResult<Ticket> install(std::string_view encoded_state) override;
  StorageResult<Ticket> set_config(std::string_view config) override;
  Ticket flush() override;

  [[nodiscard]] uint32_t id() const { return id_; }
  // Logs the changes since the last time.
  void log_changes();
  // Nothing can be logged now: the changes are forgotten, next time everything is said.
  void hold();
  // On the stream's list of those that have something to log.
  bool listed = false;
  // Logs name, configuration and state. Returns the ticket.
  Ticket log_everything();
  // Body of the record that says everything.
  void describe(std::string& body) const;
  // The earliest segment that is needed to know this consumer.
  uint64_t word = 0;

  // Recovery. False: malformed.
  bool replay_everything(std::string_view body);
  bool replay_changes(std::string_view body);
  // Body of a kConsumer or kConsumerChanges record: whose it is.
  static bool read_id(std::string_view& body, uint32_t& id);

 private:
  enum Change : uint8_t {
    kDeliver = 1,
    kDeliverNoAck = 2,
    kAcknowledge = 3,
    kAcknowledgeThrough = 4,
    kTouch = 5,
    kReset = 6,
  };
  static constexpr size_t kChangesMax = 64 * 1024;

  // False: changes are not kept, everything will be said.
  bool begin_change(Change change);
  void put(uint64_t value, uint64_t& previous);
  bool replay_change(std::string_view& in, uint8_t change);

  FileStreamStore& stream_;
  uint32_t id_;
  std::string name_;
  std::string config_;
  ConsumerState state_;
  std::string changes_;
  bool everything_ = false;
  // What the numbers in changes_ are relative to.
  struct Previous {
    uint64_t stream_seq = 0, consumer_seq = 0, time = 0;
  } previous_;
};

}  // namespace natrix::storage
