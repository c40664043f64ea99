#include "broker/jetstream/archive/entry.h"

#include "broker/jetstream/archive/bytes.h"

namespace natrix::jetstream::archive {

namespace {

// A subject has 16 bits of length in every store.
constexpr uint64_t kMaxNameBytes = UINT16_MAX;
constexpr uint64_t kMaxSize = INT64_MAX;

}  // namespace

Result<std::optional<size_t>> parse_entry(std::string_view bytes, EntryHead& head) {
  std::string_view rest = bytes;
  uint64_t name_size = 0;
  Taken taken = take_uvarint(rest, name_size);
  if (taken == Taken::kYes) taken = take_varint(rest, head.time);
  if (taken == Taken::kYes) taken = take_uvarint(rest, head.seq);
  if (taken == Taken::kYes) taken = take_uvarint(rest, head.header_size);
  if (taken == Taken::kYes) taken = take_uvarint(rest, head.payload_size);
  if (taken == Taken::kCutShort) return std::optional<size_t>();
  if (taken == Taken::kMalformed || head.header_size > kMaxSize || head.payload_size > kMaxSize ||
      head.header_size + head.payload_size > kMaxSize) {
    return fail("archive entry is malformed");
  }
  if (name_size > kMaxNameBytes) return fail("archive entry with too long a name");
  if (name_size > rest.size()) return std::optional<size_t>();
  head.name = rest.substr(0, name_size);
  return std::optional<size_t>(bytes.size() - rest.size() + name_size);
}

void append_entry(const EntryHead& head, std::string& out) {
  put_uvarint(out, head.name.size());
  put_varint(out, head.time);
  put_uvarint(out, head.seq);
  put_uvarint(out, head.header_size);
  put_uvarint(out, head.payload_size);
  out.append(head.name);
}

}  // namespace natrix::jetstream::archive
