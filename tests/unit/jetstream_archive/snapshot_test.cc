// Whole backups: what the writer makes is read back in both forms, in pieces of any size; cut and
// damaged ones are refused; limits hold.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "broker/jetstream/archive/snapshot_reader.h"
#include "broker/jetstream/archive/snapshot_writer.h"
#include "broker/jetstream/archive/tar.h"
#include "tests/unit/jetstream_archive/server_backup.h"

namespace natrix::jetstream::archive {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kNow = 1'800'000'000'000'000'000;

struct Seen {
  std::string text;  // all events, one a line
  std::string error;
  bool complete = false;
};

std::string line(const Event& event) {
  if (auto* info = std::get_if<StreamInfo>(&event)) {
    return fmt::format("stream {} {}\n", info->name, info->config);
  }
  if (auto* state = std::get_if<StreamState>(&event)) {
    return fmt::format("state {} {} {} {}\n", state->messages, state->first_seq, state->last_seq,
                       state->consumers);
  }
  if (auto* consumer = std::get_if<Consumer>(&event)) {
    return fmt::format("consumer {} {} {} {} {}\n", consumer->name, consumer->config,
                       consumer->state.delivered.stream, consumer->state.pending.size(),
                       consumer->state.redelivered.size());
  }
  if (auto* m = std::get_if<Message>(&event)) {
    return fmt::format("message {} {} {} {} {}\n", m->seq, m->time, m->subject, m->headers.size(),
                       m->payload);
  }
  if (auto* removed = std::get_if<Removed>(&event)) {
    return fmt::format("removed {} {}\n", removed->first, removed->last);
  }
  return "end\n";
}

Seen read(std::string_view bytes, size_t piece, ReaderLimits limits) {
  SnapshotReader reader(limits);
  Seen seen;
  while (true) {
    auto event = reader.next();
    if (!event) {
      seen.error = event.error().message;
      EXPECT_FALSE(reader.next().ok()) << "an error is final";
      return seen;
    }
    if (*event) {
      seen.text += line(**event);
    } else if (bytes.empty()) {
      seen.complete = reader.complete();
      return seen;
    } else {
      reader.append(bytes.substr(0, piece));
      bytes.remove_prefix(std::min(piece, bytes.size()));
    }
  }
}
Seen read(std::string_view bytes, size_t piece = SIZE_MAX) {
  return read(bytes, piece, {uint64_t{1} << 30});
}

Consumer consumer() {
  Consumer c{"worker", R"({"durable_name":"worker","ack_policy":"explicit"})", {}};
  c.state.delivered = {3, 4};
  c.state.ack_floor = {1, 1};
  c.state.pending = {{2, 2, kNow}, {4, 3, kNow}};
  c.state.redelivered = {{2, 1}};
  return c;
}

std::string backup(SnapshotForm form, size_t messages = 3) {
  SnapshotWriter writer(form);
  std::string out;
  StreamState state{messages, 100, 2, 2 * messages + 50, 5, kNow, 1};
  writer.begin({"S", R"({"name":"S","subjects":["s.>"]})"}, state, kNow, out);
  writer.add(consumer(), out);
  for (size_t i = 1; i <= messages; ++i) {
    std::string headers = i % 2 == 0 ? "NATS/1.0\r\nA: b\r\n\r\n" : "";
    std::string payload = messages < 10 ? fmt::format("p{}", i) : std::string(1000, 'x');
    writer.add({2 * i, static_cast<int64_t>(i), "s.a", headers, payload}, out);
  }
  writer.finish(out);
  return out;
}

TEST(SnapshotTest, NativeFormComesBack) {
  std::string bytes = backup(SnapshotForm::kNative);
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    Seen seen = read(bytes, piece);
    ASSERT_EQ(seen.error, "");
    ASSERT_EQ(seen.text,
              "state 3 2 56 1\n"
              "consumer worker {\"ack_policy\":\"explicit\",\"durable_name\":\"worker\"} 4 2 1\n"
              "message 2 1 s.a 0 p1\n"
              "message 4 2 s.a 18 p2\n"
              "message 6 3 s.a 0 p3\n"
              "end\n");
    ASSERT_TRUE(seen.complete);
  }
}

TEST(SnapshotTest, TarFormComesBack) {
  std::string bytes = backup(SnapshotForm::kTar);
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    Seen seen = read(bytes, piece);
    ASSERT_EQ(seen.error, "");
    ASSERT_EQ(seen.text,
              "stream S {\"name\":\"S\",\"subjects\":[\"s.>\"]}\n"
              "consumer worker {\"durable_name\":\"worker\",\"ack_policy\":\"explicit\"} 4 2 1\n"
              "message 2 1 s.a 0 p1\n"
              "message 4 2 s.a 18 p2\n"
              "message 6 3 s.a 0 p3\n"
              "state 0 0 56 0\n"
              "end\n");
    ASSERT_TRUE(seen.complete);
  }
}

TEST(SnapshotTest, ManyMessagesFillManyBlocks) {
  for (SnapshotForm form : {SnapshotForm::kNative, SnapshotForm::kTar}) {
    Seen seen = read(backup(form, 5000), 10'000);
    EXPECT_EQ(seen.error, "");
    EXPECT_TRUE(seen.complete);
    EXPECT_THAT(seen.text, HasSubstr("message 10000 5000"));
  }
}

TEST(SnapshotTest, WhatIsCutIsNotComplete) {
  for (SnapshotForm form : {SnapshotForm::kNative, SnapshotForm::kTar}) {
    std::string bytes = backup(form);
    for (size_t size = 0; size < bytes.size(); ++size) {
      ASSERT_FALSE(read(bytes.substr(0, size)).complete) << size;
    }
  }
}

TEST(SnapshotTest, LimitsHold) {
  for (SnapshotForm form : {SnapshotForm::kNative, SnapshotForm::kTar}) {
    std::string bytes = backup(form, 100);
    EXPECT_THAT(read(bytes, SIZE_MAX, {50'000}).error, HasSubstr("unpacks to more"));
    EXPECT_THAT(read(bytes, SIZE_MAX, {1 << 30, 1 << 20, 20}).error, HasSubstr("larger"));
  }
  EXPECT_THAT(read(backup(SnapshotForm::kNative, 100), SIZE_MAX, {1 << 30, 999}).error,
              HasSubstr("larger"));
}

// A tar archive of these files, compressed.
std::string tar_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string tar;
  for (auto& [name, content] : files) {
    append_tar_head(name, content.size(), 0, tar);
    tar.append(content).append(tar_padding(content.size()), '\0');
  }
  append_tar_end(tar);
  s2::FrameWriter frames;
  std::string out;
  frames.write(tar, out);
  frames.finish(out);
  return out;
}

// Every event matters here: what is left is what the server had, nine messages from 20 on, without
// those that limits had removed in between, and 32 as the last sequence.
TEST(TarFormTest, ReadsABackupOfNatsServer) {
  std::string bytes;
  for (size_t i = 0; i + 1 < testing::kServer214.size(); i += 2) {
    bytes.push_back(
        static_cast<char>(std::stoi(std::string(testing::kServer214.substr(i, 2)), nullptr, 16)));
  }
  for (size_t piece : {size_t{1}, size_t{100}, bytes.size()}) {
    SnapshotReader reader({1 << 20});
    std::map<uint64_t, std::string> left;
    uint64_t last = 0;
    std::string_view rest = bytes;
    while (!reader.complete()) {
      auto event = reader.next();
      ASSERT_TRUE(event.ok()) << event.error().message;
      if (!*event) {
        ASSERT_FALSE(rest.empty());
        reader.append(rest.substr(0, piece));
        rest.remove_prefix(std::min(piece, rest.size()));
      } else if (auto* m = std::get_if<Message>(&**event)) {
        left[m->seq] = m->subject;
      } else if (auto* removed = std::get_if<Removed>(&**event)) {
        left.erase(left.lower_bound(removed->first), left.upper_bound(removed->last));
      } else if (auto* state = std::get_if<StreamState>(&**event)) {
        last = state->last_seq;
        EXPECT_EQ(state->first_seq, left.begin()->first);
      }
    }
    EXPECT_EQ(last, 32U);
    EXPECT_EQ(left.size(), 9U);
    EXPECT_EQ(left.begin()->first, 20U);
    EXPECT_FALSE(left.contains(32));
  }
}

// The configuration of the stream "S" and its checksum, taken from a backup of our own.
std::vector<std::pair<std::string, std::string>> good_start() {
  s2::FrameReader frames({1 << 20});
  frames.append(backup(SnapshotForm::kTar));
  std::string tar;
  for (auto block = frames.next(); block.ok() && *block; block = frames.next()) tar += **block;
  return {{"meta.inf", tar.substr(512, 31)}, {"meta.sum", tar.substr(512 * 3, 16)}};
}

std::string records(std::initializer_list<Record> list) {
  RecordCodec codec("S", 1);
  std::string bytes;
  for (auto& record : list) codec.append(record, bytes);
  return bytes;
}

TEST(TarFormTest, DeletedMessagesAreNamed) {
  auto files = good_start();
  files.emplace_back("msgs/1.blk", records({{Record::Kind::kMessage, 1, 1, "a", "", "1"},
                                            {Record::Kind::kErased, 2, 1, "", "", "erased"},
                                            {Record::Kind::kMessage, 3, 1, "a", "", "3"},
                                            {Record::Kind::kTombstone, 1, 2, "", "", ""},
                                            {Record::Kind::kMessage, 3, 1, "a", "", "again"},
                                            {Record::Kind::kMessage, 4, 1, "a", "", "4"},
                                            {Record::Kind::kErased, 9, 1, "", "", ""}}));
  Seen seen = read(tar_of(files));
  EXPECT_EQ(seen.error, "");
  EXPECT_THAT(seen.text, HasSubstr("message 1 1 a 0 1\nmessage 3 1 a 0 3\nremoved 1 1\n"
                                   "message 4 1 a 0 4\nstate 0 0 9 0\nend\n"));
}

TEST(TarFormTest, RefusesWhatDoesNotFit) {
  auto start = good_start();
  auto with = [&](std::string name, std::string content) {
    auto files = start;
    files.emplace_back(std::move(name), std::move(content));
    return read(tar_of(files)).error;
  };
  ASSERT_EQ(with("msgs/unknown", "x"), "");
  ASSERT_EQ(with("unknown", "x"), "");
  EXPECT_THAT(read(tar_of({})).error, HasSubstr("without a configuration"));
  EXPECT_THAT(read(tar_of({{"meta.inf", "{}"}})).error, HasSubstr("no name"));
  EXPECT_THAT(read(tar_of({start[0], {"meta.sum", "0000000000000000"}})).error,
              HasSubstr("wrong checksum"));
  EXPECT_THAT(read(tar_of({{"msgs/1.blk", ""}})).error, HasSubstr("in front of"));
  EXPECT_THAT(with("meta.inf", "{}"), HasSubstr("two configurations"));
  EXPECT_THAT(with("msgs/1.idx", "x"), HasSubstr("2.9 or older"));
  EXPECT_THAT(with("errors.txt", "disk\nfull"), HasSubstr("not completed: \"disk\\nfull\""));
  EXPECT_THAT(with("obs/c/o.dat", "x"), HasSubstr("without configuration"));
  std::string block = records({{Record::Kind::kMessage, 1, 1, "a", "", "1"}});
  EXPECT_THAT(with("msgs/2.blk", block), HasSubstr("msgs/2.blk: message record with a wrong"));
  block.pop_back();
  EXPECT_THAT(with("msgs/1.blk", block), HasSubstr("cut short"));
  EXPECT_THAT(with("msgs/1.blk", records({{Record::Kind::kMessage, 1, 1, "", "", "1"}})),
              HasSubstr("without subject"));
}

}  // namespace
}  // namespace natrix::jetstream::archive
