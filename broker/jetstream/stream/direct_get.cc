// Direct get: reading messages with one request and raw answers (wire.md 12).
#include <fmt/format.h>

#include "broker/jetstream/model/codec.h"
#include "broker/jetstream/model/stream_rules.h"
#include "broker/jetstream/stream/stream.h"
#include "broker/subject/tokens.h"

namespace natrix::jetstream::stream {

using model::MessageGetRequest;

namespace {

constexpr size_t kMaxMultiResults = 1024;

std::string described(const std::string& stream, const storage::StoredMessage& message) {
  std::string headers(message.headers);
  add_header(headers, "Nats-Stream", stream);
  add_header(headers, "Nats-Subject", message.subject);
  add_header(headers, "Nats-Sequence", std::to_string(message.seq));
  add_header(headers, "Nats-Time-Stamp", model::format_time({message.time}));
  return headers;
}

void add_progress(std::string& headers, uint64_t pending, Seq last) {
  add_header(headers, "Nats-Num-Pending", std::to_string(pending));
  add_header(headers, "Nats-Last-Sequence", std::to_string(last));
}

bool says_nothing(const MessageGetRequest& r) {
  return r.seq == 0 && r.last_by_subject.empty() && r.next_by_subject.empty() &&
         r.multi_last.empty() && !r.start_time;
}

bool contradicts_itself(const MessageGetRequest& r) {
  bool last = !r.last_by_subject.empty();
  bool multi = !r.multi_last.empty();
  return (r.seq > 0 && last) || (r.seq > 0 && r.start_time) || (r.start_time && last) ||
         (last && !r.next_by_subject.empty()) || (last && r.batch > 0) || (last && multi) ||
         (multi && !r.next_by_subject.empty()) || (r.up_to_seq > 0 && r.up_to_time);
}

bool level_too_high(const core::Message& message) {
  if (message.header_size == 0) return false;
  auto level = find_header(message.header(), "Nats-Required-Api-Level");
  return level && model::requires_more(*level);
}

}  // namespace

void Stream::send_status(std::string_view reply, std::string_view status) {
  environment_.publish({.to = reply, .headers = fmt::format("NATS/1.0 {}\r\n\r\n", status)});
}

void Stream::on_direct_get(const core::Message& message) {
  std::string_view reply = message.reply();
  if (reply.empty()) return;
  if (level_too_high(message)) return send_status(reply, "412 Required Api Level");
  if (message.payload().empty()) return send_status(reply, "408 Empty Request");
  MessageGetRequest request;
  if (!model::from_text(message.payload(), request, model::Strictness::kLenient)) {
    return send_status(reply, "408 Malformed Request");
  }
  if (says_nothing(request)) return send_status(reply, "408 Empty Request");
  if (contradicts_itself(request)) return send_status(reply, "408 Bad Request");
  direct_get(request, reply);
}

void Stream::on_direct_get_last(const core::Message& message) {
  std::string_view reply = message.reply();
  if (reply.empty()) return;
  if (level_too_high(message)) return send_status(reply, "412 Required Api Level");
  MessageGetRequest request;
  if (!model::from_text(message.payload(), request, model::Strictness::kLenient)) {
    return send_status(reply, "408 Malformed Request");
  }
  if (!says_nothing(request) || request.batch != 0 || request.up_to_seq != 0 ||
      request.up_to_time) {
    return send_status(reply, "408 Bad Request");
  }
  // Behind "$JS.API.DIRECT.GET.<stream>." or "$JS.<domain>.API.DIRECT.GET.<stream>.".
  constexpr std::string_view kGet = ".API.DIRECT.GET.";
  std::string_view key = message.subject();
  key.remove_prefix(key.find(kGet) + kGet.size());
  key.remove_prefix(config_.name.size() + 1);
  request.last_by_subject = key;
  direct_get(request, reply);
}

void Stream::direct_get(const MessageGetRequest& request, std::string_view reply) {
  if (!request.multi_last.empty()) return direct_multi(request, reply);
  Seq from = request.start_time ? store_->seq_at_time(request.start_time->nanos) : request.seq;
  if (request.batch > 0) return direct_batch(request, from, reply);
  auto found = !request.last_by_subject.empty()
                   ? store_->load_last(storage::Filter(request.last_by_subject), ~Seq{0})
               : !request.next_by_subject.empty()
                   ? store_->load_next(storage::Filter(request.next_by_subject), from)
                   : store_->load(from);
  if (!found) return send_status(reply, "404 Message Not Found");
  environment_.publish(
      {.to = reply,
       .headers = request.no_headers ? std::string() : described(config_.name, *found),
       .payload = found->payload});
}

void Stream::direct_batch(const MessageGetRequest& request, Seq from, std::string_view reply) {
  storage::Filter filter(request.next_by_subject);
  storage::Pending pending = store_->pending(filter, from);
  size_t most_bytes =
      request.max_bytes > 0 ? static_cast<size_t>(request.max_bytes) : settings_.max_response_bytes;
  Seq last = 0;
  size_t sent_bytes = 0;
  for (int64_t i = 0; i < request.batch && sent_bytes < most_bytes; ++i) {
    auto message = store_->load_next(filter, from);
    if (!message) {
      if (i == 0) return send_status(reply, "404 Message Not Found");
      break;
    }
    if (pending.messages > 0) --pending.messages;
    std::string headers;
    if (!request.no_headers) {
      headers = described(config_.name, *message);
      add_progress(headers, pending.messages, last);
    }
    environment_.publish({.to = reply, .headers = headers, .payload = message->payload});
    last = message->seq;
    from = last + 1;
    sent_bytes += message->subject.size() + message->headers.size() + message->payload.size();
  }
  std::string end = "NATS/1.0 204 EOB\r\n\r\n";
  add_progress(end, pending.messages, last);
  environment_.publish({.to = reply, .headers = end});
}

void Stream::direct_multi(const MessageGetRequest& request, std::string_view reply) {
  storage::StreamState state = store_->state();
  Seq up_to = request.up_to_seq;
  if (request.up_to_time) {
    up_to = store_->seq_at_time(request.up_to_time->nanos);
    if (up_to <= state.first_seq) return send_status(reply, "404 No Results");
    --up_to;
  }
  if (up_to == 0) up_to = state.last_seq;
  for (const std::string& pattern : request.multi_last) {
    if (!subject::is_valid_pattern(pattern)) return send_status(reply, "408 Bad Request");
  }
  auto found = store_->multi_last(storage::Filter(request.multi_last), up_to, kMaxMultiResults);
  if (!found) {
    return send_status(reply, found.error().kind == storage::StorageErrorKind::kFull
                                  ? "413 Too Many Results"
                                  : "500 " + found.error().message);
  }
  std::erase_if(*found, [&](Seq seq) { return seq < request.seq; });
  if (found->empty()) return send_status(reply, "404 No Results");
  size_t most_bytes =
      request.max_bytes > 0 ? static_cast<size_t>(request.max_bytes) : settings_.max_response_bytes;
  uint64_t pending = found->size();
  Seq last = 0;
  size_t sent_bytes = 0;
  int64_t sent = 0;
  for (Seq seq : *found) {
    auto message = store_->load(seq);
    if (!message && message.error().kind == storage::StorageErrorKind::kDamaged) {
      --pending;
      continue;
    }
    if (!message) return send_status(reply, "404 Message Not Found");
    --pending;
    std::string headers = described(config_.name, *message);
    add_progress(headers, pending, last);
    environment_.publish({.to = reply, .headers = headers, .payload = message->payload});
    last = seq;
    sent_bytes += message->subject.size() + message->headers.size() + message->payload.size();
    if (sent_bytes >= most_bytes || (request.batch > 0 && ++sent >= request.batch)) break;
  }
  std::string end = "NATS/1.0 204 EOB\r\n\r\n";
  add_progress(end, pending, last);
  add_header(end, "Nats-UpTo-Sequence", std::to_string(up_to));
  environment_.publish({.to = reply, .headers = end});
}

}  // namespace natrix::jetstream::stream
