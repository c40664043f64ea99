#include "broker/storage/file_consumer_store.h"

#include "broker/storage/file_stream_store.h"
#include "broker/storage/varint.h"

namespace natrix::storage {

namespace {

bool take_relative(std::string_view& in, uint64_t& previous) {
  uint64_t delta = 0;
  if (!take_varint(in, delta)) return false;
  previous += static_cast<uint64_t>(unzigzag(delta));
  return true;
}

}  // namespace

bool FileConsumerStore::begin_change(Change change) {
  if (changes_.size() > kChangesMax) stream_.flush_changes();
  if (changes_.empty()) {
    previous_ = {};
    stream_.consumer_changed(*this);
  }
  if (everything_) return false;
  changes_.push_back(static_cast<char>(change));
  return true;
}

void FileConsumerStore::put(uint64_t value, uint64_t& previous) {
  put_varint(changes_, zigzag(static_cast<int64_t>(value - previous)));
  previous = value;
}

void FileConsumerStore::deliver(SequencePair at, uint32_t deliveries, Nanos time, bool ack_needed) {
  state_.deliver(at, deliveries, time, ack_needed);
  if (!begin_change(ack_needed ? kDeliver : kDeliverNoAck)) return;
  put(at.stream, previous_.stream_seq);
  put(at.consumer, previous_.consumer_seq);
  put_varint(changes_, deliveries);
  put(static_cast<uint64_t>(time), previous_.time);
}

bool FileConsumerStore::acknowledge(Seq stream_seq) {
  if (!state_.acknowledge(stream_seq)) return false;
  if (!begin_change(kAcknowledge)) return true;
  put(stream_seq, previous_.stream_seq);
  return true;
}

size_t FileConsumerStore::acknowledge_through(Seq stream_seq) {
  size_t count = state_.acknowledge_through(stream_seq);
  if (count == 0) return 0;
  if (!begin_change(kAcknowledgeThrough)) return count;
  put(stream_seq, previous_.stream_seq);
  return count;
}

bool FileConsumerStore::touch(Seq stream_seq, Nanos time) {
  if (!state_.touch(stream_seq, time)) return false;
  if (!begin_change(kTouch)) return true;
  put(stream_seq, previous_.stream_seq);
  put(static_cast<uint64_t>(time), previous_.time);
  return true;
}

void FileConsumerStore::reset(SequencePair floor) {
  state_.reset(floor);
  if (!begin_change(kReset)) return;
  put(floor.stream, previous_.stream_seq);
  put(floor.consumer, previous_.consumer_seq);
}

StorageResult<Ticket> FileConsumerStore::install(std::string_view encoded_state) {
  if (!state_.decode(encoded_state)) {
    return storage_failure(StorageErrorKind::kInvalid, "malformed consumer state");
  }
  return log_everything();
}

StorageResult<Ticket> FileConsumerStore::set_config(std::string_view config) {
  config_ = config;
  return log_everything();
}

Ticket FileConsumerStore::flush() {
  return stream_.barrier();
}

void FileConsumerStore::hold() {
  changes_.clear();
  everything_ = true;
}

void FileConsumerStore::log_changes() {
  if (everything_) {
    log_everything();
    return;
  }
  if (changes_.empty()) return;
  std::string body;
  put_varint(body, id_);
  body.append(changes_);
  changes_.clear();
  stream_.log_consumer(RecordType::kConsumerChanges, body, Urgency::kLazy);
}

Ticket FileConsumerStore::log_everything() {
  changes_.clear();
  everything_ = false;
  word = stream_.word_segment();
  std::string body;
  describe(body);
  return stream_.log_consumer(RecordType::kConsumer, body, Urgency::kNow);
}

void FileConsumerStore::describe(std::string& body) const {
  put_varint(body, id_);
  put_text(body, name_);
  put_text(body, config_);
  state_.encode(body);
}

bool FileConsumerStore::read_id(std::string_view& body, uint32_t& id) {
  uint64_t wide = 0;
  if (!take_varint(body, wide) || wide == 0 || wide > UINT32_MAX) return false;
  id = static_cast<uint32_t>(wide);
  return true;
}

bool FileConsumerStore::replay_everything(std::string_view body) {
  std::string_view name, config;
  if (!take_text(body, name) || name != name_ || !take_text(body, config)) return false;
  if (!state_.decode(body)) return false;
  config_ = config;
  return true;
}

bool FileConsumerStore::replay_change(std::string_view& in, uint8_t change) {
  uint64_t deliveries = 0;
  if (!take_relative(in, previous_.stream_seq)) return false;
  Seq seq = previous_.stream_seq;
  switch (change) {
    case kDeliver:
    case kDeliverNoAck:
      if (!take_relative(in, previous_.consumer_seq) || !take_varint(in, deliveries) ||
          !take_relative(in, previous_.time)) {
        return false;
      }
      state_.deliver({previous_.consumer_seq, seq}, static_cast<uint32_t>(deliveries),
                     static_cast<Nanos>(previous_.time), change == kDeliver);
      return true;
    case kAcknowledge:
      state_.acknowledge(seq);
      return true;
    case kAcknowledgeThrough:
      state_.acknowledge_through(seq);
      return true;
    case kTouch:
      if (!take_relative(in, previous_.time)) return false;
      state_.touch(seq, static_cast<Nanos>(previous_.time));
      return true;
    case kReset:
      if (!take_relative(in, previous_.consumer_seq)) return false;
      state_.reset({previous_.consumer_seq, seq});
      return true;
    default:
      return false;
  }
}

bool FileConsumerStore::replay_changes(std::string_view body) {
  previous_ = {};
  while (!body.empty()) {
    auto change = static_cast<uint8_t>(body.front());
    body.remove_prefix(1);
    if (!replay_change(body, change)) return false;
  }
  return true;
}

}  // namespace natrix::storage
