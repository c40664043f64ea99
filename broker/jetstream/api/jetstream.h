// JetStream of one server (wire.md 8): the store, the streams of all accounts on their shards, and
// the API.
//
// Made, started and stopped by the thread that owns the server, while the shards run; stop() before
// the shards stop. Requests are handled on the first shard, the home of the registry, and passed on
// to the shard of the stream they concern, which answers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "broker/account/account.h"
#include "broker/base/log.h"
#include "broker/config/options.h"
#include "broker/core/router.h"
#include "broker/jetstream/api/registry.h"
#include "broker/jetstream/api/report.h"
#include "broker/jetstream/api/request.h"
#include "broker/jetstream/api/response.h"

namespace natrix::jetstream::api {

struct JetStreamNeeds {
  std::vector<core::Router*> routers;  // one per shard, in order
  account::Accounts& accounts;
  Logger& log;
  std::string server_name;
  std::string version;
  int64_t max_pending = 64 << 20;
};

class JetStream {
 public:
  JetStream(config::JetStreamOptions options, JetStreamNeeds needs);
  ~JetStream();

  // Opens the store, revives what is there, begins to answer. An error names the folder.
  Result<void> start();
  void stop();

  // --- For monitoring; on the thread that owns the server, never from a shard.
  [[nodiscard]] Totals totals();
  [[nodiscard]] Report report(const ReportRequest& request);
  // Looks for an account, a stream of it, a consumer of that; empty names are not looked for.
  [[nodiscard]] Found find(const std::string& account, const std::string& stream,
                           const std::string& consumer);
  // False: the last write to the disk failed and none has succeeded since.
  [[nodiscard]] bool can_write() const { return store_->metrics().writable; }

 private:
  using Handle = void (JetStream::*)(Request&);
  struct Route {
    std::string_view pattern;  // behind the prefix
    std::string_view kind;     // of the response
    Handle handle;
  };
  static const std::vector<Route>& routes();

  // jetstream.cc
  Result<void> open();
  void log_start() const;
  void revive_all();
  void revive(const storage::StreamInfo& found);
  void listen(JetStreamAccount& account);
  void dispatch(JetStreamAccount& account, const core::Message& message);
  // Runs `f` on a shard and waits; from the owner's thread.
  void run_and_wait(ShardHost& shard, const std::function<void()>& f);
  ShardHost& shard_for(std::string_view account, std::string_view stream);
  void open_on_shard(JetStreamAccount& account, Entry& entry,
                     std::function<void(HostedStream*)> then);

  // Answers from the home shard, or from the stream's.
  void reply(const Request& request, const Response& response);
  static void reply(Environment& environment, Shared& shared, const Request& request,
                    const Response& response);
  // The stream the request names, or null after an error has been sent.
  Entry* stream_of(Request& request);
  // Runs `f` with the stream on its shard; 10059 if it has gone.
  using OnStream = std::function<void(HostedStream&, const Request&)>;
  void on_stream(Request& request, OnStream f);
  // As on_stream, with the consumer the request names; 10014 if there is none.
  using OnConsumer = std::function<void(HostedStream&, consumer::Consumer&, const Request&)>;
  void on_consumer(Request& request, OnConsumer f);
  template <class T>
  bool parse(Request& request, T& body) {
    auto read = model::from_text(request.body, body, strictness());
    if (!read) fail(request, read.error());
    return static_cast<bool>(read);
  }
  void fail(const Request& request, const model::ApiError& error);
  [[nodiscard]] model::Strictness strictness() const {
    return shared_.strict ? model::Strictness::kStrict : model::Strictness::kLenient;
  }

  // jetstream_report.cc
  struct Place {
    size_t account = 0;  // index in Report::accounts
    ShardHost* shard = nullptr;
    std::shared_ptr<Slot> slot;
  };
  // Adds the accounts to the report and says where their streams are.
  std::vector<Place> places(const ReportRequest& request, Report& report);

  // account_api.cc
  void account_info(Request& request);
  void not_clustered(Request& request);

  // stream_api.cc
  void stream_create(Request& request);
  void stream_update(Request& request);
  void stream_delete(Request& request);
  void stream_info(Request& request);
  void stream_names(Request& request);
  void stream_list(Request& request);
  void stream_purge(Request& request);
  void message_get(Request& request);
  void message_delete(Request& request);
  model::ApiResult<void> check_room(JetStreamAccount& account, const model::StreamConfig& config);
  std::vector<std::string> matching(JetStreamAccount& account, const std::string& subject);
  void create_new(Request& request, model::StreamConfig config);

  // consumer_api.cc
  void consumer_create(Request& request);
  void consumer_create_durable(Request& request);
  void create_consumer(Request& request, model::ConsumerRequest body);
  void consumer_names(Request& request);
  void consumer_list(Request& request);
  void consumer_info(Request& request);
  void consumer_delete(Request& request);
  void consumer_pause(Request& request);
  void consumer_reset(Request& request);
  void consumer_unpin(Request& request);

  config::JetStreamOptions options_;
  JetStreamNeeds needs_;
  Shared shared_;
  std::string folder_;
  std::mutex store_mutex_;  // its calls come from several shards, one at a time
  std::unique_ptr<storage::Store> store_;
  std::vector<std::unique_ptr<ShardHost>> shards_;  // each made and destroyed on its shard
  std::map<std::string, std::unique_ptr<JetStreamAccount>, std::less<>> accounts_;
  bool running_ = false;
};

}  // namespace natrix::jetstream::api
