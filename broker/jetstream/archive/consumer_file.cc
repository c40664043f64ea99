#include "broker/jetstream/archive/consumer_file.h"

#include <algorithm>

#include "broker/jetstream/archive/bytes.h"

namespace natrix::jetstream::archive {

namespace {

constexpr char kMagic = 22;
constexpr uint64_t kTooHigh = uint64_t{1} << 63;
constexpr int64_t kSecond = 1'000'000'000;

// Remembers a failure, so that it is asked for once.
struct Reader {
  std::string_view rest;
  bool good = true;

  uint64_t number() {
    uint64_t value = 0;
    good = good && take_uvarint(rest, value) == Taken::kYes;
    return good ? value : 0;
  }
  int64_t time() {
    int64_t value = 0;
    good = good && take_varint(rest, value) == Taken::kYes;
    return good ? value : 0;
  }
  // A number of entries, of which each takes at least `bytes`.
  size_t count(size_t bytes) {
    uint64_t value = number();
    good = good && value <= rest.size() / bytes;
    return good ? static_cast<size_t>(value) : 0;
  }
  // A number added to `floor`.
  uint64_t above(uint64_t floor) {
    uint64_t value = 0;
    good = !__builtin_add_overflow(number(), floor, &value) && good;
    return value;
  }
};

// Seconds to nanoseconds; what does not fit is as far away as can be.
int64_t to_nanos(int64_t seconds) {
  int64_t nanos = 0;
  if (__builtin_mul_overflow(seconds, kSecond, &nanos)) return seconds < 0 ? INT64_MIN : INT64_MAX;
  return nanos;
}

void read_pending(Reader& in, int version, ConsumerState& state) {
  size_t count = in.count(version == 1 ? 2 : 3);
  if (count == 0) return;
  int64_t base = in.time();
  state.pending.reserve(count);
  for (size_t i = 0; i < count && in.good; ++i) {
    PendingMessage entry;
    entry.stream_seq = in.above(state.ack_floor.stream);
    if (version == 2) entry.consumer_seq = in.above(state.ack_floor.consumer);
    int64_t distance = in.time();
    int64_t seconds = 0;
    bool overflow = version == 1 ? __builtin_add_overflow(base, distance, &seconds)
                                 : __builtin_sub_overflow(base, distance, &seconds);
    entry.time = to_nanos(seconds);
    in.good = in.good && !overflow && entry.stream_seq != 0;
    state.pending.push_back(entry);
  }
}

void read_redelivered(Reader& in, ConsumerState& state) {
  size_t count = in.count(2);
  state.redelivered.reserve(count);
  for (size_t i = 0; i < count && in.good; ++i) {
    Redelivery entry;
    entry.stream_seq = in.above(state.ack_floor.stream);
    entry.count = in.number();
    if (entry.count > 0 && entry.stream_seq > state.ack_floor.stream) {
      state.redelivered.push_back(entry);
    }
  }
}

template <class Entries>
bool sort_unique(Entries& entries) {
  auto seq = [](const auto& entry) { return entry.stream_seq; };
  std::ranges::sort(entries, {}, seq);
  return std::ranges::adjacent_find(entries, {}, seq) == entries.end();
}

}  // namespace

Result<ConsumerState> decode_consumer_file(std::string_view bytes) {
  if (bytes.size() < 2 || bytes[0] != kMagic) return fail("not a consumer state file");
  int version = bytes[1];
  if (version != 1 && version != 2) return fail("consumer state file of an unknown version");
  Reader in{bytes.substr(2)};
  ConsumerState state;
  state.ack_floor = {in.number(), in.number()};
  state.delivered = {in.number(), in.number()};
  if (version == 1) {  // it counted from the floor
    if (state.ack_floor.consumer > 1) state.delivered.consumer += state.ack_floor.consumer - 1;
    if (state.ack_floor.stream > 1) state.delivered.stream += state.ack_floor.stream - 1;
  }
  if (((state.ack_floor.stream | state.delivered.stream) & kTooHigh) != 0) {
    return fail("consumer state file with impossible sequences");
  }
  read_pending(in, version, state);
  read_redelivered(in, state);
  if (!in.good || !sort_unique(state.pending) || !sort_unique(state.redelivered)) {
    return fail("consumer state file is cut short or malformed");
  }
  return state;
}

std::string encode_consumer_file(const ConsumerState& state) {
  std::string out{kMagic, 2};
  put_uvarint(out, state.ack_floor.consumer);
  put_uvarint(out, state.ack_floor.stream);
  put_uvarint(out, state.delivered.consumer);
  put_uvarint(out, state.delivered.stream);
  put_uvarint(out, state.pending.size());
  if (!state.pending.empty()) {
    // Times count backwards from the latest.
    auto latest = std::ranges::max_element(state.pending, {}, &PendingMessage::time);
    int64_t base = latest->time / kSecond;
    put_varint(out, base);
    for (const PendingMessage& entry : state.pending) {
      put_uvarint(out, entry.stream_seq - state.ack_floor.stream);
      put_uvarint(out, entry.consumer_seq - state.ack_floor.consumer);
      put_varint(out, base - entry.time / kSecond);
    }
  }
  put_uvarint(out, state.redelivered.size());
  for (const Redelivery& entry : state.redelivered) {
    put_uvarint(out, entry.stream_seq - state.ack_floor.stream);
    put_uvarint(out, entry.count);
  }
  return out;
}

}  // namespace natrix::jetstream::archive
