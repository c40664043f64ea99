// A consumer whose state lives and ends with the process.
#pragma once

#include <string>
#include <string_view>

#include "broker/storage/consumer_store.h"

namespace natrix::storage {

class MemoryConsumerStore final : public ConsumerStore {
 public:
  MemoryConsumerStore(std::string_view name, std::string_view config)
      : name_(name), config_(config) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::string_view config() const override { return config_; }
  [[nodiscard]] bool in_memory() const override { return true; }
  [[nodiscard]] const ConsumerState& state() const override { return state_; }

  void deliver(SequencePair at, uint32_t deliveries, Nanos time, bool ack_needed) override {
    state_.deliver(at, deliveries, time, ack_needed);
  }
  bool acknowledge(Seq stream_seq) override { return state_.acknowledge(stream_seq); }
  size_t acknowledge_through(Seq stream_seq) override {
    return state_.acknowledge_through(stream_seq);
  }
  bool touch(Seq stream_seq, Nanos time) override { return state_.touch(stream_seq, time); }
  void reset(SequencePair floor) override { state_.reset(floor); }
  StorageResult<Ticket> install(std::string_view encoded_state) override {
    if (!state_.decode(encoded_state)) {
      return storage_failure(StorageErrorKind::kInvalid, "malformed consumer state");
    }
    return Ticket{0};
  }
  StorageResult<Ticket> set_config(std::string_view config) override {
    config_ = config;
    return Ticket{0};
  }
  Ticket flush() override { return 0; }

 private:
  std::string name_;
  std::string config_;
  ConsumerState state_;
};

}  // namespace natrix::storage
