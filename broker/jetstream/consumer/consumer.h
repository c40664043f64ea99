// Consumer: hands the messages of a stream to clients and keeps account of what they acknowledged
// (wire.md 9.2, 11). A state machine on a ConsumerStore and an observer of its stream.
//
// Lives on the stream's shard and is used there, in turns. Deliveries happen at the end of a turn
// (run()), as many as fit, the rest in later turns.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "broker/core/turn_task.h"
#include "broker/jetstream/consumer/consumer_host.h"
#include "broker/jetstream/consumer/pull_queue.h"
#include "broker/jetstream/model/consumer_config.h"
#include "broker/jetstream/model/info.h"
#include "broker/jetstream/stream/stream.h"
#include "broker/storage/consumer_store.h"

namespace natrix::jetstream::consumer {

using storage::Seq;

class Consumer final : public stream::Observer, public core::TurnTask {
 public:
  // `config` has passed the rules and has a name. All arguments outlive the consumer.
  Consumer(stream::Stream& stream, ConsumerHost& host, model::ConsumerConfig config,
           model::Time created);
  ~Consumer() override;

  enum class Origin : uint8_t { kNew, kRecovered };
  // Finds its place in the stream, if new, and begins.
  void open(storage::ConsumerStore& store, Origin origin);
  // Why it ends decides what waiting requests are told.
  enum class End : uint8_t { kDeleted, kShutdown };
  void close(End end);

  [[nodiscard]] const std::string& name() const { return config_.name; }
  [[nodiscard]] const model::ConsumerConfig& config() const { return config_; }
  [[nodiscard]] model::Time created() const { return created_; }
  model::ConsumerInfo info();
  // `config` has passed the rules for updates.
  void update(model::ConsumerConfig config);
  // Zero time: resume. Returns how long it will be paused.
  int64_t pause(model::Time until);
  // Starts again behind the acknowledgement floor (0) or at a sequence. Returns where.
  model::ApiResult<Seq> reset(Seq seq);
  // Lets go of the client that is pinned, so that another one can be. False: no such group.
  bool unpin_by_request(std::string_view group);
  // Somebody listens to the deliver subject.
  [[nodiscard]] bool bound();
  // Asks the environment again; called when interest in the account changed.
  void check_interest();

  // stream::Observer
  void on_stored() override;
  void on_removed(Seq first, Seq last) override;
  [[nodiscard]] bool needs(Seq seq) const override;
  [[nodiscard]] const storage::Filter& filter() const override { return filter_; }

  // core::TurnTask: delivers.
  void run() override;

 private:
  struct Next {
    storage::StoredMessage message;
    uint32_t deliveries = 1;
    bool from_list = false;
  };
  enum class Step : uint8_t { kDelivered, kNothing, kBlocked, kLater };
  using Handler = void (Consumer::*)(const core::Message&);
  using Due = void (Consumer::*)();

  // consumer.cc
  void choose_start();
  void choose_last_per_subject();
  void listen();
  void arm(std::unique_ptr<Alarm>& alarm, Due due, int64_t nanos);
  void wake() { environment_.at_turn_end(*this); }
  void on_inactive();
  void arm_inactive();
  [[nodiscard]] int64_t inactive_after() const;
  [[nodiscard]] bool paused() const;
  void on_resume();

  // consumer_deliver.cc
  Step deliver_one();
  std::optional<Next> next_to_redeliver();
  std::optional<Next> next_fresh();
  [[nodiscard]] uint64_t pending();
  void deliver(const Next& next, std::string_view to, std::string_view ack_subject);
  void made(const Next& next);
  // Where to acknowledge; valid until the next call.
  std::string_view make_ack_subject(const Next& next, uint64_t pending_after);
  int64_t pace(const Next& next, size_t bytes);
  void exceeded(const storage::PendingAck& entry);
  [[nodiscard]] bool ack_window_full() const;

  // consumer_acks.cc
  void on_ack(const core::Message& message);
  void acknowledge(Seq seq, uint64_t consumer_seq);
  bool acknowledge_through(Seq seq);
  bool acknowledge_one(Seq seq);
  void let_go(Seq seq);
  void negative(Seq seq, uint64_t consumer_seq, uint64_t deliveries, std::string_view argument);
  void terminate(Seq seq, uint64_t consumer_seq, uint64_t deliveries, std::string_view reason);
  void answer_ack(std::string_view reply);
  void sample(Seq seq, uint64_t consumer_seq, uint64_t deliveries);
  void on_ack_wait();
  void follow_clock();
  void move_future_deliveries(int64_t nanos);
  void arm_ack_wait(int64_t nanos);
  [[nodiscard]] int64_t ack_wait(uint32_t deliveries) const;
  void redeliver(Seq seq);

  // consumer_pull.cc
  void on_pull(const core::Message& message);
  void add_pull(std::string_view reply, std::string_view body);
  bool refuse_pull(std::string_view reply, const model::PullRequest& request);
  bool refuse_group(std::string_view reply, const model::PullRequest& request);
  bool refuse_no_wait(std::string_view reply, const model::PullRequest& request);
  bool deliver_to_pull(const Next& next, size_t bytes, uint64_t pending_after,
                       std::string_view ack_subject);
  void finish_pull(Pull& pull, size_t bytes);
  // Drops requests that have expired or that nobody listens for; at the end of the stream also
  // those that do not wait.
  void review_pulls(bool end_of_stream);
  void on_pull_due();
  void send_status(std::string_view to, std::string_view status);
  void send_pull_status(const Pull& pull, std::string_view status);

  // consumer_groups.cc
  // Whether a request may be served now. kDrop: it has been told why it ends.
  enum class Turn : uint8_t { kServe, kPassOver, kDrop };
  Turn turn_of(Pull& pull, uint64_t pending_after);
  Turn turn_of_pinned(Pull& pull);
  void pin(Pull& pull);
  void unpin();
  void renew_pin();
  void on_pin_timeout();
  void advise_pin(std::string_view what, std::string_view type, std::string_view field,
                  std::string_view value);

  // consumer_push.cc
  void set_active(bool active);
  void on_flow_control(const core::Message& message);
  void sent_bytes(size_t bytes);
  void send_heartbeat(std::string_view to);
  void on_heartbeat();
  void arm_heartbeat();

  stream::Stream& stream_;
  Environment& environment_;
  ConsumerHost& host_;
  model::ConsumerConfig config_;
  const model::Time created_;
  storage::ConsumerStore* store_ = nullptr;
  storage::Filter filter_;
  std::string ack_prefix_;
  std::vector<std::unique_ptr<Listening>> listening_;
  bool closed_ = false;

  Seq next_ = 1;                   // the next sequence of the stream to look at
  std::deque<Seq> last_messages_;  // last_per_subject: what to deliver before `next_`
  std::deque<Seq> redeliver_;
  std::unordered_set<Seq> redelivering_;
  int64_t last_active_ = 0;  // of the wall clock: latest delivery
  int64_t last_ack_ = 0;
  int64_t clock_offset_ = 0;  // wall clock − steady clock when last looked at

  // How many messages from next_ on match, up to date as long as nothing is removed there.
  uint64_t pending_ = 0;
  bool pending_known_ = false;
  uint64_t removals_seen_ = 0;

  PullQueue pulls_;
  int64_t last_pull_ = 0;
  std::string pin_id_;  // of the client that alone gets messages; empty: nobody
  model::Time pinned_at_;

  bool active_ = true;
  uint64_t window_ = 0;  // bytes that may be under way, 0: no flow control
  uint64_t outstanding_ = 0;
  uint64_t asked_at_ = 0;      // outstanding_ when the question was sent
  std::string flow_question_;  // subject of the flow control request that is not answered
  uint64_t tokens_ = 0;        // rate limit: bits saved up
  int64_t tokens_at_ = 0;
  int64_t replayed_time_ = 0, replayed_at_ = 0;
  Seq replay_until_ = 0;

  std::string ack_subject_;  // the latest, and room for longer ones
  int64_t last_push_ = 0;
  // While run() delivers, the time when it began: clocks cost more than a delivery's own work.
  int64_t run_now_ = 0, run_steady_now_ = 0;
  std::unique_ptr<Alarm> ack_alarm_, pull_alarm_, heartbeat_alarm_, pause_alarm_, inactive_alarm_,
      later_alarm_, pin_alarm_;
};

}  // namespace natrix::jetstream::consumer
