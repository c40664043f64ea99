#include "broker/client/client.h"

#include <fmt/format.h>

#include "broker/base/printable.h"

namespace natrix::client {

using io::Clock;
using io::CloseReason;
using protocol::ClientOperation;
using protocol::ClientVerb;
using protocol::ParseStatus;

namespace {

// How long a publisher pauses when a receiver falls behind.
constexpr auto kStallTime = std::chrono::milliseconds(5);

std::string_view verb_text(ClientVerb verb) {
  switch (verb) {
    case ClientVerb::kPub:
      return "PUB";
    case ClientVerb::kHpub:
      return "HPUB";
    case ClientVerb::kSub:
      return "SUB";
    case ClientVerb::kUnsub:
      return "UNSUB";
    case ClientVerb::kConnect:
      return "CONNECT";
    case ClientVerb::kPing:
      return "PING";
    case ClientVerb::kPong:
      return "PONG";
    case ClientVerb::kInfo:
      return "INFO";
    case ClientVerb::kOk:
      return "+OK";
    case ClientVerb::kErr:
      return "-ERR";
  }
  return "?";
}

}  // namespace

Client::Client(ShardContext& context, int fd, uint64_t cid,
               std::shared_ptr<const Settings> settings, bool in_process)
    : Connection(context.router.shard(), fd,
                 {settings->max_pending_bytes, settings->write_deadline}),
      context_(context),
      cid_(cid),
      settings_(std::move(settings)),
      options_(std::make_unique<protocol::Connect>()),
      started_(std::chrono::system_clock::now()),
      last_in_(Clock::now()),
      in_process_(in_process) {}

Client::~Client() = default;

std::string Client::label() const {
  std::string label = fmt::format("{}:{} - cid:{}", remote().ip, remote().port, cid_);
  if (!options_->lang.empty() || !options_->version.empty() || !options_->name.empty()) {
    label += " - \"";
    if (!options_->version.empty()) label += "v" + options_->version;
    if (!options_->lang.empty()) label += ":" + options_->lang;
    if (!options_->name.empty()) label += ":" + options_->name;
    label += "\"";
  }
  return label;
}

std::chrono::system_clock::time_point Client::last_activity() const {
  auto ago =
      std::chrono::duration_cast<std::chrono::system_clock::duration>(Clock::now() - last_in_);
  return std::chrono::system_clock::now() - ago;
}

// ---- operations

Client::Consumed Client::on_data(io::SharedBytes& block, char* data, size_t size) {
  size_t at = 0;
  size_t wanted = 0;
  congested_ = false;
  last_in_ = Clock::now();
  ClientOperation operation;
  while (at < size && open() && phase_ != Phase::kChecking) {
    operation.pub = {};
    ParseStatus status =
        protocol::parse_client(data + at, size - at, settings_->parser, operation, wanted);
    if (status == ParseStatus::kIncomplete) break;
    if (status != ParseStatus::kOk) {
      handle_parse_error(status, {data + at, size - at});
      break;
    }
    if (phase_ == Phase::kReady && operation.verb == ClientVerb::kPub) [[likely]] {
      handle_pub(operation, block);
    } else {
      handle(operation, block);
    }
    at += operation.size;
    wanted = 0;
  }
  if (congested_ && open() && settings_->stall_fast_producers) {
    ++stalls_;
    ++context_.counters.stalls;
    stall_reading(kStallTime);
  }
  return {at, wanted};
}

bool Client::admit_before_connect(ClientVerb verb) {
  if (phase_ == Phase::kReady || verb == ClientVerb::kConnect) return true;
  // Nothing but CONNECT is taken from a stranger, unless there is a user for those.
  check_credentials();
  return open() && phase_ == Phase::kReady;
}

void Client::handle(const ClientOperation& operation, io::SharedBytes& block) {
  bool publishes = operation.verb == ClientVerb::kPub || operation.verb == ClientVerb::kHpub;
  if (!publishes && context_.log.trace_enabled() && operation.verb != ClientVerb::kConnect) {
    trace_in(verb_text(operation.verb), operation.args);
  }
  if (!admit_before_connect(operation.verb)) return;
  switch (operation.verb) {
    case ClientVerb::kPub:
    case ClientVerb::kHpub:
      handle_pub(operation, block);
      break;
    case ClientVerb::kSub:
      handle_sub(operation.args);
      break;
    case ClientVerb::kUnsub:
      handle_unsub(operation.args);
      break;
    case ClientVerb::kConnect:
      handle_connect(operation.args);
      break;
    case ClientVerb::kPing:
      handle_ping();
      break;
    case ClientVerb::kPong:
      handle_pong();
      break;
    case ClientVerb::kErr:
      context_.log.error("{} - Client Error {}", label(), operation.args);
      close(CloseReason::kParseError);  // as nats-server 2.15.2 does
      break;
    case ClientVerb::kInfo:
    case ClientVerb::kOk:
      break;
  }
}

void Client::handle_parse_error(ParseStatus status, std::string_view at) {
  Logger& log = context_.log;
  switch (status) {
    case ParseStatus::kPayloadTooLarge:
      log.error("{} - maximum payload exceeded: more than {} bytes", label(),
                settings_->parser.max_payload);
      return fail("Maximum Payload Violation", CloseReason::kMaxPayloadExceeded);
    case ParseStatus::kLineTooLong:
      log.error("{} - maximum control line exceeded", label());
      return fail("maximum control line exceeded", CloseReason::kMaxControlLineExceeded);
    case ParseStatus::kBadArguments:
      return violation(fmt::format("bad arguments: {}", printable(at, 64)));
    default:
      break;
  }
  if (phase_ != Phase::kReady) {
    log.error("{} - first operation is not CONNECT", label());
    return fail("Authorization Violation", CloseReason::kAuthenticationViolation);
  }
  log.error("{} - Client parser error near {}", label(), printable(at, 32));
  fail("Unknown Protocol Operation", CloseReason::kParseError);
}

void Client::error(std::string_view text) {
  write(fmt::format("-ERR '{}'\r\n", text));
}

void Client::fail(std::string_view text, CloseReason reason) {
  error(text);
  close_after_flush(reason);
}

void Client::violation(std::string_view what) {
  context_.log.error("{} - {}", label(), what);
  close(CloseReason::kProtocolViolation);
}

// ---- time and end

void Client::on_timer() {
  Clock::time_point now = Clock::now();
  if (auth_deadline_ != Clock::time_point::max()) {
    if (now >= auth_deadline_ && tls_awaited()) return handshake_timed_out();
    if (now >= auth_deadline_) {
      context_.log.error("{} - Authentication Timeout", label());
      return fail("Authentication Timeout", CloseReason::kAuthenticationTimeout);
    }
    wake_at(auth_deadline_);
  }
  if (next_ping_ == Clock::time_point::max()) return;
  if (now >= next_ping_) {
    auto interval = std::chrono::duration_cast<Clock::duration>(settings_->ping_interval);
    bool measure = !rtt_ || now - rtt_measured_ > std::chrono::hours(1);
    if (now - last_in_ >= interval || measure) {
      if (pings_out_ + 1 > settings_->ping_max) {
        ++context_.counters.stale_connections;
        context_.log.debug("{} - Stale Client Connection - Closing", label());
        return fail("Stale Connection", CloseReason::kStaleConnection);
      }
      send_ping();
    }
    next_ping_ = now + interval;
  }
  wake_at(next_ping_);
}

void Client::on_closed(CloseReason reason) {
  bool slow = reason == CloseReason::kSlowConsumerPendingBytes ||
              reason == CloseReason::kSlowConsumerWriteDeadline;
  if (slow) {
    ++context_.counters.slow_consumers;
    if (account_ != nullptr) account_->slow_consumers.fetch_add(1, std::memory_order_relaxed);
    context_.log.warn("{} - Slow Consumer Detected: {}, {} bytes pending, {} subscriptions",
                      label(), io::text(reason), pending_bytes(), subscriptions_.size());
  }
  context_.log.debug("{} - Client connection closed: {}", label(), io::text(reason));
  context_.host.client_closed(*this, reason);
  leave_account();
}

void Client::apply(std::shared_ptr<const Settings> settings) {
  settings_ = std::move(settings);
  if (open() && tls() != nullptr && settings_->tls && !tls()->pinned_by(*settings_->tls)) {
    context_.log.error("{} - certificate is no longer pinned after the reload", label());
    close(CloseReason::kTlsHandshakeError);
  }
}

// ---- tracing

void Client::trace_in(std::string_view op, std::string_view args) {
  if (args.empty()) {
    context_.log.trace("{} - <<- [{}]", label(), op);
  } else {
    context_.log.trace("{} - <<- [{} {}]", label(), op, args);
  }
}

void Client::trace_payload(std::string_view payload) {
  context_.log.trace("{} - <<- MSG_PAYLOAD: [{}]", label(),
                     printable(payload, settings_->max_traced_message));
}

void Client::trace_out(const subject::Subscription& sub, const core::Message& message) {
  context_.log.trace("{} - ->> [MSG {} {} {}{}{}]", label(), message.subject(), sub.sid(),
                     message.reply(), message.reply_size == 0 ? "" : " ", message.total_size);
}

}  // namespace natrix::client
