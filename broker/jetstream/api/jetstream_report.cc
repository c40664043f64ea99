// What the monitoring pages ask for. Called on the thread that owns the server: each stream answers
// on its own shard, a limited number of consumers at a time, so that no shard stands still for it.
#include <algorithm>

#include "broker/jetstream/api/jetstream.h"

namespace natrix::jetstream::api {

namespace {

constexpr size_t kConsumersInOneGo = 256;

// The next consumers behind `after` (empty: from the beginning). False: there are no more.
bool report_consumers(const HostedStream& hosted, std::string& after, size_t most,
                      StreamReport& into) {
  const auto& all = hosted.consumers();
  auto at = after.empty() ? all.begin() : all.upper_bound(after);
  for (size_t n = 0; at != all.end() && n < most; ++at, ++n) {
    after = at->first;
    model::ConsumerInfo info = at->second->info();
    bool direct = info.config && info.config->direct;
    (direct ? into.direct_consumers : into.consumers).push_back(std::move(info));
  }
  return at != all.end();
}

}  // namespace

Totals JetStream::totals() {
  Totals totals;
  totals.store_dir = folder_;
  totals.domain = options_.domain;
  totals.max_memory = options_.max_memory;
  totals.max_file = options_.max_file;
  totals.sync_interval = options_.sync_interval.count();
  totals.api_total = shared_.api_total;
  totals.api_errors = shared_.api_errors;
  run_and_wait(*shards_.front(), [&] {
    for (auto& [name, account] : accounts_) {
      if (account->streams.empty()) continue;
      ++totals.accounts;
      totals.streams += static_cast<int64_t>(account->streams.size());
      totals.consumers += account->usage.consumers;
      totals.memory += account->usage.memory_bytes;
      totals.file += account->usage.file_bytes;
      totals.messages += static_cast<uint64_t>(account->usage.messages.load());
      totals.reserved_memory += account->reserved(model::StorageType::kMemory);
      totals.reserved_file += account->reserved(model::StorageType::kFile);
    }
  });
  totals.bytes = static_cast<uint64_t>(totals.memory + totals.file);
  totals.store = store_->metrics();
  return totals;
}

std::vector<JetStream::Place> JetStream::places(const ReportRequest& request, Report& report) {
  std::vector<Place> places;
  run_and_wait(*shards_.front(), [&] {
    for (auto& [name, account] : accounts_) {
      if (!request.account.empty() && name != request.account) continue;
      AccountReport& one = report.accounts.emplace_back();
      one.name = name;
      one.memory = account->usage.memory_bytes;
      one.file = account->usage.file_bytes;
      one.reserved_memory = account->reserved(model::StorageType::kMemory);
      one.reserved_file = account->reserved(model::StorageType::kFile);
      one.api_total = account->api_total;
      one.api_errors = account->api_errors;
      if (!request.streams) continue;
      for (auto& [stream, entry] : account->streams) {
        places.push_back({report.accounts.size() - 1, entry.shard, entry.slot});
      }
    }
  });
  return places;
}

Report JetStream::report(const ReportRequest& request) {
  Report report;
  size_t room = request.max_consumers;
  for (const Place& place : places(request, report)) {
    StreamReport stream;
    bool there = false;
    bool more = request.consumers;
    run_and_wait(*place.shard, [&] {
      if (!place.slot->stream) return;
      auto info = place.slot->stream->info({});
      there = static_cast<bool>(info);
      if (there) stream.info = std::move(*info);
    });
    if (!there) continue;
    std::string after;
    while (more && room > 0) {
      size_t before = stream.consumers.size() + stream.direct_consumers.size();
      run_and_wait(*place.shard, [&] {
        more = place.slot->stream && report_consumers(*place.slot->stream, after,
                                                      std::min(room, kConsumersInOneGo), stream);
      });
      room -= stream.consumers.size() + stream.direct_consumers.size() - before;
    }
    auto shown = static_cast<int64_t>(stream.consumers.size() + stream.direct_consumers.size());
    if (more && stream.info.state.consumers > shown) {
      report.left_out += static_cast<size_t>(stream.info.state.consumers - shown);
    }
    report.accounts[place.account].streams.push_back(std::move(stream));
  }
  return report;
}

Found JetStream::find(const std::string& account, const std::string& stream,
                      const std::string& consumer) {
  Found found = Found::kNoAccount;
  ShardHost* shard = nullptr;
  std::shared_ptr<Slot> slot;
  run_and_wait(*shards_.front(), [&] {
    auto at = accounts_.find(account);
    if (at == accounts_.end()) return;
    found = stream.empty() ? Found::kYes : Found::kNoStream;
    Entry* entry = stream.empty() ? nullptr : at->second->find(stream);
    if (entry == nullptr) return;
    found = Found::kYes;
    shard = entry->shard;
    slot = entry->slot;
  });
  if (slot == nullptr || consumer.empty()) return found;
  run_and_wait(*shard, [&] {
    bool there = slot->stream && slot->stream->find(consumer) != nullptr;
    if (!there) found = Found::kNoConsumer;
  });
  return found;
}

}  // namespace natrix::jetstream::api
