// RMSG and HMSG in both directions: the hot path.
#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "broker/base/printable.h"
#include "broker/route/route_connection.h"

namespace natrix::route {

using core::Delivery;
using core::Message;
using subject::Subscription;

namespace {

// Payloads of this size on are referenced, not copied, when they have a block of their own.
constexpr uint32_t kShareFrom = 4 * 1024;

char* put(char* to, std::string_view text) {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

char* put_number(char* to, uint32_t number) {
  return std::to_chars(to, to + 10, number).ptr;
}

}  // namespace

account::Account* RouteConnection::find_account(std::string_view name) {
  if (dedicated_ != nullptr) return dedicated_;
  if (last_account_ != nullptr && last_account_->name() == name) [[likely]]
    return last_account_;
  account::Account* account = context_.host.accounts().find(name);
  if (account != nullptr) last_account_ = account;
  return account;
}

void RouteConnection::handle_message(const protocol::RouteOperation& operation,
                                     io::SharedBytes& block) {
  const protocol::RouteMessage& in = operation.message;
  ++traffic_.in_msgs;
  traffic_.in_bytes += in.total_size;
  ++context_.counters.traffic.in_msgs;
  context_.counters.traffic.in_bytes += in.total_size;
  if (context_.host.log().trace_enabled()) [[unlikely]] {
    context_.host.log().trace("{} - <<- [{}MSG {} {} {}{}{}]", label_,
                              in.header_size != 0 ? "H" : "R", in.account, in.subject, in.reply,
                              in.reply.empty() ? "" : " ", in.total_size);
    context_.host.log().trace("{} - <<- MSG_PAYLOAD: [{}]", label_,
                              printable({in.body, in.total_size}, settings_->max_traced_message));
  }
  account::Account* account = find_account(in.account);
  if (account == nullptr) {
    context_.host.log().debug("{} - Unknown account \"{}\" for routed message on subject: \"{}\"",
                              label_, in.account, in.subject);
    return;
  }
  Message message;
  message.subject_data = in.subject.data();
  message.subject_size = static_cast<uint32_t>(in.subject.size());
  message.reply_data = in.reply.data();
  message.reply_size = static_cast<uint32_t>(in.reply.size());
  message.body = in.body;
  message.tail = in.tail;
  message.header_size = in.header_size;
  message.total_size = in.total_size;
  message.block = &block;
  message.account = account;
  core::Published result = context_.router.publish({this, true, true, in.queues}, message);
  backlogged_ |= result.backlogged;
  if (peer_verbose_) write("+OK\r\n");
}

Delivery RouteConnection::deliver(Subscription& sub, const Message& message,
                                  std::span<const std::string_view> queues) {
  if (sub.closed || !open() || phase_ != Phase::kActive) [[unlikely]]
    return Delivery::kRefused;
  if (sub.filtered && settings_->permissions->delivery_denied(message.subject(), {})) {
    return Delivery::kRefused;
  }
  // Who subscribes and then asks must not be answered before the subscription is known there.
  if (outbox_->filled()) [[unlikely]]
    send_interest();
  bool with_header = message.header_size != 0 && peer_headers_;
  bool whole = with_header == (message.header_size != 0);
  uint32_t size = whole ? message.total_size : message.total_size - message.header_size;
  ++traffic_.out_msgs;
  traffic_.out_bytes += size;
  ++context_.counters.traffic.out_msgs;
  context_.counters.traffic.out_bytes += size;

  if (message.tail != nullptr && whole && queues.empty() && size < kShareFrom) [[likely]] {
    std::string_view tail = message.tail_text();
    std::string_view account =
        dedicated_ != nullptr ? std::string_view{} : std::string_view(message.account->name());
    char* start = queue().reserve(message.subject_size + account.size() + tail.size() + 7);
    char* to = put(start, with_header ? "HMSG " : "RMSG ");
    if (dedicated_ == nullptr) {
      to = put(to, account);
      *to++ = ' ';
    }
    to = put(to, message.subject());
    *to++ = ' ';
    to = put(to, tail);
    queue().commit(static_cast<size_t>(to - start));
  } else {
    write_queue_line(message, queues, with_header);
    write_body(message, with_header);
  }
  if (context_.host.log().trace_enabled()) [[unlikely]]
    trace_out(message, queues);
  queued();
  // Publishers are slowed down long before a peer that does not read is given up.
  bool behind = pending_bytes() > settings_->max_pending_bytes / 16 * 3;
  return behind && settings_->stall_fast_producers ? Delivery::kCongested : Delivery::kTaken;
}

void RouteConnection::write_queue_line(const Message& message,
                                       std::span<const std::string_view> queues, bool with_header) {
  size_t most = message.subject_size + message.reply_size + 48U;
  for (std::string_view name : queues) most += name.size() + 1;
  if (dedicated_ == nullptr) most += message.account->name().size() + 1;
  char* start = queue().reserve(most);
  char* to = put(start, with_header ? "HMSG " : "RMSG ");
  if (dedicated_ == nullptr) {
    to = put(to, message.account->name());
    *to++ = ' ';
  }
  to = put(to, message.subject());
  *to++ = ' ';
  if (!queues.empty()) to = put(to, message.reply_size != 0 ? "+ " : "| ");
  if (message.reply_size != 0) {
    to = put(to, message.reply());
    *to++ = ' ';
  }
  for (std::string_view name : queues) {
    to = put(to, name);
    *to++ = ' ';
  }
  if (with_header) {
    to = put_number(to, message.header_size);
    *to++ = ' ';
  }
  to = put_number(to, message.total_size - (with_header ? 0 : message.header_size));
  to = put(to, "\r\n");
  queue().commit(static_cast<size_t>(to - start));
}

void RouteConnection::write_body(const Message& message, bool with_header) {
  std::string_view body = message.body_and_end();
  if (!with_header) body.remove_prefix(message.header_size);
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

void RouteConnection::trace_out(const Message& message, std::span<const std::string_view> queues) {
  std::string names;
  for (std::string_view name : queues) names += fmt::format("{} ", name);
  context_.host.log().trace("{} - ->> [{}MSG {} {} {}{}{}{}]", label_,
                            message.header_size != 0 && peer_headers_ ? "H" : "R",
                            message.account->name(), message.subject(), message.reply(),
                            message.reply_size == 0 ? "" : " ", names, message.total_size);
}

}  // namespace natrix::route
