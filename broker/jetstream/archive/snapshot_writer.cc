#include "broker/jetstream/archive/snapshot_writer.h"

#include <fmt/format.h>

#include "broker/base/assert.h"
#include "broker/crypto/highway_hash.h"
#include "broker/crypto/sha256.h"
#include "broker/jetstream/archive/bytes.h"
#include "broker/jetstream/archive/consumer_file.h"
#include "broker/jetstream/archive/entry.h"
#include "broker/jetstream/archive/json_text.h"
#include "broker/jetstream/archive/tar.h"

namespace natrix::jetstream::archive {

namespace {

constexpr size_t kMessageBlockBytes = size_t{1} << 20;
// nats-server notes every deleted sequence within a block one by one; wider gaps go between blocks.
constexpr uint64_t kMaxGapInBlock = 10'000;
constexpr int64_t kSecond = 1'000'000'000;

}  // namespace

void SnapshotWriter::begin(const StreamInfo& info, const StreamState& state, int64_t now,
                           std::string& out) {
  stream_ = info.name;
  state_ = state;
  now_ = now;
  if (form_ == SnapshotForm::kNative) {
    frames_.write(kNativeMagic, out);
    entry("state.json", now_, 0, {}, stream_state_text(state), out);
  } else {
    file_with_sum("", stream_, info.config, out);
    codec_.emplace(stream_, block_);
  }
}

void SnapshotWriter::add(const Consumer& consumer, std::string& out) {
  NATRIX_ASSERT(last_seq_ == 0, "consumers come before messages");
  ++consumers_;
  if (form_ == SnapshotForm::kNative) {
    entry("consumers/" + consumer.name, now_, 0, {}, consumer_text(consumer), out);
    return;
  }
  std::string folder = fmt::format("obs/{}/", consumer.name);
  file_with_sum(folder, stream_ + "/" + consumer.name, consumer.config, out);
  file(folder + "o.dat", encode_consumer_file(consumer.state), out);
}

void SnapshotWriter::add(const Message& message, std::string& out) {
  NATRIX_ASSERT(message.seq > last_seq_, "messages ascend");
  if (form_ == SnapshotForm::kNative) {
    entry(message.subject, message.time, message.seq, message.headers, message.payload, out);
  } else {
    if (message.seq - last_seq_ > kMaxGapInBlock) flush_block(out);
    record({Record::Kind::kMessage, message.seq, message.time, message.subject, message.headers,
            message.payload},
           out);
  }
  last_seq_ = message.seq;
}

void SnapshotWriter::finish(std::string& out) {
  if (form_ == SnapshotForm::kNative) {
    NATRIX_ASSERT(consumers_ == state_.consumers, "as many consumers as the state says");
    entry("", 0, 0, {}, {}, out);
  } else {
    flush_block(out);
    if (state_.last_seq > last_seq_) {
      record({Record::Kind::kErased,
              state_.last_seq,
              state_.last_time != 0 ? state_.last_time : now_,
              {},
              {},
              {}},
             out);
      flush_block(out);
    }
    std::string end;
    append_tar_end(end);
    frames_.write(end, out);
  }
  frames_.finish(out);
}

void SnapshotWriter::entry(std::string_view name, int64_t time, uint64_t seq,
                           std::string_view headers, std::string_view payload, std::string& out) {
  std::string head;
  append_entry({name, time, seq, headers.size(), payload.size()}, head);
  for (std::string_view part : {std::string_view(head), headers, payload}) frames_.write(part, out);
}

void SnapshotWriter::file(std::string_view name, std::string_view content, std::string& out) {
  std::string head;
  append_tar_head(name, content.size(), now_ / kSecond, head);
  frames_.write(head, out);
  frames_.write(content, out);
  frames_.write(std::string(tar_padding(content.size()), '\0'), out);
}

void SnapshotWriter::file_with_sum(const std::string& folder, std::string_view key,
                                   std::string_view content, std::string& out) {
  HighwayHash hash(sha256(key));
  hash.update(content);
  std::string sum;
  put(sum, hash.sum());
  std::string text;
  for (char c : sum) text += fmt::format("{:02x}", static_cast<uint8_t>(c));
  file(folder + "meta.inf", content, out);
  file(folder + "meta.sum", text, out);
}

void SnapshotWriter::record(const Record& record, std::string& out) {
  codec_->append(record, records_);
  if (records_.size() >= kMessageBlockBytes) flush_block(out);
}

void SnapshotWriter::flush_block(std::string& out) {
  if (records_.empty()) return;
  file(fmt::format("msgs/{}.blk", block_), records_, out);
  records_.clear();
  codec_.emplace(stream_, ++block_);
}

}  // namespace natrix::jetstream::archive
