// Who the peer is: CONNECT, credentials, INFO, PING and PONG.
#include <fmt/format.h>

#include "broker/base/printable.h"
#include "broker/client/client.h"

namespace natrix::client {

using io::Clock;
using io::CloseReason;

namespace {
constexpr auto kFirstPingDelay = std::chrono::seconds(2);

// Who the peer says it is, for the log.
std::string claimed_name(const protocol::Connect& connect) {
  if (!connect.nkey.empty()) return fmt::format(" - Nkey {}", printable(connect.nkey, 64));
  if (!connect.user.empty()) return fmt::format(" - User {}", printable(connect.user, 128));
  return connect.auth_token.empty() ? "" : " - Token \"[REDACTED]\"";
}

}  // namespace

// The connection is as safe as it will be: the peer has to say who it is.
void Client::expect_credentials() {
  auto authenticator = context_.host.authenticator();
  if (authenticator->required()) {
    auth_deadline_ =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(settings_->auth_timeout);
    wake_at(auth_deadline_);
  } else if (auto identity = authenticator->check(credentials())) {
    become(*identity);
    phase_ = Phase::kReady;
  }
}

// The first INFO; only this one has the challenge.
void Client::greet() {
  protocol::Info first = info(false);
  challenged_ = context_.host.authenticator()->challenges();
  if (challenged_) {
    nonce_ = new_nonce();
    first.nonce.assign(nonce_.data(), nonce_.size());
  }
  write(protocol::encode(first));
}

protocol::Info Client::info(bool connect_info) const {
  protocol::Info info = *context_.host.client_info();
  info.client_id = cid_;
  info.client_ip = remote().ip;
  if (in_process_) info.tls_required = info.tls_verify = info.tls_available = false;
  if (tls_first_) {
    info.tls_required = true;
    info.tls_available = false;
  }
  if (connect_info && account_ != nullptr) {
    info.connect_info = true;
    info.remote_account = account_->name();
    info.acc_is_sys = account_->name() == account::kSystemAccount;
  }
  return info;
}

void Client::send_info_update() {
  if (open() && connected_ && options_->protocol >= 1 && first_pong_sent_)
    write(protocol::encode(info(false)));
}

void Client::handle_connect(std::string_view json) {
  // The arguments hold secrets: only that there was a CONNECT is traced.
  if (context_.log.trace_enabled()) trace_in("CONNECT", "{...}");
  Result<protocol::Connect> connect = protocol::decode_connect(json);
  if (!connect) return violation(fmt::format("CONNECT: {}", connect.error().message));
  if (registered_ && connected_) leave_account();  // a second CONNECT starts afresh
  *options_ = std::move(*connect);
  auth_deadline_ = Clock::time_point::max();
  if (!options_->lang.empty()) options_->lang.resize(std::min<size_t>(options_->lang.size(), 64));
  if (options_->protocol != 0 && options_->protocol != 1) {
    return fail("invalid client protocol", CloseReason::kBadClientProtocolVersion);
  }
  if (!settings_->headers) options_->headers = false;
  if (options_->no_responders && !options_->headers) {
    return fail("no responders requires headers support",
                CloseReason::kNoRespondersRequiresHeaders);
  }
  if (!options_->account.empty() || options_->new_account) {
    return fail("Authorization Violation", CloseReason::kAuthenticationViolation);
  }
  connected_ = true;
  check_credentials();
}

std::string_view Client::connection_type() const {
  return in_process_ ? account::kInProcess : account::kStandard;
}

account::Credentials Client::credentials() const {
  account::Credentials credentials{options_->user, options_->pass, options_->auth_token,
                                   options_->has_credentials()};
  credentials.nkey = options_->nkey;
  credentials.signature = options_->sig;
  if (challenged_) credentials.nonce.assign(nonce_.data(), nonce_.size());
  credentials.connection = connection_type();
  return credentials;
}

void Client::check_credentials() {
  auto authenticator = context_.host.authenticator();
  account::Credentials credentials = this->credentials();
  if (authenticator->maps_certificate(credentials))
    return check_certificate(*authenticator, credentials);
  if (!authenticator->slow(credentials)) {
    return credentials_checked(authenticator->check(credentials));
  }
  // A bcrypt comparison takes a tenth of a second by design: other clients must not wait for it.
  phase_ = Phase::kChecking;
  pause_reading();
  auto self = std::static_pointer_cast<Client>(shared_from_this());
  auto work = [self, authenticator, credentials]() mutable {
    std::shared_ptr<account::Identity> identity = authenticator->check(credentials);
    io::Shard& shard = self->shard();
    // The reference is handed on: the client must not be destroyed by this thread.
    shard.post([self = std::move(self), authenticator, identity] {
      self->credentials_checked_elsewhere(*authenticator, identity.get());
    });
  };
  if (!context_.host.run_blocking(std::move(work))) {
    context_.log.warn("{} - too many password checks are waiting", label());
    close(CloseReason::kAuthenticationTimeout);
  }
}

void Client::credentials_checked_elsewhere(const account::Authenticator& by,
                                           const account::Identity* identity) {
  if (!open()) return;
  io::Turn turn(shard());
  if (&by == context_.host.authenticator().get()) {
    credentials_checked(identity != nullptr ? std::make_unique<account::Identity>(*identity)
                                            : nullptr);
  } else {
    check_credentials();  // a reload came in between
  }
  bool waiting = open() && phase_ == Phase::kChecking;
  if (!waiting) resume_reading();
}

// The certificate says who the peer is, whatever CONNECT says.
void Client::check_certificate(const account::Authenticator& authenticator,
                               const account::Credentials& credentials) {
  if (!connected_ || tls() == nullptr) return credentials_checked(nullptr);
  if (!options_->user.empty()) {
    context_.log.warn("{} - User \"{}\" found in connect proto, but user required from cert",
                      label(), options_->user);
  }
  credentials_checked(authenticator.check_certificate(tls()->peer_names(), credentials.connection));
}

void Client::credentials_checked(std::unique_ptr<account::Identity> identity) {
  if (!identity) {
    context_.log.error("{} - authentication error{}", label(), claimed_name(*options_));
    return fail("Authorization Violation", CloseReason::kAuthenticationViolation);
  }
  // What is no longer needed is not kept: secrets, and memory per connection.
  options_->pass.clear();
  options_->auth_token.clear();
  options_->nkey.clear();
  options_->sig.clear();
  options_->jwt.clear();
  for (auto* text :
       {&options_->pass, &options_->auth_token, &options_->nkey, &options_->sig, &options_->jwt})
    text->shrink_to_fit();
  become(*identity);
  phase_ = Phase::kReady;
  if (!connected_) return;
  ok();
  next_ping_ =
      Clock::now() +
      std::min<Clock::duration>(
          kFirstPingDelay, std::chrono::duration_cast<Clock::duration>(settings_->ping_interval));
  wake_at(next_ping_);
}

void Client::become(const account::Identity& identity) {
  if (registered_) leave_account();
  account_ = identity.account;
  take_identity(identity);
  account_->connections.fetch_add(1, std::memory_order_relaxed);
  account_->total_connections.fetch_add(1, std::memory_order_relaxed);
  registered_ = true;
}

void Client::take_identity(const account::Identity& identity) {
  user_ = identity.user;
  secret_ = identity.secret;
  anonymous_ = identity.anonymous;
  permissions_ = identity.permissions
                     ? std::make_unique<account::UserPermissions>(identity.permissions)
                     : nullptr;
}

void Client::leave_account() {
  remove_all_subscriptions();
  if (!registered_) return;
  account_->connections.fetch_sub(1, std::memory_order_relaxed);
  registered_ = false;
}

void Client::reauthenticate() {
  if (!open() || phase_ != Phase::kReady) return;
  auto authenticator = context_.host.authenticator();
  auto allowed = authenticator->renew(user_, secret_, anonymous_, connection_type());
  if (!allowed) {
    context_.log.error("{} - user is no longer authorized after the reload", label());
    return fail("Authorization Violation", CloseReason::kAuthenticationViolation);
  }
  take_identity(*allowed);
  if (!permissions_) return;
  std::vector<subject::Subscription*> forbidden;
  for (subject::Subscription* sub : subscriptions_) {
    if (!permissions_->rules().may_subscribe(sub->subject(), sub->queue())) {
      forbidden.push_back(sub);
    } else {
      sub->filtered = permissions_->rules().needs_filter(sub->subject(), sub->queue());
    }
  }
  for (subject::Subscription* sub : forbidden) {
    std::string queue =
        sub->queue().empty() ? "" : fmt::format(" using queue \"{}\"", sub->queue());
    error(fmt::format("Permissions Violation for Subscription to \"{}\"{} (sid \"{}\")",
                      sub->subject(), queue, sub->sid()));
    remove_subscription(sub);
  }
}

void Client::handle_ping() {
  write("PONG\r\n");
  if (first_pong_sent_ || !connected_) return;
  first_pong_sent_ = true;
  if (options_->protocol >= 1) write(protocol::encode(info(true)));
}

void Client::handle_pong() {
  if (pings_out_ > 0) {
    rtt_measured_ = Clock::now();
    rtt_ = rtt_measured_ - ping_sent_;
  }
  pings_out_ = 0;
}

void Client::send_ping() {
  ++pings_out_;
  ping_sent_ = Clock::now();
  write("PING\r\n");
}

}  // namespace natrix::client
