// The single files of a backup: message records, consumer state, entries, tar heads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/jetstream/archive/consumer_file.h"
#include "broker/jetstream/archive/entry.h"
#include "broker/jetstream/archive/json_text.h"
#include "broker/jetstream/archive/message_record.h"
#include "broker/jetstream/archive/tar.h"

namespace natrix::jetstream::archive {
namespace {

using ::testing::HasSubstr;

ConsumerState busy_consumer() {
  ConsumerState state;
  state.ack_floor = {10, 100};
  state.delivered = {15, 120};
  state.pending = {{101, 11, 1'700'000'001'000'000'000},
                   {105, 14, 1'700'000'009'000'000'000},
                   {120, 15, 1'600'000'000'000'000'000}};
  state.redelivered = {{101, 2}, {105, 7}};
  return state;
}

TEST(MessageRecordTest, ReadsWhatItWrites) {
  RecordCodec codec("ORDERS", 3);
  Record message{Record::Kind::kMessage, 7, -5, "a.b", "NATS/1.0\r\nA: b\r\n\r\n", "payload"};
  Record plain{Record::Kind::kMessage, 8, 5, "a", "", ""};
  Record erased{Record::Kind::kErased, 9, 6, "", "", ""};
  Record tombstone{Record::Kind::kTombstone, 7, 6, "", "", ""};
  std::string bytes;
  size_t total = 0;
  for (auto* record : {&message, &plain, &erased, &tombstone}) {
    codec.append(*record, bytes);
    total += RecordCodec::size(*record);
  }
  EXPECT_EQ(bytes.size(), total);
  std::string_view rest = bytes;
  for (auto* expected : {&message, &plain, &erased, &tombstone}) {
    Record found;
    auto length = codec.parse(rest, kMaxRecordBytes, found);
    ASSERT_TRUE(length.ok()) << length.error().message;
    ASSERT_TRUE(*length);
    EXPECT_EQ(found.kind, expected->kind);
    EXPECT_EQ(found.seq, expected->seq);
    EXPECT_EQ(found.time, expected->time);
    EXPECT_EQ(found.subject, expected->subject);
    EXPECT_EQ(found.headers, expected->headers);
    EXPECT_EQ(found.payload, expected->payload);
    rest.remove_prefix(**length);
  }
  EXPECT_TRUE(rest.empty());
}

TEST(MessageRecordTest, EveryCutWaitsAndEveryFlippedBitIsFound) {
  RecordCodec codec("S", 1);
  std::string bytes;
  codec.append({Record::Kind::kMessage, 1, 2, "subject", "NATS/1.0\r\n\r\n", "body"}, bytes);
  Record found;
  for (size_t size = 0; size < bytes.size(); ++size) {
    auto length = codec.parse(std::string_view(bytes).substr(0, size), kMaxRecordBytes, found);
    ASSERT_TRUE(length.ok());
    ASSERT_FALSE(*length) << size;
  }
  for (size_t at = 0; at < bytes.size(); ++at) {
    if (at >= 22 + 7 && at < 22 + 7 + 4) continue;  // where headers end is not in the checksum
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    auto length = codec.parse(damaged, kMaxRecordBytes, found);
    ASSERT_FALSE(length.ok() && *length) << at;
  }
  EXPECT_FALSE(codec.parse(bytes, bytes.size() - 1, found).ok());
  EXPECT_FALSE(RecordCodec("S", 2).parse(bytes, kMaxRecordBytes, found).ok());
  EXPECT_FALSE(RecordCodec("T", 1).parse(bytes, kMaxRecordBytes, found).ok());
}

TEST(ConsumerFileTest, ReadsWhatItWrites) {
  for (auto& state : {ConsumerState(), busy_consumer()}) {
    auto read = decode_consumer_file(encode_consumer_file(state));
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(*read, state);
  }
}

TEST(ConsumerFileTest, ReadsVersionOne) {
  // floor (2, 3), delivered counted from it (4, 5), one pending: 1 above the floor, 100 + 7 s.
  std::string bytes{22, 1, 2, 3, 4, 5, 1, '\xc8', 1, 1, 14, 0};
  auto state = decode_consumer_file(bytes);
  ASSERT_TRUE(state.ok()) << state.error().message;
  EXPECT_EQ(state->delivered, (SequencePair{5, 7}));
  ASSERT_EQ(state->pending.size(), 1U);
  EXPECT_EQ(state->pending[0], (PendingMessage{4, 0, 107'000'000'000}));
}

TEST(ConsumerFileTest, RefusesOtherFiles) {
  std::string good = encode_consumer_file(busy_consumer());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_consumer_file(good.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_consumer_file("\x15\x02" + good.substr(2)).ok());
  EXPECT_FALSE(decode_consumer_file("\x16\x03" + good.substr(2)).ok());
  // More entries than there are bytes, and sequences that do not fit.
  EXPECT_FALSE(
      decode_consumer_file(std::string("\x16\x02\0\0\0\0\xff\xff\xff\xff\x0f\0", 12)).ok());
  EXPECT_FALSE(
      decode_consumer_file("\x16\x02\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x01").ok());
}

TEST(EntryTest, ReadsWhatItWrites) {
  std::string bytes;
  append_entry({"nested/x", -123, uint64_t{1} << 60, 4, 7}, bytes);
  for (size_t size = 0; size <= bytes.size(); ++size) {
    EntryHead head;
    auto length = parse_entry(std::string_view(bytes).substr(0, size), head);
    ASSERT_TRUE(length.ok());
    ASSERT_EQ(length->has_value(), size == bytes.size());
    if (!*length) continue;
    EXPECT_EQ(**length, bytes.size());
    EXPECT_EQ(head.name, "nested/x");
    EXPECT_EQ(head.time, -123);
    EXPECT_EQ(head.seq, uint64_t{1} << 60);
    EXPECT_EQ(head.header_size, 4U);
    EXPECT_EQ(head.payload_size, 7U);
  }
  EntryHead head;
  bytes.clear();
  append_entry({"x", 0, 0, uint64_t{1} << 62, uint64_t{1} << 62}, bytes);
  EXPECT_FALSE(parse_entry(bytes, head).ok());
  EXPECT_FALSE(parse_entry(std::string("\xff\xff\xff\xff\x0f\0\0\0\0", 9), head).ok());
  EXPECT_FALSE(parse_entry(std::string(11, '\xff'), head).ok());
}

TEST(TarTest, LongNamesHaveAnExtendedHeader) {
  std::string name = "obs/" + std::string(200, 'n') + "/meta.inf";
  std::string bytes;
  append_tar_head(name, 1234, 1'700'000'000, bytes);
  ASSERT_EQ(bytes.size(), 3 * kTarBlockBytes);
  auto first = parse_tar_head(std::string_view(bytes).substr(0, 512));
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(first->kind, TarHead::Kind::kExtended);
  auto extension = parse_tar_extension(std::string_view(bytes).substr(512, first->size));
  ASSERT_TRUE(extension.ok());
  EXPECT_EQ(extension->path, name);
  auto second = parse_tar_head(std::string_view(bytes).substr(1024));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->kind, TarHead::Kind::kFile);
  EXPECT_EQ(second->size, 1234U);
  EXPECT_EQ(parse_tar_extension("19 size=8589934592\n")->size, 8589934592U);
}

TEST(TarTest, RefusesWhatIsNoFile) {
  std::string block;
  append_tar_head("meta.inf", 5, 0, block);
  EXPECT_EQ(parse_tar_head(block)->name, "meta.inf");
  EXPECT_EQ(parse_tar_head(std::string(512, '\0'))->kind, TarHead::Kind::kEnd);
  std::string other = block;
  other[0] = 'M';
  EXPECT_THAT(parse_tar_head(other).error().message, HasSubstr("checksum"));
  EXPECT_FALSE(parse_tar_head(std::string(512, 'x')).ok());
  for (const char* content :
       {"x", "5 a=b", "6 a=b\n\n", "99 a=b\n", "6 aab\n", "9 size=x\n", " a=b\n"}) {
    EXPECT_FALSE(parse_tar_extension(content).ok()) << content;
  }
}

TEST(JsonTextTest, Consumers) {
  Consumer consumer{"C", R"({"ack_policy":"explicit"})", busy_consumer()};
  auto read = parse_consumer("C", consumer_text(consumer));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->config, consumer.config);
  EXPECT_EQ(read->state, consumer.state);
  for (const char* text : {"", "[]", "{}", R"({"config":{}})", R"({"config":{},"state":[]})",
                           R"({"config":{},"state":{"pending":{"x":{}}}})",
                           R"({"config":{},"state":{"pending":{"1":1}}})",
                           R"({"config":{},"state":{"redelivered":{"1":-1}}})"}) {
    EXPECT_FALSE(parse_consumer("C", text).ok()) << text;
  }
  EXPECT_EQ(with_members(R"("a":1)", R"({"b":2})"), R"({"a":1,"b":2})");
  EXPECT_EQ(with_members(R"("a":1)", "{ }"), R"({"a":1 })");
}

}  // namespace
}  // namespace natrix::jetstream::archive
