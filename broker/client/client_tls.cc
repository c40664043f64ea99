// Greeting and TLS: whether a connection becomes a TLS one, and when (wire.md 1.6).
//
//   kWaitFirst ── bytes ──► kHandshake ──► kSecured        (handshake_first with a delay)
//       └─ none in time: INFO ─► kExpected | kEither
//   kExpected ─── 0x16 ───► kHandshake                     (TLS required)
//   kEither ───── 0x16 ───► kHandshake, else kPlain        (allow_non_tls)
#include <fmt/format.h>

#include "broker/client/client.h"

namespace natrix::client {

using io::Clock;
using io::CloseReason;

namespace {

constexpr unsigned char kHandshakeRecord = 0x16;  // what every TLS connection begins with

Clock::time_point after(std::chrono::nanoseconds time) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(time);
}

}  // namespace

void Client::start_session(std::optional<std::string> refuse) {
  const tls::Context* context = in_process_ ? nullptr : settings_->tls.get();
  bool first = context != nullptr && context->options().handshake_first;
  if (!first || refuse) greet();
  if (refuse) {
    start();
    return fail(*refuse, CloseReason::kMaxConnectionsExceeded);
  }
  context_.log.debug("{} - Client connection created", label());
  if (context == nullptr) {
    expect_credentials();
    return start();
  }
  if (!first) {
    await_handshake();
    return start();
  }
  tls_first_ = true;
  if (context->options().fallback.count() > 0) {
    secure_ = Secure::kWaitFirst;
    look_at_first_input();
    auth_deadline_ = after(context->options().fallback);
    wake_at(auth_deadline_);
    return start();
  }
  start();
  secure();
}

// INFO has gone out: the peer decides.
void Client::await_handshake() {
  if (!settings_->tls) {  // a reload has taken it away
    secure_ = Secure::kPlain;
    return expect_credentials();
  }
  secure_ = settings_->allow_non_tls ? Secure::kEither : Secure::kExpected;
  look_at_first_input();
  auth_deadline_ = after(settings_->tls->options().timeout);
  wake_at(auth_deadline_);
}

void Client::on_first_input(unsigned char first) {
  bool begins = first == kHandshakeRecord;
  if (begins) return secure();
  if (secure_ == Secure::kPlain) return;
  if (secure_ == Secure::kEither) {
    secure_ = Secure::kPlain;
    return expect_credentials();
  }
  context_.log.debug(
      "{} - TLS handshake error: tls: first record does not look like a TLS handshake", label());
  fail("Secure Connection - TLS Required", CloseReason::kTlsHandshakeError);
}

void Client::secure() {
  if (!settings_->tls) return close(CloseReason::kTlsHandshakeError);
  if (!context_.host.admit_handshake()) {
    return fail("Connection throttling is active. Please try again later.",
                CloseReason::kMaxConnectionsExceeded);
  }
  context_.log.debug("{} - Starting TLS client connection handshake", label());
  const tls::Options& options = settings_->tls->options();
  secure_ = Secure::kHandshake;
  auth_deadline_ = after(options.timeout);
  wake_at(auth_deadline_);
  begin_tls(tls::Session::server(settings_->tls, options.verify));
}

void Client::on_secured() {
  auth_deadline_ = Clock::time_point::max();
  if (settings_->tls && !tls()->pinned_by(*settings_->tls)) {
    context_.log.error("{} - TLS handshake error: certificate not pinned", label());
    return close(CloseReason::kTlsHandshakeError);
  }
  secure_ = Secure::kSecured;
  context_.log.debug("{} - TLS handshake complete", label());
  context_.log.debug("{} - TLS version {}, cipher suite {}", label(), tls()->version(),
                     tls()->cipher_suite());
  if (tls_first_) greet();
  expect_credentials();
}

void Client::on_handshake_failed(const std::string& why, const tls::Session& session) {
  // What knocks without speaking TLS is mostly a probe.
  if (session.not_tls()) {
    context_.log.debug("{} - TLS handshake error: {}", label(), why);
  } else {
    context_.log.error("{} - TLS handshake error: {}", label(), why);
  }
  close(CloseReason::kTlsHandshakeError);
}

// The time for the present step is over.
void Client::handshake_timed_out() {
  auth_deadline_ = Clock::time_point::max();
  if (secure_ == Secure::kWaitFirst) {
    tls_first_ = false;
    greet();
    return await_handshake();
  }
  if (secure_ == Secure::kEither) {
    // It may still begin a handshake, but it is held to the times of a plain connection.
    secure_ = Secure::kPlain;
    return expect_credentials();
  }
  context_.log.debug("{} - TLS handshake timeout", label());
  if (handshaking()) return close(CloseReason::kTlsHandshakeError);
  fail("Secure Connection - TLS Required", CloseReason::kTlsHandshakeError);
}

}  // namespace natrix::client
