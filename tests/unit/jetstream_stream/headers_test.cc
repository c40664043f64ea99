#include "broker/jetstream/stream/headers.h"

#include <gtest/gtest.h>

namespace natrix::jetstream::stream {
namespace {

constexpr std::string_view kBlock = "NATS/1.0\r\nA: one\r\nB:two\r\nA: three\r\nC:  \r\n\r\n";

TEST(Headers, Finds) {
  EXPECT_EQ(find_header(kBlock, "A"), "one");
  EXPECT_EQ(find_header(kBlock, "B"), "two");
  EXPECT_EQ(find_header(kBlock, "C"), "");
  EXPECT_FALSE(find_header(kBlock, "a"));
  EXPECT_FALSE(find_header("", "A"));
  EXPECT_FALSE(find_header("NATS/1.0", "A"));
  EXPECT_FALSE(find_header("NATS/1.0\r\nbroken", "broken"));
}

TEST(Headers, AddsAndRemoves) {
  std::string block;
  add_header(block, "A", "1");
  EXPECT_EQ(block, "NATS/1.0\r\nA: 1\r\n\r\n");
  add_header(block, "B", "2");
  EXPECT_EQ(block, "NATS/1.0\r\nA: 1\r\nB: 2\r\n\r\n");
  EXPECT_EQ(without_header(block, "A"), "NATS/1.0\r\nB: 2\r\n\r\n");
  EXPECT_EQ(without_header("NATS/1.0\r\nA: 1\r\n\r\n", "A"), "");
}

TEST(Headers, OfAPublishedMessage) {
  PublishHeaders headers = parse_publish_headers(
      "NATS/1.0\r\nNats-Msg-Id: x\r\nNats-Expected-Last-Sequence: 5\r\n"
      "Nats-Expected-Last-Subject-Sequence: zz\r\nNats-Rollup: sub\r\nNats-TTL: 5s\r\n\r\n");
  EXPECT_EQ(headers.msg_id, "x");
  EXPECT_EQ(headers.expected_last_seq, 5u);
  EXPECT_EQ(headers.expected_last_subject_seq, UINT64_MAX);
  EXPECT_EQ(headers.rollup, Rollup::kSubject);
  EXPECT_EQ(headers.ttl, "5s");
  EXPECT_EQ(parse_publish_headers("NATS/1.0\r\nNats-Rollup: x\r\n\r\n").rollup, Rollup::kInvalid);
}

TEST(Headers, TimeToLive) {
  EXPECT_EQ(*parse_ttl("5s"), 5);
  EXPECT_EQ(*parse_ttl("1m"), 60);
  EXPECT_EQ(*parse_ttl("7"), 7);
  EXPECT_EQ(*parse_ttl("Never"), kNeverExpires);
  EXPECT_EQ(*parse_ttl("0"), 0);
  for (const char* bad : {"", "500ms", "-1", "x", "5 s"}) EXPECT_FALSE(parse_ttl(bad)) << bad;
}

}  // namespace
}  // namespace natrix::jetstream::stream
