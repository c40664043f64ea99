// Who the peer is: CONNECT, INFO, PING and PONG.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "broker/account/authenticator.h"
#include "broker/route/route_connection.h"
#include "broker/route/route_identity.h"

namespace natrix::route {

using io::Clock;
using io::CloseReason;

namespace {

// The first PING comes soon: it measures the round trip.
constexpr auto kFirstPing = std::chrono::seconds(1);
// A dialled server that says nothing for this long is given up.
constexpr auto kMinHandshakeTime = std::chrono::seconds(5);

// Up to a fifth more, so that connections made together do not all ping together.
Clock::duration spread(Clock::duration time) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return time + std::uniform_int_distribution<Clock::rep>(0, time.count() / 5)(random) *
                    Clock::duration(1);
}

}  // namespace

void RouteConnection::start_session(std::string_view first_words, const std::string& tls_name) {
  context_.host.log().info("{} - Route connection created", label_);
  start();
  if (settings_->tls) {
    begin_handshake(tls_name);
  } else {
    expect_introduction();
  }
  auto interval = std::chrono::duration_cast<Clock::duration>(settings_->ping_interval);
  next_ping_ = Clock::now() + spread(std::min<Clock::duration>(interval, kFirstPing));
  if (!first_words.empty()) write(first_words);
}

// Both sides know from their configuration that TLS comes before everything else.
void RouteConnection::begin_handshake(const std::string& tls_name) {
  context_.host.log().debug("{} - Starting TLS route {} handshake", label_,
                            solicited_ ? "client" : "server");
  handshake_deadline_ =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(settings_->tls->options().timeout);
  wake_at(handshake_deadline_);
  begin_tls(solicited_ ? tls::Session::client(settings_->tls, tls_name)
                       : tls::Session::server(settings_->tls, true));
}

void RouteConnection::on_secured() {
  if (!tls()->pinned_by(*settings_->tls)) {
    context_.host.log().error("{} - TLS route handshake error: certificate not pinned", label_);
    return close(CloseReason::kTlsHandshakeError);
  }
  context_.host.log().debug("{} - TLS handshake complete", label_);
  context_.host.log().debug("{} - TLS version {}, cipher suite {}", label_, tls()->version(),
                            tls()->cipher_suite());
  expect_introduction();
}

void RouteConnection::on_handshake_failed(const std::string& why, const tls::Session& session) {
  context_.host.log().error("{} - TLS route handshake error: {}", label_, why);
  if (session.wrong_name()) {
    if (auto registrar = registrar_.lock()) registrar->name_refused(rid_);
  }
  close(CloseReason::kTlsHandshakeError);
}

void RouteConnection::expect_introduction() {
  auto patience = std::chrono::duration_cast<Clock::duration>(settings_->handshake_timeout);
  bool must_log_in = !solicited_ && !settings_->user.empty();
  if (!must_log_in) patience = std::max<Clock::duration>(patience, kMinHandshakeTime);
  handshake_deadline_ = Clock::now() + patience;
  wake_at(handshake_deadline_);
}

void RouteConnection::fail(std::string_view text, CloseReason reason) {
  write(fmt::format("-ERR '{}'\r\n", text));
  close_after_flush(reason);
}

void RouteConnection::violation(std::string_view what) {
  context_.host.log().error("{} - {}", label_, what);
  close(CloseReason::kProtocolViolation);
}

void RouteConnection::handle_connect(std::string_view json) {
  if (context_.host.log().trace_enabled()) {
    context_.host.log().trace("{} - <<- [CONNECT {{...}}]", label_);
  }
  if (solicited_ || connect_) return violation("unexpected CONNECT");
  Result<protocol::Connect> connect = protocol::decode_connect(json);
  if (!connect) return violation(fmt::format("CONNECT: {}", connect.error().message));
  connect_ = std::make_unique<protocol::Connect>(std::move(*connect));
  if (settings_->tls) {
    const tls::Options& options = settings_->tls->options();
    if (options.map || options.check_known_urls) {
      return credentials_checked(certificate_accepted(options, tls()->peer_names(), settings_->user,
                                                      settings_->known_hosts));
    }
  }
  if (settings_->user.empty()) return credentials_checked(true);
  if (connect_->user != settings_->user) return credentials_checked(false);
  if (!account::is_bcrypt(settings_->password)) {
    return credentials_checked(account::password_matches(settings_->password, connect_->pass));
  }
  // Takes a tenth of a second by design: not on the shard.
  phase_ = Phase::kDeciding;
  pause_reading();
  auto self = std::static_pointer_cast<RouteConnection>(shared_from_this());
  bool queued = context_.host.run_blocking([self, given = connect_->pass] {
    bool accepted = account::password_matches(self->settings_->password, given);
    self->shard().post([self, accepted] {
      if (!self->open()) return;
      io::Turn turn(self->shard());
      self->phase_ = Phase::kGreeting;
      self->credentials_checked(accepted);
      if (self->phase_ == Phase::kGreeting) self->resume_reading();
    });
  });
  if (!queued) close(CloseReason::kAuthenticationTimeout);
}

void RouteConnection::credentials_checked(bool accepted) {
  if (!accepted) {
    context_.host.log().error("{} - authentication error - User \"{}\"", label_, connect_->user);
    return fail("Authorization Violation", CloseReason::kAuthenticationViolation);
  }
  if (!connect_->lang.empty()) {  // routes do not say this, clients do
    context_.host.log().error("{} - attempted to connect to route port", label_);
    return fail("attempted to connect to route port", CloseReason::kWrongPort);
  }
  if (!connect_->gateway.empty()) {
    std::string text = fmt::format("Rejecting connection from gateway \"{}\" on the Route port",
                                   connect_->gateway);
    context_.host.log().error("{} - {}", label_, text);
    return fail(text, CloseReason::kWrongPort);
  }
  connect_->pass.clear();
  peer_verbose_ = connect_->verbose;
  authenticated_ = true;
  if (info_) introduce();
}

void RouteConnection::handle_info(std::string_view json) {
  Result<protocol::Info> info = protocol::decode_info(json);
  if (!info) return violation(fmt::format("INFO: {}", info.error().message));
  if (phase_ == Phase::kActive) {
    if (auto registrar = registrar_.lock()) registrar->info_received(rid_, std::move(*info));
    return;
  }
  if (info_) return;  // one introduction is enough
  info_ = std::make_unique<protocol::Info>(std::move(*info));
  if (solicited_ || authenticated_) introduce();
}

void RouteConnection::introduce() {
  phase_ = Phase::kDeciding;
  pause_reading();
  auto registrar = registrar_.lock();
  if (!registrar) return close(CloseReason::kServerShutdown);
  auto connect = connect_ ? std::move(*connect_) : protocol::Connect{};
  auto info = std::move(*info_);
  connect_.reset();
  info_.reset();
  registrar->introduced(std::static_pointer_cast<RouteConnection>(shared_from_this()),
                        std::move(connect), std::move(info));
}

void RouteConnection::activate(Activation activation) {
  if (!open()) return activation.outbox->close();
  phase_ = Phase::kActive;
  remote_name_ = std::move(activation.remote_name);
  outbox_ = std::move(activation.outbox);
  dedicated_ = activation.account;
  parser_.account_in_line = dedicated_ == nullptr;
  peer_headers_ = activation.headers && settings_->headers;
  origin_in_unsub_ = activation.leaf_origin_in_unsub;
  if (!activation.greeting.empty()) write(activation.greeting);
  wake_at(next_ping_);
  if (solicited_) {
    tell_when_confirmed_ = true;
    send_ping();
  }
  send_interest();
  resume_reading();
}

void RouteConnection::refuse(std::string_view text, CloseReason reason) {
  if (!open()) return;
  if (text.empty()) return close(reason);
  context_.host.log().error("{} - {}", label_, text);
  fail(text, reason);
}

void RouteConnection::send_ping() {
  ++pings_out_;
  ping_sent_ = Clock::now();
  write("PING\r\n");
}

void RouteConnection::handle_pong() {
  if (pings_out_ > 0) rtt_ = Clock::now() - ping_sent_;
  pings_out_ = 0;
  if (!tell_when_confirmed_) return;
  tell_when_confirmed_ = false;
  if (auto registrar = registrar_.lock()) registrar->confirmed(rid_);
}

void RouteConnection::ping_or_give_up(Clock::time_point now) {
  if (pings_out_ + 1 > settings_->ping_max) {
    ++context_.counters.stale_connections;
    context_.host.log().debug("{} - Stale Client Connection - Closing", label_);
    return fail("Stale Connection", CloseReason::kStaleConnection);
  }
  send_ping();
  next_ping_ = now + std::chrono::duration_cast<Clock::duration>(settings_->ping_interval);
}

void RouteConnection::on_timer() {
  Clock::time_point now = Clock::now();
  if (phase_ != Phase::kActive) {
    if (now < handshake_deadline_) return wake_at(handshake_deadline_);
    if (handshaking()) {
      context_.host.log().error("{} - TLS handshake timeout", label_);
      return close(CloseReason::kTlsHandshakeError);
    }
    context_.host.log().debug("{} - Authentication Timeout", label_);
    return fail("Authentication Timeout", CloseReason::kAuthenticationTimeout);
  }
  if (now >= next_ping_) ping_or_give_up(now);
  if (open()) wake_at(next_ping_);
}

}  // namespace natrix::route
