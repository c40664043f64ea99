#include "broker/storage/segment_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace natrix::storage {

namespace {

constexpr std::string_view kSegmentMagic = "NATRIXSG";
constexpr uint32_t kFrameMagic = 0x4d52464e;  // "NFRM"

class Walker {
 public:
  Walker(std::string_view bytes, uint64_t salt, std::optional<uint64_t> known_end,
         const RecordVisitor& visit)
      : bytes_(bytes.substr(0, known_end.value_or(bytes.size()))),
        salt_(salt),
        known_end_(known_end),
        visit_(visit) {}

  SegmentWalk run() {
    uint64_t at = kSegmentHeaderBytes;
    while (at < bytes_.size()) {
      FrameHeader frame;
      if (read_header(at, frame) && check_frame(at, frame)) {
        at = next_;
        continue;
      }
      std::optional<uint64_t> next = damaged_at(at);
      if (!next) break;
      at = *next;
    }
    walk_.end = std::min<uint64_t>(at, bytes_.size());
    if (known_end_ && *known_end_ > bytes_.size()) {
      fault(bytes_.size(), *known_end_ - bytes_.size(), "the file is cut short");
    }
    walk_.torn = bytes_.size() - walk_.end;
    return std::move(walk_);
  }

 private:
  bool read_header(uint64_t at, FrameHeader& frame) const {
    return decode(bytes_.substr(at), salt_, frame) && frame.batch > walk_.last_batch;
  }

  // Visits the records of a frame with an intact header. False: it is torn or damaged and has not
  // been visited.
  bool check_frame(uint64_t at, const FrameHeader& frame) {
    uint64_t body = at + kFrameHeaderBytes;
    next_ = body + frame.length;
    if (next_ <= bytes_.size() && intact(body, frame)) {
      accept(frame);
      visit_records(body, next_);
      return true;
    }
    return false;
  }

  void accept(const FrameHeader& frame) {
    if (walk_.first_batch == 0) walk_.first_batch = frame.batch;
    walk_.last_batch = frame.batch;
  }

  bool intact(uint64_t at, const FrameHeader& frame) const {
    uint64_t end = at + frame.length;
    uint32_t count = 0;
    Record record;
    for (; at < end; at += record.length, ++count) {
      if (read_record(bytes_.substr(at, end - at), salt_, record) != ReadRecord::kOk) return false;
    }
    return count == frame.records;
  }

  void visit_records(uint64_t at, uint64_t end) {
    Record record;
    for (; at < end; at += record.length) {
      (void)read_record(bytes_.substr(at, end - at), salt_, record);
      visit_(at, record);
    }
  }

  // Something is wrong at `at`. Damage if it is proved that this place was synced: then what is
  // intact of it is visited and the walk goes on at the next frame; else the log ends here.
  std::optional<uint64_t> damaged_at(uint64_t at) {
    FrameHeader here;
    bool header = read_header(at, here);
    uint64_t search = at + 1;
    if (header && at + kFrameHeaderBytes + here.length <= bytes_.size()) {
      search = at + kFrameHeaderBytes + here.length;
    }
    std::optional<uint64_t> next = find_frame(search);
    uint64_t batch = header ? here.batch : walk_.last_batch + 1;
    if (!known_end_ && !proved_synced(next, batch)) return std::nullopt;
    uint64_t end = next.value_or(bytes_.size());
    if (header) {
      accept(here);
      salvage(at + kFrameHeaderBytes, end);
    } else {
      fault(at, std::min<uint64_t>(kFrameHeaderBytes, end - at), "damaged frame header");
      salvage(at, end);
    }
    return end;
  }

  // A later frame knows that `batch` was synced.
  bool proved_synced(std::optional<uint64_t> next, uint64_t batch) const {
    while (next) {
      FrameHeader frame;
      if (!decode(bytes_.substr(*next), salt_, frame)) return false;
      if (frame.synced >= batch) return true;
      next = find_frame(*next + kFrameHeaderBytes + frame.length);
    }
    return false;
  }

  std::optional<uint64_t> find_frame(uint64_t from) const {
    std::string magic(sizeof kFrameMagic, '\0');
    std::memcpy(magic.data(), &kFrameMagic, sizeof kFrameMagic);
    for (size_t at = bytes_.find(magic, from); at != std::string_view::npos;
         at = bytes_.find(magic, at + 1)) {
      FrameHeader frame;
      if (read_header(at, frame)) return at;
    }
    return std::nullopt;
  }

  // Visits what is intact between damaged bytes.
  void salvage(uint64_t at, uint64_t end) {
    uint64_t bad = at;  // start of what is damaged, == at while all is well
    while (at < end) {
      Record record;
      if (read_record(bytes_.substr(at, end - at), salt_, record) == ReadRecord::kOk) {
        if (bad != at) fault(bad, at - bad, "damaged record");
        visit_(at, record);
        at += record.length;
        bad = at;
      } else {
        ++at;
      }
    }
    if (bad != end) fault(bad, end - bad, "damaged record");
  }

  void fault(uint64_t offset, uint64_t length, const char* what) {
    walk_.faults.push_back({offset, length, fmt::format("{}, {} bytes", what, length)});
  }

  std::string_view bytes_;
  uint64_t salt_;
  std::optional<uint64_t> known_end_;
  const RecordVisitor& visit_;
  SegmentWalk walk_;
  uint64_t next_ = 0;
};

}  // namespace

std::string encode(const SegmentHeader& header) {
  std::string out(kSegmentMagic);
  put_fixed(out, header.version);
  put_fixed(out, header.flags);
  put_fixed(out, static_cast<uint32_t>(kSegmentHeaderBytes));
  put_fixed(out, header.salt);
  put_fixed(out, header.number);
  put_fixed(out, header.first_batch);
  put_fixed(out, header.previous_end);
  put_fixed(out, uint64_t{0});
  put_fixed(out, checksum(out, 0));
  return out;
}

bool decode(std::string_view bytes, SegmentHeader& header) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kSegmentMagic)) return false;
  const char* at = bytes.data();
  if (checksum(bytes.substr(0, 56), 0) != get_fixed<uint64_t>(at + 56)) return false;
  header.version = get_fixed<uint16_t>(at + 8);
  header.flags = get_fixed<uint16_t>(at + 10);
  header.salt = get_fixed<uint64_t>(at + 16);
  header.number = get_fixed<uint64_t>(at + 24);
  header.first_batch = get_fixed<uint64_t>(at + 32);
  header.previous_end = get_fixed<uint64_t>(at + 40);
  return true;
}

void encode(const FrameHeader& header, uint64_t salt, char* to) {
  std::string out;
  put_fixed(out, kFrameMagic);
  put_fixed(out, header.flags);
  put_fixed(out, uint16_t{0});
  put_fixed(out, header.length);
  put_fixed(out, header.records);
  put_fixed(out, header.batch);
  put_fixed(out, header.synced);
  put_fixed(out, checksum(out, salt));
  std::memcpy(to, out.data(), kFrameHeaderBytes);
}

bool decode(std::string_view bytes, uint64_t salt, FrameHeader& header) {
  if (bytes.size() < kFrameHeaderBytes) return false;
  const char* at = bytes.data();
  if (get_fixed<uint32_t>(at) != kFrameMagic) return false;
  if (checksum(bytes.substr(0, 32), salt) != get_fixed<uint64_t>(at + 32)) return false;
  header.flags = get_fixed<uint16_t>(at + 4);
  header.length = get_fixed<uint32_t>(at + 8);
  header.records = get_fixed<uint32_t>(at + 12);
  header.batch = get_fixed<uint64_t>(at + 16);
  header.synced = get_fixed<uint64_t>(at + 24);
  return header.flags == 0;
}

SegmentWalk walk_segment(std::string_view bytes, uint64_t salt, std::optional<uint64_t> known_end,
                         const RecordVisitor& visit) {
  return Walker(bytes, salt, known_end, visit).run();
}

}  // namespace natrix::storage
