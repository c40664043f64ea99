// Client: one connection that speaks the client protocol (wire.md 1). Lives on one shard.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/account/account.h"
#include "broker/account/permissions.h"
#include "broker/client/host.h"
#include "broker/client/subscription_set.h"
#include "broker/core/receiver.h"
#include "broker/crypto/nkey.h"
#include "broker/io/connection.h"

namespace natrix::client {

class Client final : public io::Connection, public core::Receiver {
 public:
  // `in_process`: of the program itself, which needs no TLS.
  Client(ShardContext& context, int fd, uint64_t cid, std::shared_ptr<const Settings> settings,
         bool in_process = false);
  ~Client() override;

  // Greets the peer and begins to serve it. With `refuse` set the peer gets INFO and this error.
  void start_session(std::optional<std::string> refuse = std::nullopt);

  // Asynchronous INFO, to peers that understand it: URLs changed or the server is leaving.
  void send_info_update();
  // After a reload: other limits; a user that is gone or changed is closed, subscriptions that are
  // no longer allowed are removed.
  void apply(std::shared_ptr<const Settings> settings);
  void reauthenticate();

  core::Delivery deliver(subject::Subscription& sub, const core::Message& message,
                         std::span<const std::string_view> queues) override;

  // For monitoring, on the shard.
  [[nodiscard]] uint64_t cid() const { return cid_; }
  [[nodiscard]] const protocol::Connect& options() const { return *options_; }
  [[nodiscard]] const account::Account* account() const { return account_; }
  [[nodiscard]] const std::string& user() const { return user_; }
  [[nodiscard]] const Traffic& traffic() const { return traffic_; }
  [[nodiscard]] int64_t stalls() const { return stalls_; }
  [[nodiscard]] const SubscriptionSet& subscriptions() const { return subscriptions_; }
  [[nodiscard]] std::chrono::system_clock::time_point started() const { return started_; }
  [[nodiscard]] std::chrono::system_clock::time_point last_activity() const;
  [[nodiscard]] std::optional<std::chrono::nanoseconds> rtt() const { return rtt_; }
  // The handshake came before INFO.
  [[nodiscard]] bool tls_first() const { return tls_first_ && secure_ == Secure::kSecured; }
  // "127.0.0.1:4321 - cid:7 - "v1:go:name"", the start of this client's log lines.
  [[nodiscard]] std::string label() const;

 private:
  enum class Phase : uint8_t { kNew, kChecking, kReady };
  enum class Secure : uint8_t { kPlain, kWaitFirst, kExpected, kEither, kHandshake, kSecured };

  Consumed on_data(io::SharedBytes& block, char* data, size_t size) override;
  void on_closed(io::CloseReason reason) override;
  void on_timer() override;

  void handle(const protocol::ClientOperation& operation, io::SharedBytes& block);
  void handle_parse_error(protocol::ParseStatus status, std::string_view at);
  bool admit_before_connect(protocol::ClientVerb verb);

  // client_tls.cc
  void await_handshake();
  void secure();
  void on_first_input(unsigned char first) override;
  void on_secured() override;
  void on_handshake_failed(const std::string& why, const tls::Session& session) override;
  void handshake_timed_out();
  [[nodiscard]] bool tls_awaited() const {
    return secure_ == Secure::kWaitFirst || secure_ == Secure::kExpected ||
           secure_ == Secure::kEither || secure_ == Secure::kHandshake;
  }

  // client_session.cc
  void expect_credentials();
  void handle_connect(std::string_view json);
  void check_credentials();
  void check_certificate(const account::Authenticator& authenticator,
                         const account::Credentials& credentials);
  [[nodiscard]] account::Credentials credentials() const;
  [[nodiscard]] std::string_view connection_type() const;
  void credentials_checked(std::unique_ptr<account::Identity> identity);
  void credentials_checked_elsewhere(const account::Authenticator& by,
                                     const account::Identity* identity);
  void become(const account::Identity& identity);
  void take_identity(const account::Identity& identity);
  void leave_account();
  void handle_ping();
  void handle_pong();
  void send_ping();
  void greet();
  [[nodiscard]] protocol::Info info(bool connect_info) const;

  // client_subscribe.cc
  void handle_sub(std::string_view args);
  void handle_unsub(std::string_view args);
  void subscribe(std::string_view subject, std::string_view queue, std::string_view sid);
  void remove_subscription(subject::Subscription* sub);
  void remove_all_subscriptions();

  // client_publish.cc
  void handle_pub(const protocol::ClientOperation& operation, io::SharedBytes& block);
  bool may_publish(const protocol::PubOperation& pub);
  void no_responders(const protocol::PubOperation& pub);
  void deliver_slowly(const subject::Subscription& sub, const core::Message& message,
                      bool with_header);

  void ok() {
    if (options_->verbose) write("+OK\r\n");
  }
  void error(std::string_view text);
  void fail(std::string_view text, io::CloseReason reason);
  // Logs and closes without telling the peer.
  void violation(std::string_view what);
  void trace_in(std::string_view op, std::string_view args);
  void trace_out(const subject::Subscription& sub, const core::Message& message);
  void trace_payload(std::string_view payload);

  ShardContext& context_;
  const uint64_t cid_;
  std::shared_ptr<const Settings> settings_;
  std::unique_ptr<protocol::Connect> options_;
  account::Account* account_ = nullptr;
  std::unique_ptr<account::UserPermissions> permissions_;
  std::string user_;
  std::shared_ptr<const std::string> secret_;  // what the credentials were checked against
  SubscriptionSet subscriptions_;
  Traffic traffic_;
  int64_t stalls_ = 0;
  std::chrono::system_clock::time_point started_;
  io::Clock::time_point auth_deadline_ = io::Clock::time_point::max();  // or of the handshake
  io::Clock::time_point next_ping_ = io::Clock::time_point::max();
  io::Clock::time_point last_in_;
  io::Clock::time_point ping_sent_;
  io::Clock::time_point rtt_measured_;
  std::optional<std::chrono::nanoseconds> rtt_;
  int pings_out_ = 0;
  Phase phase_ = Phase::kNew;
  bool connected_ = false;  // CONNECT was accepted
  bool first_pong_sent_ = false;
  bool registered_ = false;  // counted in its account
  bool anonymous_ = false;   // let in without credentials
  bool congested_ = false;   // some receiver of this read falls behind
  const bool in_process_;
  bool challenged_ = false;  // INFO had a nonce
  Nonce nonce_{};
  bool tls_first_ = false;
  Secure secure_ = Secure::kPlain;
};

}  // namespace natrix::client
