#include "bench/jetstream/acked_publisher.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <stdexcept>

namespace natrix::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kChunkBytes = 64 * 1024;

// Spreads consecutive numbers evenly and without a pattern (Fibonacci hashing).
uint32_t spread(uint64_t number, uint32_t bound) {
  uint64_t mixed = (number + 1) * 0x9E3779B97F4A7C15;
  mixed ^= mixed >> 29;
  return static_cast<uint32_t>(((mixed >> 32) * bound) >> 32);
}

bool parse_number(std::string_view digits, uint64_t& value) {
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc{} && end != digits.data();
}

[[noreturn]] void unexpected(const Message& message, std::string_view why) {
  throw std::runtime_error(
      fmt::format("{}: {} {}{}", why, message.subject, message.headers, message.payload));
}

// Of `{"stream":"<name>","seq":<n>}`, fields in any order; `stream` is the first of them.
uint64_t sequence_in(const Message& message, const std::string& stream) {
  constexpr std::string_view kSequence = "\"seq\":";
  std::string_view text = message.payload;
  size_t at = text.find(kSequence);
  uint64_t sequence = 0;
  if (!message.headers.empty() || at == std::string_view::npos ||
      text.find("\"error\"") != std::string_view::npos ||
      text.find("\"duplicate\"") != std::string_view::npos ||
      text.find(stream) == std::string_view::npos ||
      !parse_number(text.substr(at + kSequence.size()), sequence)) {
    unexpected(message, "no acknowledgement with " + stream);
  }
  return sequence;
}

}  // namespace

std::string stream_name(const AckedPlan& plan, uint32_t index) {
  return plan.streams == 1 ? plan.stream : fmt::format("{}_{}", plan.stream, kFirstNumber + index);
}

AckedPublisher::AckedPublisher(uint16_t port, const AckedPlan& plan)
    : plan_(plan),
      peer_(port),
      reader_(peer_),
      inbox_("_INBOX." + plan.stream),
      frame_(plan.subjects, plan.payload_bytes, inbox_),
      outstanding_(kReplyNumbers) {
  for (uint32_t i = 0; i < plan.streams; ++i) {
    stream_fields_.push_back(fmt::format(R"("stream":"{}")", stream_name(plan, i)));
  }
  peer_.send_all(fmt::format("SUB {}.* 1\r\n", inbox_));
  peer_.ping_pong();
}

void AckedPublisher::run(uint64_t messages) {
  target_ += messages;
  while (acked_ < target_) {
    bool progress = send_some();
    progress |= take_acks() > 0;
    if (!progress) {
      peer_.wait(sent_of_chunk_ < chunk_.size());
    }
  }
}

std::vector<uint32_t> AckedPublisher::run_one_by_one(uint64_t messages) {
  std::vector<uint32_t> nanoseconds;
  nanoseconds.reserve(messages);
  for (uint64_t i = 0; i < messages; ++i) {
    auto started = Clock::now();
    run(1);
    auto taken = std::chrono::nanoseconds(Clock::now() - started).count();
    nanoseconds.push_back(static_cast<uint32_t>(std::clamp<int64_t>(taken, 1, UINT32_MAX)));
  }
  std::sort(nanoseconds.begin(), nanoseconds.end());
  return nanoseconds;
}

// One chunk at most; false if the window or the socket is full, or all is sent.
bool AckedPublisher::send_some() {
  if (sent_of_chunk_ == chunk_.size()) {
    uint64_t room = plan_.window - std::min(plan_.window, sent_ - acked_);
    uint64_t messages =
        std::min({room, target_ - sent_, std::max<uint64_t>(1, kChunkBytes / frame_.size())});
    if (messages == 0) {
      return false;
    }
    build_chunk(messages);
  }
  size_t sent = peer_.send_some(std::string_view(chunk_).substr(sent_of_chunk_));
  sent_of_chunk_ += sent;
  return sent > 0;
}

void AckedPublisher::build_chunk(uint64_t messages) {
  chunk_.clear();
  sent_of_chunk_ = 0;
  if (reader_.take_pong_due()) {
    chunk_ = "PONG\r\n";
  }
  uint32_t choices = std::max(plan_.streams, plan_.subject_count);
  uint64_t next = sent_;
  frame_.append(chunk_, 0, sent_, messages, [&] {
    uint64_t number = next++;
    return plan_.at_random ? spread(number, choices) : static_cast<uint32_t>(number % choices);
  });
  for (uint64_t i = 0; i < messages; ++i) {
    outstanding_[(sent_ + i) % kReplyNumbers] = true;
  }
  sent_ += messages;
}

uint64_t AckedPublisher::take_acks() {
  uint64_t before = acked_;
  reader_.pump([this](const Message& message) { take_ack(message); });
  return acked_ - before;
}

void AckedPublisher::take_ack(const Message& message) {
  uint64_t number = 0;
  if (message.subject.size() != inbox_.size() + 1 + kNumberDigits ||
      !parse_number(message.subject.substr(inbox_.size() + 1), number) || number < kFirstNumber ||
      number - kFirstNumber >= kReplyNumbers || !outstanding_[number - kFirstNumber]) {
    unexpected(message, "nothing waits for this acknowledgement");
  }
  uint64_t reply = number - kFirstNumber;
  outstanding_[reply] = false;
  // The newest message with that reply: the window is far smaller than the numbers are many.
  uint64_t last = sent_ - 1;
  uint64_t index = last - (last % kReplyNumbers + kReplyNumbers - reply) % kReplyNumbers;
  auto stream = static_cast<uint32_t>(index % plan_.streams);
  uint64_t expected = index / plan_.streams + 1;
  if (uint64_t sequence = sequence_in(message, stream_fields_[stream]); sequence != expected) {
    unexpected(message, fmt::format("message {} must have sequence {}", index, expected));
  }
  ++acked_;
}

}  // namespace natrix::bench
