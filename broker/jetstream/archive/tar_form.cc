#include "broker/jetstream/archive/tar_form.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "broker/base/printable.h"
#include "broker/crypto/highway_hash.h"
#include "broker/crypto/sha256.h"
#include "broker/jetstream/archive/consumer_file.h"
#include "broker/jetstream/archive/json_text.h"

namespace natrix::jetstream::archive {

namespace {

constexpr size_t kMaxExtensionBytes = 64 << 10;
constexpr size_t kMaxSumBytes = 64;
constexpr size_t kQuoted = 200;

// The checksum of a configuration as its file has it: hexadecimal, by bytes.
std::string sum_text(std::string_view key, std::string_view content) {
  HighwayHash hash(sha256(key));
  hash.update(content);
  std::string bytes;
  put(bytes, hash.sum());
  std::string text;
  for (char c : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return text;
}

std::optional<uint64_t> block_number(std::string_view file) {
  constexpr std::string_view kSuffix = ".blk";
  if (!file.ends_with(kSuffix)) return std::nullopt;
  file.remove_suffix(kSuffix.size());
  uint64_t number = 0;
  auto [end, error] = std::from_chars(file.data(), file.data() + file.size(), number);
  if (error != std::errc() || end != file.data() + file.size()) return std::nullopt;
  return number;
}

}  // namespace

Result<Form::Step> TarForm::step(ByteQueue& in, Event& event) {
  if (!ready_.empty()) {
    event = std::move(ready_.front());
    ready_.pop_front();
    return Step::kEvent;
  }
  if (walking_) {
    if (auto removed = index_->next_removed()) {
      event = *removed;
      return Step::kEvent;
    }
    walking_ = false;
  }
  if (file_ == File::kBlock && left_ > 0) return record(in, event);
  if (file_ == File::kSkipped && left_ > 0) {
    size_t here = static_cast<size_t>(std::min<uint64_t>(left_, in.size()));
    in.consume(here);
    left_ -= here;
    return left_ > 0 ? Step::kMore : Step::kAgain;
  }
  if (left_ > 0 || (file_ != File::kNone && file_ != File::kBlock && file_ != File::kSkipped)) {
    return collected(in);
  }
  file_ = File::kNone;
  if (padding_ > 0) {
    size_t here = std::min(padding_, in.size());
    in.consume(here);
    padding_ -= here;
    if (padding_ > 0) return Step::kMore;
  }
  return head(in);
}

Result<Form::Step> TarForm::head(ByteQueue& in) {
  if (in.size() < kTarBlockBytes) return Step::kMore;
  auto head = parse_tar_head(in.view().substr(0, kTarBlockBytes));
  if (!head) return fail(head.error().message);
  in.consume(kTarBlockBytes);
  if (head->kind == TarHead::Kind::kEnd) {
    if (!checked_) return fail("backup without a configuration");
    finish();
    return Step::kAgain;
  }
  uint64_t size = head->size;
  Result<void> opened;
  if (head->kind == TarHead::Kind::kExtended) {
    opened = collect(File::kExtension, size, kMaxExtensionBytes);
  } else if (head->kind == TarHead::Kind::kGlobalExtended) {
    file_ = File::kSkipped;
    left_ = size;
  } else {
    if (extension_.has_size) size = extension_.size;
    std::string name = extension_.path.empty() ? head->name : extension_.path;
    extension_ = {};
    opened = open(std::move(name), size);
  }
  if (!opened) return fail(opened.error().message);
  padding_ = tar_padding(size);
  return Step::kAgain;
}

Result<void> TarForm::open(std::string name, uint64_t size) {
  constexpr std::string_view kMessages = "msgs/";
  constexpr std::string_view kConsumers = "obs/";
  std::string_view path = name;
  if (!path.starts_with(kConsumers)) close_consumer();
  if (path == "meta.inf") return collect(File::kConfig, size, limits_.max_config_bytes);
  if (path == "meta.sum") return collect(File::kConfigSum, size, kMaxSumBytes);
  if (path == "errors.txt") return collect(File::kErrors, size, limits_.max_config_bytes);
  if (path.starts_with(kMessages)) return open_message_file(path.substr(kMessages.size()), size);
  if (path.starts_with(kConsumers)) return open_consumer_file(path.substr(kConsumers.size()), size);
  file_ = File::kSkipped;
  left_ = size;
  return {};
}

Result<void> TarForm::open_message_file(std::string_view name, uint64_t size) {
  if (!checked_) return fail("backup with messages in front of the configuration");
  file_ = File::kSkipped;
  left_ = size;
  if (auto number = block_number(name)) {
    file_ = File::kBlock;
    block_ = *number;
    codec_.emplace(name_, block_);
  } else if (name.ends_with(".idx")) {
    return fail("backup of nats-server 2.9 or older: what was deleted from it cannot be told");
  } else if (name == "index.db" && size <= limits_.max_index_bytes) {
    file_ = File::kIndex;
  }
  return {};
}

Result<void> TarForm::open_consumer_file(std::string_view path, uint64_t size) {
  if (!checked_) return fail("backup with consumers in front of the configuration");
  size_t slash = path.find('/');
  std::string_view name = path.substr(0, slash);
  std::string_view file = slash == std::string_view::npos ? "" : path.substr(slash + 1);
  if (consumer_ && consumer_->name != name) close_consumer();
  if (file == "meta.inf") {
    consumer_.emplace();
    consumer_->name = name;
    return collect(File::kConsumerConfig, size, limits_.max_config_bytes);
  }
  if (!consumer_) return fail("backup with a consumer without configuration");
  if (file == "meta.sum") return collect(File::kConsumerSum, size, kMaxSumBytes);
  if (file == "o.dat") return collect(File::kConsumerState, size, limits_.max_consumer_bytes);
  file_ = File::kSkipped;
  left_ = size;
  return {};
}

Result<void> TarForm::collect(File file, uint64_t size, size_t limit) {
  if (size > limit) return fail("file in the backup is larger than allowed");
  file_ = file;
  left_ = size;
  return {};
}

Result<Form::Step> TarForm::collected(ByteQueue& in) {
  if (in.size() < left_) return Step::kMore;
  auto used = use(in.view().substr(0, left_));
  if (!used) return fail(used.error().message);
  in.consume(left_);
  left_ = 0;
  file_ = File::kNone;
  return Step::kAgain;
}

Result<void> TarForm::use(std::string_view content) {
  switch (file_) {
    case File::kExtension: {
      auto extension = parse_tar_extension(content);
      if (!extension) return fail(extension.error().message);
      extension_ = *extension;
      return {};
    }
    case File::kErrors:
      return fail(fmt::format("backup was not completed: {}", printable(content, kQuoted)));
    case File::kConfig: {
      if (checked_) return fail("backup with two configurations");
      auto name = name_in(content);
      if (!name) return fail(name.error().message);
      name_ = *name;
      config_ = content;
      return {};
    }
    case File::kConfigSum:
      if (checked_) return fail("backup with two configurations");
      if (content != sum_text(name_, config_)) return fail("configuration with a wrong checksum");
      checked_ = true;
      ready_.emplace_back(StreamInfo{name_, std::move(config_)});
      return {};
    case File::kIndex:
      index_bytes_ = content;
      return use_index();
    case File::kConsumerConfig:
      consumer_->config = content;
      return {};
    case File::kConsumerSum:
      if (content != sum_text(name_ + "/" + consumer_->name, consumer_->config)) {
        return fail("consumer's configuration with a wrong checksum");
      }
      return {};
    case File::kConsumerState: {
      if (content.empty()) return {};
      auto state = decode_consumer_file(content);
      if (!state) return fail(state.error().message);
      consumer_->state = *std::move(state);
      close_consumer();
      return {};
    }
    default:
      return {};
  }
}

// A state file that is damaged or older than the last record is no error: the records say most of
// it.
Result<void> TarForm::use_index() {
  auto index = IndexFile::parse(index_bytes_, name_);
  if (!index || index->last_block() != block_ || index->last_checksum() != last_checksum_) {
    return {};
  }
  index_ = *std::move(index);
  walking_ = true;
  return {};
}

Result<Form::Step> TarForm::record(ByteQueue& in, Event& event) {
  Record record;
  std::string_view rest =
      in.view().substr(0, static_cast<size_t>(std::min<uint64_t>(left_, in.size())));
  size_t max_bytes =
      std::min(kMaxRecordBytes, kMinRecordBytes + 4 + UINT16_MAX + limits_.max_message_bytes);
  auto length = codec_->parse(rest, max_bytes, record);
  if (!length) return fail(fmt::format("msgs/{}.blk: {}", block_, length.error().message));
  if (!*length) {
    if (rest.size() == left_) return fail(fmt::format("msgs/{}.blk is cut short", block_));
    return Step::kMore;
  }
  left_ -= **length;
  in.consume(**length);
  last_checksum_ = record.checksum;
  last_seq_ = std::max(last_seq_, record.seq);
  if (record.kind == Record::Kind::kMessage && record.seq > 0 && record.subject.empty()) {
    return fail(fmt::format("msgs/{}.blk: message without subject", block_));
  }
  return record_event(record, event) ? Step::kEvent : Step::kAgain;
}

bool TarForm::record_event(const Record& record, Event& event) {
  if (record.kind == Record::Kind::kTombstone && record.seq > 0) {
    event = Removed{record.seq, record.seq};
    return true;
  }
  // The sequence only ever moves up; a record that does not was deleted before it was written anew.
  if (record.kind != Record::Kind::kMessage || record.seq <= last_given_) return false;
  last_given_ = record.seq;
  event = Message{record.seq, record.time, record.subject, record.headers, record.payload};
  return true;
}

void TarForm::close_consumer() {
  if (consumer_) ready_.emplace_back(*std::move(consumer_));
  consumer_.reset();
}

void TarForm::finish() {
  close_consumer();
  StreamState state;
  state.first_seq = index_ ? index_->first_seq() : 0;
  state.last_seq = std::max(last_seq_, index_ ? index_->last_seq() : 0);
  ready_.emplace_back(state);
  ready_.emplace_back(End{});
}

}  // namespace natrix::jetstream::archive
