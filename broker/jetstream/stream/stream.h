// Stream: stores what is published on its subjects and keeps to its limits (wire.md 9.1, 10). A
// state machine on a StreamStore; consumers (consumer/) observe it.
//
// Owned by the registry (api/), lives on one shard and is used there, in turns. Made with a checked
// configuration; closed after its consumers, before its store is detached.
//
// Durability: a publisher is answered when the store has synced its message; consumers see a
// message from then on, and only then is removed what it displaces.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/jetstream/counter/counter.h"
#include "broker/jetstream/environment/environment.h"
#include "broker/jetstream/model/api_error.h"
#include "broker/jetstream/model/info.h"
#include "broker/jetstream/model/requests.h"
#include "broker/jetstream/model/stream_config.h"
#include "broker/jetstream/schedule/zone_database.h"
#include "broker/jetstream/stream/atomic_batches.h"
#include "broker/jetstream/stream/deduplicator.h"
#include "broker/jetstream/stream/draft.h"
#include "broker/jetstream/stream/observer.h"
#include "broker/jetstream/stream/schedule_index.h"
#include "broker/jetstream/stream/usage.h"
#include "broker/storage/stream_store.h"
#include "broker/subject/transform.h"

namespace natrix::jetstream::stream {

using storage::Seq;
using storage::Ticket;

// What streams of a server share.
struct StreamSettings {
  std::string domain;
  size_t max_response_bytes = 64u << 20;  // of one direct get without max_bytes
  size_t max_waiting = 100'000;           // messages that wait to be synced, per stream
  size_t max_waiting_bytes = 128u << 20;
  BatchLimits batch;
  std::shared_ptr<OpenBatches> open_batches = std::make_shared<OpenBatches>();
  std::shared_ptr<schedule::ZoneDatabase> zones = std::make_shared<schedule::ZoneDatabase>();

  // What the subjects of the API begin with: with a domain there are two.
  [[nodiscard]] std::vector<std::string> api_prefixes() const {
    std::vector<std::string> all = {"$JS.API."};
    if (!domain.empty()) all.push_back("$JS." + domain + ".API.");
    return all;
  }
};

class Stream final : public storage::StreamListener {
 public:
  Stream(Environment& environment, const StreamSettings& settings, Usage& usage,
         model::StreamConfig config, model::Time created);
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // The store, once it is attached with this stream as its listener; then messages are taken.
  void open(storage::StreamStore& store);
  // Takes no more messages; what waits is never answered.
  void close();

  // --- API
  [[nodiscard]] const model::StreamConfig& config() const { return config_; }
  [[nodiscard]] model::Time created() const { return created_; }
  model::ApiResult<model::StreamInfo> info(const model::StreamInfoRequest& request);
  size_t count_subjects(std::string_view filter);
  // `config` has passed the rules; takes effect at once.
  model::ApiResult<void> update(model::StreamConfig config);
  model::ApiResult<uint64_t> purge(const model::PurgeRequest& request);
  model::ApiResult<void> erase(const model::MessageDeleteRequest& request);
  model::ApiResult<storage::StoredMessage> get(const model::MessageGetRequest& request);
  // Calls back when everything written so far is synced, perhaps at once.
  using Synced = std::function<void(const storage::StorageError* error)>;
  void when_synced(Ticket ticket, Synced then);

  // --- for consumers
  Environment& environment() { return environment_; }
  [[nodiscard]] const StreamSettings& settings() const { return settings_; }
  storage::StreamStore& store() { return *store_; }
  // The last sequence that consumers may see.
  [[nodiscard]] Seq visible() const { return store_->last_synced(); }
  // Moves with every removal; highest_removed() is the highest sequence ever removed.
  [[nodiscard]] uint64_t removals() const { return removals_; }
  [[nodiscard]] Seq highest_removed() const { return highest_removed_; }
  void attach(Observer& observer);
  void detach(Observer& observer);
  // A consumer is done with the message: work queues and interest let go of it.
  void acknowledged(const Observer& observer, Seq seq);
  // Removes what no consumer needs any more, after consumers left or changed their filters.
  void drop_unneeded();
  [[nodiscard]] size_t observers() const { return observers_.size(); }

  // storage::StreamListener
  void on_synced(Ticket through) override;
  void on_failed(Ticket from, const storage::StorageError& error) override;

 private:
  // A message stored and not yet synced, or an answer that has to wait its turn behind such.
  struct Waiting {
    Ticket ticket = 0;
    Seq seq = 0;
    Seq previous_on_subject = 0;
    Rollup rollup = Rollup::kNone;
    bool stored = true;  // false: a duplicate, or nobody was interested
    bool duplicate = false;
    uint32_t bytes = 0;
    uint32_t subject_size = 0;
    uint32_t* unsynced = nullptr;  // entry of unsynced_subjects_, if the subject has a limit
    std::string text;              // subject, then reply
    std::unique_ptr<Extra> extra;
    [[nodiscard]] std::string_view subject() const {
      return std::string_view(text).substr(0, subject_size);
    }
    [[nodiscard]] std::string_view reply() const {
      return std::string_view(text).substr(subject_size);
    }
  };
  // stream.cc
  void apply_config();
  void listen();
  void enforce_all();
  void report_usage();

  // stream_ingest.cc
  void on_publish(const core::Message& message);
  void rewrite_subject(Draft& draft);
  bool publish(Draft& draft);
  static storage::NewMessage stored_form(const Draft& draft);
  bool store(Draft& draft);
  bool skip_without_interest(Draft& draft);
  void await_skip(Draft& draft, Seq seq, Ticket ticket);
  static model::ApiError store_error(const storage::StorageError& error);
  void await_sync(Draft& draft, storage::Appended appended, Seq previous);
  [[nodiscard]] size_t stored_size(size_t subject, size_t headers, size_t payload) const;

  // stream_batch.cc
  void on_atomic(Draft& draft);
  void abandoned(std::string_view id, std::string_view reason);
  void commit(std::vector<AtomicBatches::Message> messages, std::string_view id,
              std::string_view reply);
  model::ApiResult<Judgement> judge_in_batch(Draft& draft, Staged& staged);
  model::ApiResult<void> store_all(std::deque<Draft>& drafts, const std::vector<Verdict>& verdicts);

  // publish_check.cc
  model::ApiResult<Judgement> judge(Draft& draft, Staged* staged);
  model::ApiResult<void> check(Draft& draft);
  [[nodiscard]] model::ApiResult<void> check_size(const Draft& draft) const;
  model::ApiResult<void> take_ttl(Draft& draft);
  model::ApiResult<void> check_increment(const Draft& draft);
  model::ApiResult<void> check_expectations(const Draft& draft, const Staged* staged);
  model::ApiResult<void> check_last_on_subject(const Draft& draft, const Staged* staged);
  model::ApiResult<void> check_rollup(const Draft& draft, const Staged* staged);
  model::ApiResult<void> count(Draft& draft, Staged* staged);
  model::ApiResult<void> check_capacity(const Draft& draft, size_t bytes, const Staged* staged);
  model::ApiResult<void> check_discard_new(const Draft& draft, size_t bytes, const Staged* staged);

  // stream_schedule.cc
  model::ApiResult<void> check_schedule(Draft& draft);
  model::ApiResult<void> check_scheduler(Draft& draft, const Staged* staged);
  void note_schedules(const Waiting& waiting);
  void end_schedule(const std::string& subject, Seq through);
  void retry_schedule(const std::string& subject);
  void arm_schedules();
  void on_schedules();
  void fire(const storage::StoredMessage& message, int64_t due, int64_t now);
  void recover_schedules();

  // stream_complete.cc
  // `tail`: fields behind the sequence.
  void answer(std::string_view reply, Seq seq, std::string_view tail);
  void answer_error(std::string_view reply, const model::ApiError& error);
  void wait(Waiting waiting);
  void no_longer_waits(const Waiting& waiting);
  void complete_ready();
  void complete(const Waiting& waiting, uint32_t unsynced_on_subject);
  void republish(const Waiting& waiting);

  // stream_limits.cc
  void roll_up(const Waiting& waiting);
  // `unsynced` of the subject's messages must not displace others yet.
  void enforce_subject(std::string_view subject, uint32_t unsynced);
  void enforce_limits();
  bool remove(Seq seq, storage::Erase erase = storage::Erase::kForget);
  void removed(Seq first, Seq last);
  void forget_schedules(Seq first, Seq last);
  void on_age();
  void on_expiry();
  void arm_age();
  void arm_expiry();
  bool never_expires(Seq seq);
  // Takes the message away because of its age; leaves a marker if it was the last of its subject.
  void expire(Seq seq, std::string_view reason);
  void append_marker(const std::string& subject, std::string_view reason);

  // direct_get.cc
  void on_direct_get(const core::Message& message);
  void on_direct_get_last(const core::Message& message);
  void direct_get(const model::MessageGetRequest& request, std::string_view reply);
  void direct_batch(const model::MessageGetRequest& request, Seq from, std::string_view reply);
  void direct_multi(const model::MessageGetRequest& request, std::string_view reply);
  void send_status(std::string_view reply, std::string_view status);

  Environment& environment_;
  const StreamSettings& settings_;
  Usage& usage_;
  model::StreamConfig config_;
  const model::Time created_;
  storage::StreamStore* store_ = nullptr;
  std::string ack_start_;  // of every PubAck, up to the sequence
  std::string ack_end_;    // behind it
  std::vector<std::unique_ptr<Listening>> listening_, direct_listening_;
  std::optional<subject::Transform> transform_, republish_;
  Deduplicator duplicates_;
  ScheduleIndex schedules_;
  AtomicBatches atomic_;
  ObserverIndex observers_;

  std::deque<Waiting> waiting_;
  size_t waiting_bytes_ = 0;
  uint64_t unsynced_messages_ = 0, unsynced_bytes_ = 0;
  // How many of waiting_ have the subject; some entries may be zero.
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, uint32_t, TextHash, std::equal_to<>> unsynced_subjects_;
  std::deque<std::pair<Ticket, Synced>> syncing_;

  uint64_t removals_ = 0;
  Seq highest_removed_ = 0;
  int64_t reported_bytes_ = 0, reported_messages_ = 0;
  std::unique_ptr<Alarm> age_alarm_, expiry_alarm_, schedule_alarm_;
};

}  // namespace natrix::jetstream::stream
