// A stream whose messages live in memory. Every write is as durable as it will ever be when it
// returns: tickets are synced at once and the listener is never called.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/storage/indexed_stream_store.h"
#include "broker/storage/memory_consumer_store.h"

namespace natrix::storage {

class MemoryStreamStore final : public IndexedStreamStore {
 public:
  MemoryStreamStore(std::string_view config, Seq first_seq)
      : IndexedStreamStore(first_seq), config_(config) {}

  StorageResult<Appended> append(const NewMessage& message) override;
  StorageResult<Appended> append_all(std::span<const NewMessage> messages) override;
  StorageResult<Ticket> skip(Seq through) override;
  StorageResult<Removed> remove(Seq seq, Erase erase) override;
  Ticket barrier() override { return ticket_; }
  [[nodiscard]] Ticket synced() const override { return ticket_; }
  [[nodiscard]] Seq last_synced() const override { return index_.last_seq(); }

  StorageResult<StoredMessage> load(Seq seq) override;

  StorageResult<ConsumerStore*> consumer(std::string_view name, std::string_view config,
                                         bool in_memory) override;
  [[nodiscard]] ConsumerStore* find_consumer(std::string_view name) override;
  [[nodiscard]] std::vector<ConsumerStore*> consumers() override;
  StorageResult<Ticket> remove_consumer(std::string_view name) override;

  [[nodiscard]] std::string_view config() const override { return config_; }
  StorageResult<Ticket> set_config(std::string_view config) override;

 private:
  StorageResult<void> writable() override { return {}; }
  void log_remove(StreamIndex::Place) override {}
  void log_bulk(Bulk, Seq) override {}
  Ticket finish_write() override { return ++ticket_; }

  std::string config_;
  Ticket ticket_ = 0;
  std::map<std::string, std::unique_ptr<MemoryConsumerStore>, std::less<>> consumers_;
};

}  // namespace natrix::storage
