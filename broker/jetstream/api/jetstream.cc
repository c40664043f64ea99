#include "broker/jetstream/api/jetstream.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "broker/base/duration.h"
#include "broker/jetstream/stream/headers.h"
#include "broker/subject/subscription.h"
#include "broker/subject/tokens.h"

namespace natrix::jetstream::api {

using model::Err;

namespace {

// Whether a file stands where the folder, or one above it, should be.
bool file_in_the_way(const std::string& folder) {
  std::filesystem::path made;
  for (const std::filesystem::path& part : std::filesystem::path(folder)) {
    made /= part;
    std::error_code ignored;
    if (std::filesystem::exists(made, ignored) && !std::filesystem::is_directory(made, ignored))
      return true;
  }
  return false;
}

int64_t three_quarters(int64_t bytes) {
  return bytes / 4 * 3;
}

int64_t machine_memory() {
  long pages = ::sysconf(_SC_PHYS_PAGES);
  long page = ::sysconf(_SC_PAGE_SIZE);
  constexpr int64_t kUnknown = 256 << 20;
  return pages > 0 && page > 0 ? three_quarters(int64_t{pages} * page) : kUnknown;
}

int64_t free_disk(const std::string& folder) {
  struct statvfs facts {};
  constexpr int64_t kUnknown = int64_t{1} << 40;
  if (::statvfs(folder.c_str(), &facts) != 0) return kUnknown;
  return three_quarters(static_cast<int64_t>(facts.f_bavail * facts.f_frsize));
}

std::string size_text(int64_t bytes) {
  const char* units[] = {"B", "KB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.2f} {}", value, units[unit]);
}

// Matches the tail of a subject and collects what the wildcards stand for.
bool match_route(std::string_view pattern, std::string_view tail, std::vector<std::string>& names) {
  names.clear();
  subject::TokenCursor wanted(pattern);
  subject::TokenCursor given(tail);
  std::string_view want;
  std::string_view have;
  while (wanted.next(want)) {
    if (want == ">") {
      if (given.at_end()) return false;
      names.emplace_back(given.rest());
      return true;
    }
    if (!given.next(have)) return false;
    if (want == "*") {
      names.emplace_back(have);
    } else if (want != have) {
      return false;
    }
  }
  return given.at_end();
}

}  // namespace

JetStream::JetStream(config::JetStreamOptions options, JetStreamNeeds needs)
    : options_(std::move(options)),
      needs_(std::move(needs)),
      shared_{.settings = {.domain = options_.domain,
                           .max_response_bytes = static_cast<size_t>(needs_.max_pending)},
              .limits = {.max_request_batch = options_.max_request_batch,
                         .max_ack_pending = options_.max_ack_pending,
                         .duplicate_window = options_.duplicate_window.count()},
              .strict = options_.strict,
              .server_name = needs_.server_name,
              .version = needs_.version,
              .log = needs_.log} {
  std::string root = options_.store_dir;
  if (root.empty()) root = (std::filesystem::temp_directory_path() / "nats").string();
  folder_ = (std::filesystem::path(root) / "jetstream").string();
}

JetStream::~JetStream() {
  stop();
}

const std::vector<JetStream::Route>& JetStream::routes() {
  static const std::vector<Route> kRoutes = {
      {"INFO", "account_info", &JetStream::account_info},
      {"STREAM.CREATE.*", "stream_create", &JetStream::stream_create},
      {"STREAM.UPDATE.*", "stream_update", &JetStream::stream_update},
      {"STREAM.DELETE.*", "stream_delete", &JetStream::stream_delete},
      {"STREAM.INFO.*", "stream_info", &JetStream::stream_info},
      {"STREAM.NAMES", "stream_names", &JetStream::stream_names},
      {"STREAM.LIST", "stream_list", &JetStream::stream_list},
      {"STREAM.PURGE.*", "stream_purge", &JetStream::stream_purge},
      {"STREAM.MSG.GET.*", "stream_msg_get", &JetStream::message_get},
      {"STREAM.MSG.DELETE.*", "stream_msg_delete", &JetStream::message_delete},
      {"STREAM.LEADER.STEPDOWN.*", "stream_leader_stepdown", &JetStream::not_clustered},
      {"STREAM.PEER.REMOVE.*", "stream_remove_peer", &JetStream::not_clustered},
      {"CONSUMER.CREATE.*", "consumer_create", &JetStream::consumer_create},
      {"CONSUMER.CREATE.*.*", "consumer_create", &JetStream::consumer_create},
      {"CONSUMER.CREATE.*.*.>", "consumer_create", &JetStream::consumer_create},
      {"CONSUMER.DURABLE.CREATE.*.*", "consumer_create", &JetStream::consumer_create_durable},
      {"CONSUMER.NAMES.*", "consumer_names", &JetStream::consumer_names},
      {"CONSUMER.LIST.*", "consumer_list", &JetStream::consumer_list},
      {"CONSUMER.INFO.*.*", "consumer_info", &JetStream::consumer_info},
      {"CONSUMER.DELETE.*.*", "consumer_delete", &JetStream::consumer_delete},
      {"CONSUMER.PAUSE.*.*", "consumer_pause", &JetStream::consumer_pause},
      {"CONSUMER.RESET.*.*", "consumer_reset", &JetStream::consumer_reset},
      {"CONSUMER.UNPIN.*.*", "consumer_unpin", &JetStream::consumer_unpin},
      {"CONSUMER.LEADER.STEPDOWN.*.*", "consumer_leader_stepdown", &JetStream::not_clustered},
  };
  return kRoutes;
}

void JetStream::run_and_wait(ShardHost& shard, const std::function<void()>& f) {
  std::promise<void> done;
  shard.post([&] {
    f();
    done.set_value();
  });
  done.get_future().wait();
}

Result<void> JetStream::open() {
  // In the words of nats-server: scripts look for them.
  if (file_in_the_way(folder_)) {
    return natrix::fail(
        fmt::format("Can't start JetStream: storage directory is not a directory: {}", folder_));
  }
  storage::StoreOptions options;
  options.directory = folder_;
  options.sync_interval = options_.sync_interval;
  options.on_damage = [this](const storage::DamageReport& damage) {
    needs_.log.error("JetStream: {} is damaged at byte {}: {}", damage.file, damage.offset,
                     damage.what);
  };
  auto opened = storage::open_store(std::move(options));
  if (!opened) {
    return natrix::fail(
        fmt::format("Can't start JetStream: store_dir {}: {}", folder_, opened.error().message));
  }
  store_ = std::move(*opened);
  return {};
}

void JetStream::log_start() const {
  Logger& log = needs_.log;
  log.info("---------------- JETSTREAM ----------------");
  log.info("  Strict:          {}", options_.strict);
  if (!options_.domain.empty()) log.info("  Domain:          {}", options_.domain);
  log.info("  Max Memory:      {}", size_text(options_.max_memory));
  log.info("  Max Storage:     {}", size_text(options_.max_file));
  log.info("  Store Directory: \"{}\"", folder_);
  log.info("  Sync:            {}",
           options_.sync_interval.count() == 0
               ? std::string("before every acknowledgement, many at once")
               : fmt::format("every {}; what is younger may be lost with the machine",
                             format_duration(options_.sync_interval)));
  log.info("  API Level:       {}", model::kServerApiLevel);
  log.info("-------------------------------------------");
}

Result<void> JetStream::start() {
  needs_.log.info("Starting JetStream");
  auto began = std::chrono::steady_clock::now();
  if (Result<void> opened = open(); !opened) return opened;
  if (options_.max_memory < 0) options_.max_memory = machine_memory();
  if (options_.max_file < 0) options_.max_file = free_disk(folder_);
  log_start();
  for (core::Router* router : needs_.routers) {
    std::promise<void> made;
    router->shard().post([this, router, &made] {
      shards_.push_back(std::make_unique<ShardHost>(*router));
      made.set_value();
    });
    made.get_future().wait();
  }
  for (account::Account* account : needs_.accounts.all()) {
    if (account == &needs_.accounts.system()) continue;
    auto made = std::make_unique<JetStreamAccount>(*account);
    made->usage.max_memory = options_.max_memory;
    made->usage.max_file = options_.max_file;
    accounts_.emplace(account->name(), std::move(made));
  }
  running_ = true;
  revive_all();
  run_and_wait(*shards_.front(), [this] {
    for (auto& [name, account] : accounts_) listen(*account);
  });
  std::chrono::nanoseconds took = std::chrono::steady_clock::now() - began;
  needs_.log.info("Took {} to start JetStream", format_duration(took));
  return {};
}

// A stream may have been deleted and made again just before a crash, which cut off the removal: of
// two with the same name the younger one is meant.
void JetStream::revive_all() {
  std::map<std::pair<std::string, std::string>, storage::StreamInfo> youngest;
  for (storage::StreamInfo& found : store_->streams()) {
    auto [at, fresh] = youngest.try_emplace({found.account, found.name}, found);
    if (fresh) continue;
    store_->remove(at->second.id, [](const storage::StorageResult<void>&) {});
    at->second = std::move(found);
  }
  for (const auto& [name, found] : youngest) revive(found);
}

void JetStream::revive(const storage::StreamInfo& found) {
  auto account = accounts_.find(found.account);
  auto kept = model::decode_kept_stream(found.config);
  if (account == accounts_.end() || !kept) {
    needs_.log.error("Stream '{} > {}' stays out of use: {}", found.account, found.name,
                     kept ? "no such account" : kept.error().description);
    return;
  }
  Entry entry;
  entry.config = std::move(kept->first);
  entry.created = kept->second;
  entry.id = found.id;
  entry.shard = &shard_for(found.account, found.name);
  // The registry is the home shard's; it is quiet until the API listens.
  auto [at, fresh] = account->second->streams.emplace(found.name, std::move(entry));
  run_and_wait(*at->second.shard, [this, &account, at] {
    open_on_shard(*account->second, at->second, [this, at](HostedStream* hosted) {
      if (hosted == nullptr) needs_.log.error("Stream '{}' could not be opened", at->first);
    });
  });
}

ShardHost& JetStream::shard_for(std::string_view account, std::string_view stream) {
  std::string key = fmt::format("{} {}", account, stream);
  return *shards_[subject::hash_of(key) % shards_.size()];
}

// On the stream's shard.
void JetStream::open_on_shard(JetStreamAccount& account, Entry& entry,
                              std::function<void(HostedStream*)> then) {
  auto hosted = std::make_unique<HostedStream>(*entry.shard, account.account, shared_,
                                               account.usage, entry.config, entry.created);
  storage::StreamStore* store = nullptr;
  {
    std::lock_guard lock(store_mutex_);
    store = store_->attach(entry.id, *entry.shard, hosted->stream());
  }
  if (store == nullptr) return then(nullptr);
  hosted->open(*store);
  entry.slot->stream = std::move(hosted);
  then(entry.slot->stream.get());
}

void JetStream::listen(JetStreamAccount& account) {
  // Not "$JS.API.>": pull requests and direct gets go to their streams without a detour.
  for (const std::string& prefix : shared_.settings.api_prefixes()) {
    for (const Route& route : routes()) {
      account.listening.push_back(shards_.front()->inbox().subscribe(
          account.account, prefix + std::string(route.pattern), {},
          [this, &account](const core::Message& message) { dispatch(account, message); }));
    }
  }
}

void JetStream::dispatch(JetStreamAccount& account, const core::Message& message) {
  shared_.api_total.fetch_add(1, std::memory_order_relaxed);
  account.api_total.fetch_add(1, std::memory_order_relaxed);
  Request request;
  request.account = &account;
  request.subject = message.subject();
  request.reply = message.reply();
  request.body = message.payload();
  std::string_view tail = request.subject;
  tail.remove_prefix(tail.find(".API.") + 5);
  for (const Route& route : routes()) {
    if (!match_route(route.pattern, tail, request.names)) continue;
    request.kind = route.kind;
    if (message.header_size != 0) {
      auto level = stream::find_header(message.header(), "Nats-Required-Api-Level");
      if (level && model::requires_more(*level)) {
        return fail(request, model::api_error(Err::kApiLevel));
      }
    }
    return (this->*route.handle)(request);
  }
}

void JetStream::reply(Environment& environment, Shared& shared, const Request& request,
                      const Response& response) {
  if (response.failed()) {
    shared.api_errors.fetch_add(1, std::memory_order_relaxed);
    request.account->api_errors.fetch_add(1, std::memory_order_relaxed);
  }
  if (request.reply.empty()) return;  // done all the same
  environment.publish({.to = request.reply, .payload = response.text()});
}

void JetStream::reply(const Request& request, const Response& response) {
  reply(shards_.front()->environment(request.account->account), shared_, request, response);
}

void JetStream::fail(const Request& request, const model::ApiError& error) {
  reply(request, Response(request.kind).error(error));
}

Entry* JetStream::stream_of(Request& request) {
  Entry* entry = request.account->find(request.stream());
  if (entry == nullptr) fail(request, model::api_error(Err::kStreamNotFound));
  return entry;
}

void JetStream::on_stream(Request& request, OnStream f) {
  Entry* entry = stream_of(request);
  if (entry == nullptr) return;
  ShardHost& shard = *entry->shard;
  shard.run([this, &shard, slot = entry->slot, request = std::move(request), f = std::move(f)] {
    if (slot->stream) return f(*slot->stream, request);
    reply(shard.environment(request.account->account), shared_, request,
          Response(request.kind).error(model::api_error(Err::kStreamNotFound)));
  });
}

void JetStream::on_consumer(Request& request, OnConsumer f) {
  on_stream(request, [this, f = std::move(f)](HostedStream& hosted, const Request& asked) {
    if (consumer::Consumer* one = hosted.find(asked.consumer())) return f(hosted, *one, asked);
    reply(hosted.environment(), shared_, asked,
          Response(asked.kind).error(model::api_error(Err::kConsumerNotFound)));
  });
}

void JetStream::stop() {
  if (!running_) return;
  running_ = false;
  std::vector<Entry> open;
  run_and_wait(*shards_.front(), [this, &open] {
    for (auto& [name, account] : accounts_) {
      account->listening.clear();
      for (auto& [stream, entry] : account->streams) open.push_back(entry);
    }
  });
  for (Entry& entry : open) {
    run_and_wait(*entry.shard, [this, &entry] {
      if (!entry.slot->stream) return;
      entry.slot->stream->close(consumer::Consumer::End::kShutdown);
      std::lock_guard lock(store_mutex_);
      store_->detach(entry.id);
      entry.slot->stream.reset();
    });
  }
  // The store's threads may just be posting to a shard: they end before the hosts they post to.
  store_.reset();
  for (size_t i = 0; i < shards_.size(); ++i) {
    std::promise<void> gone;
    needs_.routers[i]->shard().post([this, i, &gone] {
      shards_[i].reset();
      gone.set_value();
    });
    gone.get_future().wait();
  }
}

}  // namespace natrix::jetstream::api
