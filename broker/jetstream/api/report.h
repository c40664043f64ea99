// What JetStream tells the monitoring pages about itself: totals, and on request every stream and
// consumer. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/jetstream/model/info.h"
#include "broker/storage/store.h"

namespace natrix::jetstream::api {

struct Totals {
  std::string store_dir, domain;
  int64_t max_memory = 0, max_file = 0;
  int64_t memory = 0, file = 0, reserved_memory = 0, reserved_file = 0;
  int64_t accounts = 0, streams = 0, consumers = 0;
  uint64_t messages = 0, bytes = 0;
  uint64_t api_total = 0, api_errors = 0;
  int64_t sync_interval = 0;
  storage::StoreMetrics store;
};

struct ReportRequest {
  std::string account;       // empty: all
  bool streams = false;      // else only the accounts
  bool consumers = false;    // of the streams
  size_t max_consumers = 0;  // in all; those beyond are counted in `left_out`
};

struct StreamReport {
  model::StreamInfo info;
  std::vector<model::ConsumerInfo> consumers;         // by name
  std::vector<model::ConsumerInfo> direct_consumers;  // of mirrors and sources
};

struct AccountReport {
  std::string name;
  int64_t memory = 0, file = 0, reserved_memory = 0, reserved_file = 0;
  uint64_t api_total = 0, api_errors = 0;
  std::vector<StreamReport> streams;  // by name
};

struct Report {
  std::vector<AccountReport> accounts;  // by name
  size_t left_out = 0;                  // consumers that were too many
};

// Whether something that /healthz was asked for exists.
enum class Found : uint8_t { kYes, kNoAccount, kNoStream, kNoConsumer };

}  // namespace natrix::jetstream::api
