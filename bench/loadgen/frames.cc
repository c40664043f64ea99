#include "bench/loadgen/frames.h"

#include <fmt/format.h>

#include <cstring>
#include <stdexcept>

namespace natrix::bench {

std::string SubjectPattern::subject(uint32_t index) const {
  return numbered ? fmt::format("{}.{}", name, kFirstNumber + index) : name;
}

std::string SubjectPattern::sid(uint32_t index) const {
  return numbered ? fmt::format("{}", kFirstNumber + index) : "1";
}

uint64_t load_tag(const char* at) {
  uint64_t tag = 0;
  memcpy(&tag, at, sizeof(tag));
  return tag;
}

void store_tag(char* at, uint64_t tag) {
  memcpy(at, &tag, sizeof(tag));
}

void store_number(char* at, uint32_t number) {
  for (size_t digit = kNumberDigits; digit-- > 0; number /= 10) {
    at[digit] = static_cast<char>('0' + number % 10);
  }
}

PublishFrame::PublishFrame(const SubjectPattern& pattern, size_t payload_bytes,
                           const std::string& reply)
    : numbered_(pattern.numbered) {
  std::string head = fmt::format("PUB {} ", pattern.subject(0));
  number_at_ = head.size() - 1 - kNumberDigits;
  if (!reply.empty()) {
    head += fmt::format("{}.{} ", reply, kFirstNumber);
    reply_number_at_ = head.size() - 1 - kNumberDigits;
  }
  text_ = fmt::format("{}{}\r\n", head, payload_bytes);
  tag_at_ = text_.size();
  text_.append(payload_bytes, 'x');
  text_.append("\r\n");
}

DeliverFrame::DeliverFrame(const SubjectPattern& pattern, size_t payload_bytes)
    : numbered_(pattern.numbered) {
  std::string head = fmt::format("MSG {} ", pattern.subject(0));
  number_at_ = head.size() - 1 - kNumberDigits;
  sid_at_ = head.size();
  text_ = fmt::format("{}{} {}\r\n", head, pattern.sid(0), payload_bytes);
  tag_at_ = text_.size();
  text_.append(payload_bytes, 'x');
  text_.append("\r\n");
}

uint64_t DeliverFrame::check(const char* frame) const {
  const char* expected = text_.data();
  bool same = true;
  if (numbered_) {
    size_t after_sid = sid_at_ + kNumberDigits;
    same = memcmp(frame, expected, number_at_) == 0 && frame[sid_at_ - 1] == ' ' &&
           memcmp(frame + number_at_, frame + sid_at_, kNumberDigits) == 0 &&
           memcmp(frame + after_sid, expected + after_sid, tag_at_ - after_sid) == 0;
  } else {
    same = memcmp(frame, expected, tag_at_) == 0;
  }
  size_t after_tag = tag_at_ + kTagBytes;
  if (!same || memcmp(frame + after_tag, expected + after_tag, text_.size() - after_tag) != 0) {
    mismatch(frame);
  }
  return load_tag(frame + tag_at_);
}

void DeliverFrame::mismatch(const char* frame) const {
  throw std::runtime_error(fmt::format("received\n{}\nexpected the form\n{}",
                                       std::string_view(frame, text_.size()), text_));
}

}  // namespace natrix::bench
