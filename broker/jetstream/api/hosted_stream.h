// HostedStream: a stream with its consumers, on its shard.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/log.h"
#include "broker/jetstream/api/shard_host.h"
#include "broker/jetstream/consumer/consumer.h"
#include "broker/jetstream/model/limits.h"
#include "broker/jetstream/stream/stream.h"

namespace natrix::jetstream::api {

// What everything of JetStream on a server shares. Immutable but for the counters.
struct Shared {
  stream::StreamSettings settings;
  model::ServerLimits limits;
  bool strict = true;
  std::string server_name;
  std::string version;
  Logger& log;
  std::atomic<uint64_t> api_total{0}, api_errors{0};
};

class HostedStream final : public consumer::ConsumerHost, public InterestWatcher {
 public:
  HostedStream(ShardHost& shard, account::Account& account, Shared& shared, stream::Usage& usage,
               model::StreamConfig config, model::Time created);
  ~HostedStream() override;

  // Attaches to the store and revives the consumers found there.
  void open(storage::StreamStore& store);
  void close(consumer::Consumer::End end);

  stream::Stream& stream() { return stream_; }
  Environment& environment() { return environment_; }
  model::ApiResult<model::StreamInfo> info(const model::StreamInfoRequest& request);

  // Name and settings are complete afterwards; answers wait for the ticket.
  struct Created {
    consumer::Consumer* consumer = nullptr;
    storage::Ticket ticket = 0;
  };
  model::ApiResult<Created> create(model::ConsumerRequest request);
  // The ticket to wait for, 0: nothing to wait for.
  model::ApiResult<storage::Ticket> remove(std::string_view name);
  [[nodiscard]] consumer::Consumer* find(std::string_view name) const;
  model::ApiResult<storage::Ticket> pause(consumer::Consumer& consumer, model::Time until);
  [[nodiscard]] const auto& consumers() const { return consumers_; }

  // consumer::ConsumerHost
  void retire(consumer::Consumer& consumer) override;
  void advise(std::string_view subject, std::string_view type, std::string_view fields) override;
  // InterestWatcher
  void interest_changed() override;

  void advise_stream(std::string_view what, std::string_view action);

 private:
  model::ApiResult<Created> update(consumer::Consumer& existing, model::ConsumerConfig config,
                                   model::ConsumerAction action);
  model::ApiResult<void> check_work_queue(const model::ConsumerConfig& config);
  [[nodiscard]] bool overlaps_others(const std::string& name,
                                     const std::vector<std::string>& filters) const;
  void add(std::unique_ptr<consumer::Consumer> consumer);
  void advise_consumer(std::string_view name, std::string_view what, std::string_view action);
  void revive(storage::ConsumerStore& kept);

  ShardHost& shard_;
  account::Account& account_;
  Shared& shared_;
  stream::Usage& usage_;
  Environment& environment_;
  stream::Stream stream_;
  std::map<std::string, std::unique_ptr<consumer::Consumer>, std::less<>> consumers_;
  size_t pushing_ = 0;
  // Work that outlives a turn checks whether the stream is still there.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace natrix::jetstream::api
