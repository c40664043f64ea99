// PUB and HPUB, and messages on their way out: the hot path.
#include <fmt/format.h>

#include <cstring>

#include "broker/client/client.h"
#include "broker/subject/tokens.h"

namespace natrix::client {

using core::Delivery;
using core::Message;
using subject::Subscription;

namespace {

// Payloads of this size on are referenced, not copied, when they have a block of their own.
constexpr uint32_t kShareFrom = 4 * 1024;

// Subjects that only servers publish to (wire.md 1.2).
bool reserved_subject(std::string_view subject, bool system_account) {
  if (subject.size() < 4 || (subject[0] != '_' && subject[0] != '$')) return false;
  return subject.starts_with("_GR_.") || subject.starts_with("$GR.") ||
         (!system_account && subject.starts_with("$NRG."));
}

bool reserved_reply(std::string_view reply) {
  if (reply.empty() || (reply[0] != '_' && reply[0] != '$')) return false;
  return reply.starts_with("_R_.") || reply.starts_with("_GR_.") || reply.starts_with("$JS.ACK.");
}

char* put(char* to, std::string_view text) {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

}  // namespace

bool Client::may_publish(const protocol::PubOperation& pub) {
  bool system = account_->name() == account::kSystemAccount;
  if (reserved_subject(pub.subject, system) ||
      (permissions_ && !permissions_->may_publish(pub.subject))) {
    context_.log.error("{} - Publish Violation - User \"{}\", Subject \"{}\"", label(), user_,
                       pub.subject);
    error(fmt::format("Permissions Violation for Publish to \"{}\"", pub.subject));
    return false;
  }
  if (reserved_reply(pub.reply)) {
    context_.log.error("{} - Publish Violation - User \"{}\", Reply \"{}\"", label(), user_,
                       pub.reply);
    error(fmt::format("Permissions Violation for Publish with Reply of \"{}\"", pub.reply));
    return false;
  }
  return true;
}

void Client::handle_pub(const protocol::ClientOperation& operation, io::SharedBytes& block) {
  const protocol::PubOperation& pub = operation.pub;
  ++traffic_.in_msgs;
  traffic_.in_bytes += pub.total_size;
  ++context_.counters.clients.in_msgs;
  context_.counters.clients.in_bytes += pub.total_size;
  if (context_.log.trace_enabled()) [[unlikely]] {
    trace_in(operation.verb == protocol::ClientVerb::kHpub ? "HPUB" : "PUB",
             fmt::format("{} {}{}{}", pub.subject, pub.reply, pub.reply.empty() ? "" : " ",
                         pub.total_size));
    trace_payload({pub.body, pub.total_size});
  }
  if (operation.verb == protocol::ClientVerb::kHpub && !options_->headers) {
    return violation("message headers not supported");
  }
  bool suspicious = pub.subject[0] == '$' || pub.subject[0] == '_' ||
                    (!pub.reply.empty() && (pub.reply[0] == '_' || pub.reply[0] == '$'));
  if ((suspicious || permissions_) && !may_publish(pub)) return;
  if (options_->pedantic && !subject::is_valid_literal(pub.subject)) {
    error("Invalid Publish Subject");
  }

  Message message;
  message.subject_data = pub.subject.data();
  message.subject_size = static_cast<uint32_t>(pub.subject.size());
  message.reply_data = pub.reply.data();
  message.reply_size = static_cast<uint32_t>(pub.reply.size());
  message.body = pub.body;
  message.tail = pub.tail;
  message.header_size = pub.header_size;
  message.total_size = pub.total_size;
  message.block = &block;
  message.account = account_;
  core::Published result = context_.router.publish({this, options_->echo, false, {}}, message);
  congested_ |= result.congested;
  ok();
  if (result.deliveries == 0 && options_->no_responders && !pub.reply.empty()) no_responders(pub);
}

void Client::no_responders(const protocol::PubOperation& pub) {
  Subscription* waiting = nullptr;
  account_->index().match(
      pub.reply,
      [&](Subscription* sub) {
        if (sub->receiver == this) waiting = sub;
      },
      [](const subject::QueueGroup&) {});
  if (waiting == nullptr) return;
  std::string text = fmt::format("NATS/1.0 503\r\nNats-Subject: {}\r\n\r\n", pub.subject);
  size_t size = text.size();
  text += "\r\n";
  Message message;
  message.subject_data = pub.reply.data();
  message.subject_size = static_cast<uint32_t>(pub.reply.size());
  message.body = text.data();
  message.header_size = message.total_size = static_cast<uint32_t>(size);
  message.account = account_;
  deliver(*waiting, message, {});
}

Delivery Client::deliver(Subscription& sub, const Message& message,
                         std::span<const std::string_view>) {
  if (sub.closed || !open()) [[unlikely]]
    return Delivery::kRefused;
  bool with_header = message.header_size != 0 && options_->headers;
  if (sub.filtered && permissions_ &&
      permissions_->rules().delivery_denied(message.subject(), sub.queue())) {
    return Delivery::kRefused;
  }
  uint32_t size = with_header ? message.total_size : message.total_size - message.header_size;
  ++sub.delivered;
  ++traffic_.out_msgs;
  traffic_.out_bytes += size;
  ++context_.counters.clients.out_msgs;
  context_.counters.clients.out_bytes += size;
  if (permissions_ && message.reply_size != 0) permissions_->opened_reply(message.reply());

  bool whole = with_header == (message.header_size != 0);
  if (message.tail != nullptr && whole && message.total_size < kShareFrom) [[likely]] {
    std::string_view verb = with_header ? "HMSG " : "MSG ";
    std::string_view tail = message.tail_text();
    size_t bytes = verb.size() + message.subject_size + sub.sid_size + tail.size() + 2;
    char* start = queue().reserve(bytes);
    char* to = put(start, verb);
    to = put(to, message.subject());
    *to++ = ' ';
    to = put(to, sub.sid());
    *to++ = ' ';
    put(to, tail);
    queue().commit(bytes);
  } else {
    deliver_slowly(sub, message, with_header);
  }
  if (context_.log.trace_enabled()) [[unlikely]]
    trace_out(sub, message);
  queued();
  if (sub.max != 0 && sub.delivered >= sub.max && open()) remove_subscription(&sub);
  // Three quarters of what closes a slow consumer: publishers are slowed down first.
  bool behind = pending_bytes() > settings_->max_pending_bytes / 4 * 3;
  return behind ? Delivery::kCongested : Delivery::kTaken;
}

void Client::deliver_slowly(const Subscription& sub, const Message& message, bool with_header) {
  fmt::memory_buffer line;
  auto out = fmt::appender(line);
  fmt::format_to(out, "{} {} {} ", with_header ? "HMSG" : "MSG", message.subject(), sub.sid());
  if (message.reply_size != 0) fmt::format_to(out, "{} ", message.reply());
  if (with_header) fmt::format_to(out, "{} ", message.header_size);
  uint32_t skip = with_header ? 0 : message.header_size;
  fmt::format_to(out, "{}\r\n", message.total_size - skip);
  queue().append({line.data(), line.size()});

  std::string_view body = message.body_and_end();
  body.remove_prefix(skip);
  if (body.size() >= kShareFrom && message.block != nullptr && message.block->dedicated()) {
    queue().append_shared(message.block, body);
    return;
  }
  while (!body.empty()) {
    std::string_view piece = body.substr(0, io::BufferPool::kWriteChunk);
    queue().append(piece);
    body.remove_prefix(piece.size());
  }
}

}  // namespace natrix::client
