// The benchmark's figures are worth something only if its receivers notice every wrong byte.
#include "bench/loadgen/frames.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace natrix::bench {
namespace {

std::string published(const SubjectPattern& pattern, size_t payload_bytes, uint32_t index) {
  std::string out;
  PublishFrame(pattern, payload_bytes).append(out, 3, 41, 1, [index] { return index; });
  return out;
}

// What a server makes of the published frame for the subscription with the subject's own sid.
std::string delivered(const SubjectPattern& pattern, size_t payload_bytes, uint32_t index) {
  std::string frame = published(pattern, payload_bytes, index);
  std::string payload = frame.substr(frame.find("\r\n"));
  return "MSG " + pattern.subject(index) + " " + pattern.sid(index) + " " +
         std::to_string(payload_bytes) + payload;
}

TEST(Frames, PublishIsTheWireForm) {
  std::string frame = published({"bench.topic", false}, 16, 0);
  EXPECT_EQ(frame.substr(0, 20), "PUB bench.topic 16\r\n");
  EXPECT_EQ(load_tag(frame.data() + 20), make_tag(3, 41));
  EXPECT_EQ(frame.substr(28), "xxxxxxxx\r\n");
}

TEST(Frames, NumberedSubjectsReplaceTheirDigits) {
  std::string frame = published({"bench.topic", true}, 8, 45678);
  EXPECT_EQ(frame.substr(0, 27), "PUB bench.topic.1045678 8\r\n");
}

TEST(Frames, RepliesAreNumberedBySequenceAndStartAnew) {
  PublishFrame frame({"bench.topic", false}, 8, "_INBOX.X");
  std::string out;
  frame.append(out, 0, kReplyNumbers - 1, 2, [] { return 0U; });
  EXPECT_EQ(out.size(), 2 * frame.size());
  EXPECT_EQ(out.substr(0, 32), "PUB bench.topic _INBOX.X.1999999");
  EXPECT_EQ(out.substr(frame.size(), 36), "PUB bench.topic _INBOX.X.1000000 8\r\n");
}

TEST(Frames, CheckAcceptsTheRightFrameAndReturnsItsTag) {
  for (bool numbered : {false, true}) {
    SubjectPattern pattern{"bench.topic", numbered};
    DeliverFrame expected(pattern, 16);
    std::string frame = delivered(pattern, 16, numbered ? 777 : 0);
    ASSERT_EQ(frame.size(), expected.size());
    EXPECT_EQ(expected.check(frame.data()), make_tag(3, 41));
  }
}

TEST(Frames, CheckRejectsAnyOtherByteOutsideTheTag) {
  for (bool numbered : {false, true}) {
    SubjectPattern pattern{"bench.topic", numbered};
    DeliverFrame expected(pattern, 16);
    std::string right = delivered(pattern, 16, 0);
    size_t tag_at = right.find("\r\n") + 2;
    for (size_t i = 0; i < right.size(); ++i) {
      std::string wrong = right;
      wrong[i] ^= 1;
      if (i >= tag_at && i < tag_at + kTagBytes) {
        EXPECT_NE(expected.check(wrong.data()), make_tag(3, 41)) << "byte " << i;
      } else {
        EXPECT_THROW((void)expected.check(wrong.data()), std::runtime_error) << "byte " << i;
      }
    }
  }
}

TEST(Frames, TagKeepsPublisherAndSequenceApart) {
  uint64_t tag = make_tag(7, 123456789012);
  EXPECT_EQ(tag_publisher(tag), 7u);
  EXPECT_EQ(tag_sequence(tag), 123456789012u);
}

}  // namespace
}  // namespace natrix::bench
