// Registry: which streams exist, by account and name, and where they live. Used on the home shard
// of JetStream only; what a stream itself knows is asked for on the stream's shard.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/jetstream/api/hosted_stream.h"
#include "broker/jetstream/model/stream_rules.h"
#include "broker/storage/store.h"

namespace natrix::jetstream::api {

// The stream on its shard; empty before it has been opened and after it has been closed. Only that
// shard looks inside.
struct Slot {
  std::unique_ptr<HostedStream> stream;
};

struct Entry {
  model::StreamConfig config;
  model::Time created;
  storage::StreamId id = 0;
  ShardHost* shard = nullptr;
  std::shared_ptr<Slot> slot = std::make_shared<Slot>();
};

struct JetStreamAccount {
  explicit JetStreamAccount(account::Account& of) : account(of) {}

  account::Account& account;
  stream::Usage usage;
  std::atomic<uint64_t> api_total{0}, api_errors{0};
  std::map<std::string, Entry, std::less<>> streams;
  std::vector<core::InternalHandle> listening;

  [[nodiscard]] Entry* find(std::string_view name) {
    auto found = streams.find(name);
    return found == streams.end() ? nullptr : &found->second;
  }
  // Whether another stream than `except` would store a message of these subjects.
  [[nodiscard]] bool overlaps(const std::vector<std::string>& subjects,
                              std::string_view except) const {
    return std::any_of(streams.begin(), streams.end(), [&](const auto& one) {
      return one.first != except && model::subjects_overlap(one.second.config.subjects, subjects);
    });
  }
  // Bytes that streams of this kind have been promised by their max_bytes.
  [[nodiscard]] int64_t reserved(model::StorageType storage, std::string_view except = {}) const {
    int64_t sum = 0;
    for (const auto& [name, entry] : streams) {
      if (name != except && entry.config.storage == storage && entry.config.max_bytes > 0) {
        sum += entry.config.max_bytes;
      }
    }
    return sum;
  }
};

}  // namespace natrix::jetstream::api
