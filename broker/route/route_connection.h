// RouteConnection: one connection to another server of the cluster (wire.md 5). Lives on one shard.
//
// It holds what the peer's subscribers want as subscriptions in the indexes of the accounts;
// messages for them are written as RMSG and HMSG. Whether the connection may serve, and for which
// accounts, is decided by the registrar on the control thread: introduced() → activate() or
// refuse().
#pragma once

#include <tsl/robin_set.h>

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/receiver.h"
#include "broker/io/connection.h"
#include "broker/protocol/info.h"
#include "broker/protocol/route_parser.h"
#include "broker/route/host.h"
#include "broker/route/outbox.h"
#include "broker/route/registrar.h"

namespace natrix::route {

// What tells one subscription of a peer in an account from another.
struct InterestKey {
  std::string_view subject;
  std::string_view queue;
  std::string_view origin;  // the leaf cluster behind it
};
struct InterestHash {
  using is_transparent = void;
  size_t operator()(const InterestKey& key) const {
    return subject::hash_of(key.subject) ^ (subject::hash_of(key.queue) * 31) ^
           (key.origin.empty() ? 0 : subject::hash_of(key.origin) * 17);
  }
  size_t operator()(const subject::Subscription* sub) const {
    return (*this)(InterestKey{sub->subject(), sub->queue(), sub->sid()});
  }
};
struct InterestEqual {
  using is_transparent = void;
  static InterestKey key(const InterestKey& k) { return k; }
  static InterestKey key(const subject::Subscription* sub) {
    return {sub->subject(), sub->queue(), sub->sid()};
  }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    InterestKey x = key(a), y = key(b);
    return x.subject == y.subject && x.queue == y.queue && x.origin == y.origin;
  }
};
using InterestSet = tsl::robin_set<subject::Subscription*, InterestHash, InterestEqual>;

// What the peer wants of one account.
struct AccountSubscriptions {
  account::Account* account = nullptr;
  InterestSet subscriptions;
};

// The registrar's consent.
struct Activation {
  std::string remote_name;
  std::string greeting;                 // CONNECT and INFO, if the peer waits for them
  account::Account* account = nullptr;  // of a dedicated route
  std::shared_ptr<Outbox> outbox;
  bool headers = true;               // the peer understands HMSG
  bool leaf_origin_in_unsub = true;  // its LS- name the origin
};

class RouteConnection final : public io::Connection, public core::Receiver {
 public:
  RouteConnection(ShardContext& context, int fd, uint64_t rid, bool solicited,
                  std::shared_ptr<const Settings> settings, std::weak_ptr<Registrar> registrar);
  ~RouteConnection() override;

  // Sends our first words, INFO to who dialled us and nothing to whom we dialled, and reads. With
  // TLS after the handshake; `tls_name` is what the certificate of a dialled peer must be for.
  void start_session(std::string_view first_words, const std::string& tls_name);
  void activate(Activation activation);
  // Tells the peer why (nothing when `text` is empty) and closes.
  void refuse(std::string_view text, io::CloseReason reason);
  // Takes what has come into the outbox.
  void send_interest();

  core::Delivery deliver(subject::Subscription& sub, const core::Message& message,
                         std::span<const std::string_view> queues) override;

  [[nodiscard]] uint64_t rid() const { return rid_; }
  [[nodiscard]] bool solicited() const { return solicited_; }

  // For monitoring, on the shard.
  [[nodiscard]] const Traffic& traffic() const { return traffic_; }
  [[nodiscard]] size_t subscription_count() const { return subscription_count_; }
  [[nodiscard]] const std::vector<AccountSubscriptions>& interest() const { return interest_; }
  [[nodiscard]] std::chrono::system_clock::time_point started() const { return started_; }
  [[nodiscard]] std::chrono::system_clock::time_point last_activity() const;
  [[nodiscard]] std::optional<std::chrono::nanoseconds> rtt() const { return rtt_; }
  // "127.0.0.1:6222 - rid:7", the start of this route's log lines.
  [[nodiscard]] const std::string& label() const { return label_; }

 private:
  enum class Phase : uint8_t { kGreeting, kDeciding, kActive };

  Consumed on_data(io::SharedBytes& block, char* data, size_t size) override;
  void on_closed(io::CloseReason reason) override;
  void on_timer() override;
  void on_secured() override;
  void on_handshake_failed(const std::string& why, const tls::Session& session) override;

  void handle(const protocol::RouteOperation& operation, io::SharedBytes& block);
  void handle_parse_error(protocol::ParseStatus status, std::string_view at);

  // route_session.cc
  void handle_connect(std::string_view json);
  void credentials_checked(bool accepted);
  void handle_info(std::string_view json);
  void introduce();
  void begin_handshake(const std::string& tls_name);
  void expect_introduction();
  void handle_pong();
  void send_ping();
  void ping_or_give_up(io::Clock::time_point now);
  void fail(std::string_view text, io::CloseReason reason);
  void violation(std::string_view what);
  void tell(void (Registrar::*news)(uint64_t, io::CloseReason), io::CloseReason reason);

  // route_interest.cc
  void handle_interest(const protocol::RouteOperation& operation);
  void add_interest(account::Account& account, const protocol::RouteInterest& interest);
  void remove_interest(account::Account& account, const protocol::RouteInterest& interest);
  void remove_all_interest();
  InterestSet& subscriptions_of(account::Account& account);

  // route_message.cc
  void handle_message(const protocol::RouteOperation& operation, io::SharedBytes& block);
  account::Account* find_account(std::string_view name);
  void write_queue_line(const core::Message& message, std::span<const std::string_view> queues,
                        bool with_header);
  void write_body(const core::Message& message, bool with_header);
  void trace_out(const core::Message& message, std::span<const std::string_view> queues);

  ShardContext& context_;
  const uint64_t rid_;
  const bool solicited_;
  const std::shared_ptr<const Settings> settings_;
  const std::weak_ptr<Registrar> registrar_;
  const std::string label_;
  protocol::RouteParserLimits parser_;
  protocol::RouteOperation operation_;  // reused, so that parsing allocates nothing
  std::string remote_name_;
  std::unique_ptr<protocol::Connect> connect_;  // until introduced
  std::unique_ptr<protocol::Info> info_;        // until introduced

  std::shared_ptr<Outbox> outbox_;
  account::Account* dedicated_ = nullptr;
  account::Account* last_account_ = nullptr;  // of the last message: most are of the same
  std::vector<AccountSubscriptions> interest_;
  size_t subscription_count_ = 0;

  Traffic traffic_;
  std::chrono::system_clock::time_point started_;
  io::Clock::time_point last_in_;
  io::Clock::time_point handshake_deadline_;
  io::Clock::time_point next_ping_;
  io::Clock::time_point ping_sent_;
  std::optional<std::chrono::nanoseconds> rtt_;
  int pings_out_ = 0;
  Phase phase_ = Phase::kGreeting;
  bool authenticated_ = false;
  bool peer_headers_ = true;
  bool peer_verbose_ = false;
  bool origin_in_unsub_ = true;
  bool tell_when_confirmed_ = false;
  bool backlogged_ = false;  // a shard falls behind with what this read brought
};

}  // namespace natrix::route
