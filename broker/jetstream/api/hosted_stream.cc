#include "broker/jetstream/api/hosted_stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/crypto/server_id.h"
#include "broker/jetstream/model/codec.h"
#include "broker/jetstream/model/consumer_rules.h"
#include "broker/jetstream/stream/advisory.h"
#include "broker/subject/tokens.h"

namespace natrix::jetstream::api {

using consumer::Consumer;
using model::ApiResult;
using model::Err;
using model::refuse;

namespace {
constexpr size_t kMadeUpName = 8;
}  // namespace

HostedStream::HostedStream(ShardHost& shard, account::Account& account, Shared& shared,
                           stream::Usage& usage, model::StreamConfig config, model::Time created)
    : shard_(shard),
      account_(account),
      shared_(shared),
      usage_(usage),
      environment_(shard.environment(account)),
      stream_(environment_, shared.settings, usage, std::move(config), created) {}

HostedStream::~HostedStream() {
  *alive_ = false;
  shard_.unwatch(*this);
  usage_.consumers.fetch_sub(static_cast<int64_t>(consumers_.size()), std::memory_order_relaxed);
}

void HostedStream::open(storage::StreamStore& store) {
  stream_.open(store);
  for (storage::ConsumerStore* kept : store.consumers()) revive(*kept);
}

void HostedStream::revive(storage::ConsumerStore& kept) {
  auto decoded = model::decode_kept_consumer(kept.config());
  if (!decoded) {
    shared_.log.error("Consumer '{} > {} > {}' cannot be read and stays out of use: {}",
                      account_.name(), stream_.config().name, kept.name(),
                      decoded.error().description);
    return;
  }
  auto revived =
      std::make_unique<Consumer>(stream_, *this, std::move(decoded->first), decoded->second);
  revived->open(kept, Consumer::Origin::kRecovered);
  add(std::move(revived));
}

void HostedStream::close(Consumer::End end) {
  *alive_ = false;
  shard_.unwatch(*this);
  for (auto& [name, one] : consumers_) one->close(end);
  stream_.close();
}

void HostedStream::add(std::unique_ptr<Consumer> made) {
  if (made->config().is_push() && pushing_++ == 0) shard_.watch(*this, account_);
  usage_.consumers.fetch_add(1, std::memory_order_relaxed);
  std::string name = made->name();
  consumers_.emplace(std::move(name), std::move(made));
}

Consumer* HostedStream::find(std::string_view name) const {
  auto found = consumers_.find(name);
  return found == consumers_.end() ? nullptr : found->second.get();
}

ApiResult<model::StreamInfo> HostedStream::info(const model::StreamInfoRequest& request) {
  return stream_.info(request);
}

ApiResult<HostedStream::Created> HostedStream::create(model::ConsumerRequest request) {
  model::Mode mode = request.pedantic ? model::Mode::kPedantic : model::Mode::kForgiving;
  model::ConsumerConfig& config = request.config;
  if (config.replicas > 1) return refuse(Err::kReplicasNotSupported);
  std::string name = config.durable.empty() ? config.name : config.durable;
  Consumer* existing = name.empty() ? nullptr : find(name);
  if (existing != nullptr) config.pause_until = existing->config().pause_until;
  set_stored_metadata(config);
  auto checked = check_consumer(std::move(config), stream_.config(), shared_.limits, mode);
  if (!checked) return fail_with(checked.error());
  if (existing != nullptr) return update(*existing, std::move(*checked), request.action);
  if (request.action == model::ConsumerAction::kUpdate) {
    return refuse(Err::kConsumerDoesNotExist);
  }
  int64_t most = stream_.config().max_consumers;
  if (most > 0 && static_cast<int64_t>(consumers_.size()) >= most) {
    return refuse(Err::kMaximumConsumers);
  }
  if (auto ok = check_work_queue(*checked); !ok) return fail_with(ok.error());
  while (name.empty()) {
    name = random_token(kMadeUpName);
    if (consumers_.contains(name)) name.clear();
  }
  checked->name = name;
  bool in_memory =
      checked->memory_storage || stream_.config().storage == model::StorageType::kMemory;
  model::Time created{environment_.now()};
  auto made = std::make_unique<Consumer>(stream_, *this, std::move(*checked), created);
  auto store =
      stream_.store().consumer(name, model::encode_kept(made->config(), created), in_memory);
  if (!store) return refuse(Err::kConsumerStore, store.error().message);
  made->open(**store, Consumer::Origin::kNew);
  Consumer* raw = made.get();
  add(std::move(made));
  advise_consumer(name, "CREATED", "create");
  return Created{raw, in_memory ? 0 : stream_.store().barrier()};
}

ApiResult<HostedStream::Created> HostedStream::update(Consumer& existing,
                                                      model::ConsumerConfig config,
                                                      model::ConsumerAction action) {
  config.name = existing.name();
  if (config.inactive_threshold == 0 && !config.is_durable()) {
    config.inactive_threshold = existing.config().inactive_threshold;
  }
  bool same = same_consumer(config, existing.config());
  if (action == model::ConsumerAction::kCreate && !same) return refuse(Err::kConsumerExists);
  if (same) return Created{&existing, 0};
  bool bound = existing.config().is_push() && existing.bound();
  if (auto ok = check_consumer_update(existing.config(), config, bound); !ok) {
    return fail_with(ok.error());
  }
  if (stream_.config().retention == model::Retention::kWorkQueue &&
      overlaps_others(config.name, config.filters())) {
    return refuse(Err::kWorkQueueNotUnique);
  }
  storage::ConsumerStore* store = stream_.store().find_consumer(existing.name());
  auto written = store->set_config(model::encode_kept(config, existing.created()));
  if (!written) return refuse(Err::kConsumerStore, written.error().message);
  existing.update(std::move(config));
  return Created{&existing, *written};
}

bool HostedStream::overlaps_others(const std::string& name,
                                   const std::vector<std::string>& filters) const {
  return std::any_of(consumers_.begin(), consumers_.end(), [&](const auto& entry) {
    if (entry.first == name) return false;
    std::vector<std::string> theirs = entry.second->config().filters();
    if (theirs.empty() || filters.empty()) return true;
    return model::subjects_overlap(theirs, filters);
  });
}

ApiResult<void> HostedStream::check_work_queue(const model::ConsumerConfig& config) {
  if (stream_.config().retention != model::Retention::kWorkQueue) return {};
  if (config.ack_policy != model::AckPolicy::kExplicit) return refuse(Err::kWorkQueueNeedsExplicit);
  if (config.deliver_policy != model::DeliverPolicy::kAll) {
    return refuse(Err::kWorkQueueDeliverAll);
  }
  if (consumers_.empty()) return {};
  if (config.filters().empty()) return refuse(Err::kWorkQueueMultipleUnfiltered);
  if (overlaps_others(config.name, config.filters())) return refuse(Err::kWorkQueueNotUnique);
  return {};
}

ApiResult<storage::Ticket> HostedStream::remove(std::string_view name) {
  auto found = consumers_.find(name);
  if (found == consumers_.end()) return refuse(Err::kConsumerNotFound);
  std::unique_ptr<Consumer> gone = std::move(found->second);
  consumers_.erase(found);
  usage_.consumers.fetch_sub(1, std::memory_order_relaxed);
  if (gone->config().is_push() && --pushing_ == 0) shard_.unwatch(*this);
  gone->close(Consumer::End::kDeleted);
  std::string text(gone->name());
  gone.reset();
  auto ticket = stream_.store().remove_consumer(text);
  stream_.drop_unneeded();
  advise_consumer(text, "DELETED", "delete");
  if (!ticket) return refuse(Err::kConsumerStore, ticket.error().message);
  return *ticket;
}

ApiResult<storage::Ticket> HostedStream::pause(Consumer& one, model::Time until) {
  model::ConsumerConfig config = one.config();
  config.pause_until.reset();
  if (!until.is_zero()) config.pause_until = until;
  model::set_stored_metadata(config);
  auto written = stream_.store()
                     .find_consumer(one.name())
                     ->set_config(model::encode_kept(config, one.created()));
  if (!written) return refuse(Err::kConsumerStore, written.error().message);
  int64_t left = one.pause(until);
  const std::string& stream = stream_.config().name;
  std::string fields = fmt::format("\"stream\":{},\"consumer\":{},\"paused\":{}",
                                   model::quoted(stream), model::quoted(one.name()), left > 0);
  if (!until.is_zero()) fields += fmt::format(",\"pause_until\":\"{}\"", model::format_time(until));
  advise(fmt::format("$JS.EVENT.ADVISORY.CONSUMER.PAUSE.{}.{}", stream, one.name()),
         "io.nats.jetstream.advisory.v1.consumer_pause", fields);
  return *written;
}

// The consumer asks for it from within its own timer: it goes in a turn of its own.
void HostedStream::retire(Consumer& one) {
  shard_.post([this, alive = alive_, name = one.name()] {
    if (!*alive) return;
    if (auto gone = remove(name); !gone) {
      shared_.log.warn("Inactive consumer '{} > {} > {}' could not be removed: {}", account_.name(),
                       stream_.config().name, name, gone.error().description);
    }
  });
}

void HostedStream::advise(std::string_view subject, std::string_view type,
                          std::string_view fields) {
  stream::advise(environment_, shared_.settings.domain, subject, type, fields);
}

void HostedStream::advise_stream(std::string_view what, std::string_view action) {
  const std::string& name = stream_.config().name;
  advise(fmt::format("$JS.EVENT.ADVISORY.STREAM.{}.{}", what, name),
         "io.nats.jetstream.advisory.v1.stream_action",
         fmt::format("\"stream\":{},\"action\":\"{}\"", model::quoted(name), action));
}

void HostedStream::advise_consumer(std::string_view name, std::string_view what,
                                   std::string_view action) {
  const std::string& stream = stream_.config().name;
  advise(fmt::format("$JS.EVENT.ADVISORY.CONSUMER.{}.{}.{}", what, stream, name),
         "io.nats.jetstream.advisory.v1.consumer_action",
         fmt::format("\"stream\":{},\"consumer\":{},\"action\":\"{}\"", model::quoted(stream),
                     model::quoted(name), action));
}

void HostedStream::interest_changed() {
  for (auto& [name, one] : consumers_) one->check_interest();
}

}  // namespace natrix::jetstream::api
