#include "broker/jetstream/archive/native_form.h"

#include "broker/jetstream/archive/json_text.h"

namespace natrix::jetstream::archive {

namespace {

constexpr std::string_view kState = "state.json";
constexpr std::string_view kConsumers = "consumers/";

bool is_end(const EntryHead& head) {
  return head.name.empty() && head.seq == 0 && head.time == 0 && head.header_size == 0 &&
         head.payload_size == 0;
}

}  // namespace

Result<Form::Step> NativeForm::step(ByteQueue& in, Event& event) {
  if (!magic_) {
    if (in.size() < kNativeMagic.size()) return Step::kMore;
    in.consume(kNativeMagic.size());  // whoever chose this form has seen it
    magic_ = true;
  }
  EntryHead head;
  auto head_size = parse_entry(in.view(), head);
  if (!head_size) return fail(head_size.error().message);
  if (!*head_size) return Step::kMore;
  auto limit = limit_of(head);
  if (!limit) return fail(limit.error().message);
  if (head.header_size + head.payload_size > *limit) {
    return fail("archive entry is larger than allowed");
  }
  size_t body_size = head.header_size + head.payload_size;
  if (in.size() - **head_size < body_size) return Step::kMore;
  std::string_view body = in.view().substr(**head_size, body_size);
  auto done = entry(head, body, event);
  if (!done) return fail(done.error().message);
  in.consume(**head_size + body_size);
  return Step::kEvent;
}

Result<size_t> NativeForm::limit_of(const EntryHead& head) const {
  if (!has_state_) {
    if (head.name != kState) return fail("backup does not begin with the stream's state");
    return limits_.max_config_bytes;
  }
  if (consumers_left_ > 0) {
    if (head.seq != 0 || !head.name.starts_with(kConsumers)) {
      return fail("backup has fewer consumers than it says");
    }
    return limits_.max_consumer_bytes;
  }
  return limits_.max_message_bytes;
}

Result<void> NativeForm::entry(const EntryHead& head, std::string_view body, Event& event) {
  if (!has_state_) {
    auto state = parse_stream_state(body);
    if (!state) return fail(state.error().message);
    has_state_ = true;
    consumers_left_ = state->consumers;
    event = *state;
    return {};
  }
  if (consumers_left_ > 0) {
    auto consumer = parse_consumer(head.name.substr(kConsumers.size()), body);
    if (!consumer) return fail(consumer.error().message);
    --consumers_left_;
    event = *std::move(consumer);
    return {};
  }
  return message(head, body, event);
}

Result<void> NativeForm::message(const EntryHead& head, std::string_view body, Event& event) {
  if (is_end(head)) {
    event = End{};
    return {};
  }
  if (head.seq <= last_seq_) return fail("backup with messages out of order");
  if (head.name.empty()) return fail("backup with a message without subject");
  last_seq_ = head.seq;
  event = Message{head.seq, head.time, head.name, body.substr(0, head.header_size),
                  body.substr(head.header_size)};
  return {};
}

}  // namespace natrix::jetstream::archive
