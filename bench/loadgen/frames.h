// The frames of a measured stream: built once, so that publishing and checking a message costs the
// generator a few nanoseconds. Every message carries a tag (publisher and sequence number) in the
// first eight bytes of its payload, which is how loss, duplication and reordering are noticed.
// Pure values, immutable while threads use them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace natrix::bench {

inline constexpr size_t kTagBytes = 8;  // smallest payload
// Numbered subjects end in seven digits from here on; so do the sids that subscribe to them.
inline constexpr uint32_t kFirstNumber = 1'000'000;
inline constexpr size_t kNumberDigits = 7;

// "bench.x", or with `numbered` the subjects "bench.x.1000000", "bench.x.1000001", ...
struct SubjectPattern {
  std::string name;
  bool numbered = false;

  [[nodiscard]] std::string subject(uint32_t index) const;
  [[nodiscard]] std::string sid(uint32_t index) const;
};

inline uint64_t make_tag(uint32_t publisher, uint64_t sequence) {
  return (static_cast<uint64_t>(publisher) << 48) | sequence;
}
inline uint32_t tag_publisher(uint64_t tag) {
  return static_cast<uint32_t>(tag >> 48);
}
inline uint64_t tag_sequence(uint64_t tag) {
  return tag & ((uint64_t{1} << 48) - 1);
}
uint64_t load_tag(const char* at);
void store_tag(char* at, uint64_t tag);
void store_number(char* at, uint32_t number);

// Reply subjects end in a number as well, which starts anew after so many messages.
inline constexpr uint32_t kReplyNumbers = 1'000'000;

// "PUB <subject> [<reply>.<number> ]<size>\r\n<payload>\r\n" for every message of one publisher.
// With a reply the number is kFirstNumber + sequence % kReplyNumbers.
class PublishFrame {
 public:
  PublishFrame(const SubjectPattern& pattern, size_t payload_bytes, const std::string& reply = {});

  [[nodiscard]] size_t size() const { return text_.size(); }
  // Appends one frame per tag, `count` of them; `next_index` picks the subject of each.
  template <class NextIndex>
  void append(std::string& out, uint32_t publisher, uint64_t first_sequence, size_t count,
              NextIndex&& next_index) const {
    for (size_t i = 0; i < count; ++i) {
      size_t at = out.size();
      out.append(text_);
      if (numbered_) {
        store_number(out.data() + at + number_at_, kFirstNumber + next_index());
      }
      uint64_t sequence = first_sequence + i;
      if (reply_number_at_ != 0) {
        auto number = static_cast<uint32_t>(sequence % kReplyNumbers);
        store_number(out.data() + at + reply_number_at_, kFirstNumber + number);
      }
      store_tag(out.data() + at + tag_at_, make_tag(publisher, sequence));
    }
  }

 private:
  std::string text_;
  bool numbered_;
  size_t number_at_ = 0;
  size_t reply_number_at_ = 0;  // 0: no reply
  size_t tag_at_ = 0;
};

// "MSG <subject> <sid> <size>\r\n<payload>\r\n" as the subscriber must receive it.
class DeliverFrame {
 public:
  DeliverFrame(const SubjectPattern& pattern, size_t payload_bytes);

  [[nodiscard]] size_t size() const { return text_.size(); }
  // Compares every byte but the tag, which it returns. Throws std::runtime_error with the frame.
  [[nodiscard]] uint64_t check(const char* frame) const;

 private:
  [[noreturn]] void mismatch(const char* frame) const;

  std::string text_;
  bool numbered_;
  size_t number_at_ = 0;
  size_t sid_at_ = 0;
  size_t tag_at_ = 0;
};

}  // namespace natrix::bench
