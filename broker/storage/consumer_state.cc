#include "broker/storage/consumer_state.h"

#include <algorithm>

#include "broker/storage/varint.h"

namespace natrix::storage {

namespace {

constexpr uint64_t kEncodingVersion = 1;

bool before(const PendingAck& entry, Seq seq) {
  return entry.stream_seq < seq;
}

// The entry with the sequence, or where it belongs. Mostly every message of the stream is pending
// and acknowledged in order, so first it is looked for where it is then, and at the end.
std::deque<PendingAck>::iterator place_of(std::deque<PendingAck>& pending, Seq stream_seq) {
  if (pending.empty() || pending.back().stream_seq < stream_seq) return pending.end();
  Seq first = pending.front().stream_seq;
  if (stream_seq >= first && stream_seq - first < pending.size()) {
    auto guess = pending.begin() + static_cast<ptrdiff_t>(stream_seq - first);
    if (guess->stream_seq == stream_seq) return guess;
  }
  return std::lower_bound(pending.begin(), pending.end(), stream_seq, before);
}

}  // namespace

std::deque<PendingAck>::iterator ConsumerState::locate(Seq stream_seq) {
  auto place = place_of(pending_, stream_seq);
  if (place == pending_.end() || place->stream_seq != stream_seq || place->deliveries == 0) {
    return pending_.end();
  }
  return place;
}

std::deque<PendingAck>::const_iterator ConsumerState::locate(Seq stream_seq) const {
  return const_cast<ConsumerState*>(this)->locate(stream_seq);
}

const PendingAck* ConsumerState::pending(Seq stream_seq) const {
  auto place = locate(stream_seq);
  return place == pending_.end() ? nullptr : &*place;
}

size_t ConsumerState::redelivered_count() const {
  return static_cast<size_t>(
      std::count_if(pending_.begin(), pending_.end(),
                    [](const PendingAck& entry) { return entry.deliveries > 1; }));
}

void ConsumerState::deliver(SequencePair at, uint32_t deliveries, Nanos time, bool ack_needed) {
  delivered_.consumer = std::max(delivered_.consumer, at.consumer);
  delivered_.stream = std::max(delivered_.stream, at.stream);
  if (!ack_needed) {
    if (live_ == 0) ack_floor_ = delivered_;
    return;
  }
  auto place = place_of(pending_, at.stream);
  bool listed = place != pending_.end() && place->stream_seq == at.stream;
  if (listed && place->deliveries != 0) {
    place->time = time;
    place->deliveries = std::max(deliveries, 1u);
    return;
  }
  PendingAck entry{at.stream, at.consumer, time, std::max(deliveries, 1u)};
  if (listed) {
    *place = entry;
  } else {
    pending_.insert(place, entry);
  }
  ++live_;
}

bool ConsumerState::acknowledge(Seq stream_seq) {
  auto place = locate(stream_seq);
  if (place == pending_.end()) return false;
  place->deliveries = 0;
  --live_;
  forget_acknowledged();
  return true;
}

size_t ConsumerState::acknowledge_through(Seq stream_seq) {
  size_t count = 0;
  for (PendingAck& entry : pending_) {
    if (entry.stream_seq > stream_seq) break;
    count += entry.deliveries != 0;
    entry.deliveries = 0;
  }
  live_ -= count;
  forget_acknowledged();
  return count;
}

// Keeps the floor just below the first that waits.
void ConsumerState::forget_acknowledged() {
  while (!pending_.empty() && pending_.front().deliveries == 0) pending_.pop_front();
  if (pending_.size() > 2 * live_ + 64) {
    std::erase_if(pending_, [](const PendingAck& entry) { return entry.deliveries == 0; });
  }
  if (pending_.empty()) {
    ack_floor_ = delivered_;
  } else {
    const PendingAck& first = pending_.front();
    ack_floor_.consumer = std::max(ack_floor_.consumer, first.consumer_seq - 1);
    ack_floor_.stream = std::max(ack_floor_.stream, first.stream_seq - 1);
  }
}

void ConsumerState::reset(SequencePair floor) {
  delivered_ = floor;
  ack_floor_ = floor;
  pending_.clear();
  live_ = 0;
}

bool ConsumerState::touch(Seq stream_seq, Nanos time) {
  auto place = locate(stream_seq);
  if (place == pending_.end()) return false;
  place->time = time;
  return true;
}

void ConsumerState::encode(std::string& out) const {
  put_varint(out, kEncodingVersion);
  put_varint(out, delivered_.consumer);
  put_varint(out, delivered_.stream);
  put_varint(out, ack_floor_.consumer);
  put_varint(out, ack_floor_.stream);
  put_varint(out, live_);
  PendingAck last;
  for (const PendingAck& entry : pending_) {
    if (entry.deliveries == 0) continue;
    put_varint(out, entry.stream_seq - last.stream_seq);
    put_varint(out, zigzag(static_cast<int64_t>(entry.consumer_seq - last.consumer_seq)));
    put_varint(out, zigzag(entry.time - last.time));
    put_varint(out, entry.deliveries);
    last = entry;
  }
}

bool ConsumerState::decode(std::string_view in) {
  ConsumerState read;
  uint64_t version = 0, count = 0;
  if (!take_varint(in, version) || version != kEncodingVersion ||
      !take_varint(in, read.delivered_.consumer) || !take_varint(in, read.delivered_.stream) ||
      !take_varint(in, read.ack_floor_.consumer) || !take_varint(in, read.ack_floor_.stream) ||
      !take_varint(in, count) || count > in.size()) {
    return false;
  }
  PendingAck entry;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t seq = 0, consumer = 0, time = 0, deliveries = 0;
    if (!take_varint(in, seq) || !take_varint(in, consumer) || !take_varint(in, time) ||
        !take_varint(in, deliveries) || seq == 0 || deliveries == 0 || deliveries > UINT32_MAX) {
      return false;
    }
    if (entry.stream_seq + seq < seq) return false;
    entry.stream_seq += seq;
    entry.consumer_seq += static_cast<uint64_t>(unzigzag(consumer));
    entry.time = static_cast<Nanos>(static_cast<uint64_t>(entry.time) +
                                    static_cast<uint64_t>(unzigzag(time)));
    entry.deliveries = static_cast<uint32_t>(deliveries);
    read.pending_.push_back(entry);
  }
  if (!in.empty()) return false;
  read.live_ = read.pending_.size();
  *this = std::move(read);
  return true;
}

bool ConsumerState::operator==(const ConsumerState& other) const {
  if (delivered_ != other.delivered_ || ack_floor_ != other.ack_floor_ || live_ != other.live_) {
    return false;
  }
  std::vector<PendingAck> mine, theirs;
  each_pending([&](const PendingAck& entry) { return mine.push_back(entry), true; });
  other.each_pending([&](const PendingAck& entry) { return theirs.push_back(entry), true; });
  return mine == theirs;
}

}  // namespace natrix::storage
