// Segments: files of frames of records (docs/storage-format.md, "Segments"). Pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/storage/record.h"

namespace natrix::storage {

inline constexpr uint16_t kFormatVersion = 1;
inline constexpr size_t kSegmentHeaderBytes = 64;
inline constexpr size_t kFrameHeaderBytes = 40;

struct SegmentHeader {
  uint16_t version = kFormatVersion;
  uint16_t flags = 0;  // room for encryption and compression; unknown ones are refused
  uint64_t salt = 0;   // of the store: seeds every checksum
  uint64_t number = 0;
  uint64_t first_batch = 0;
  // Where the log ended in segment number - 1 when this one was begun: what lies behind there was
  // never acknowledged. Not set (~0) in a rewritten segment.
  uint64_t previous_end = 0;
};

struct FrameHeader {
  uint16_t flags = 0;
  uint32_t length = 0;  // of the records that follow
  uint32_t records = 0;
  uint64_t batch = 0;   // ascends over all segments
  uint64_t synced = 0;  // the last batch known to be synced when this one was written
};

std::string encode(const SegmentHeader& header);
bool decode(std::string_view bytes, SegmentHeader& header);
// Exactly kFrameHeaderBytes, for the start of a frame's buffer.
void encode(const FrameHeader& header, uint64_t salt, char* to);
bool decode(std::string_view bytes, uint64_t salt, FrameHeader& header);

// What a walk over a segment found besides intact records.
struct SegmentFault {
  uint64_t offset = 0;
  uint64_t length = 0;
  std::string what;
};

struct SegmentWalk {
  uint64_t end = 0;  // where the log ends in this segment
  uint64_t first_batch = 0;
  uint64_t last_batch = 0;           // 0: no frame
  std::vector<SegmentFault> faults;  // damage to what was synced
  uint64_t torn = 0;                 // bytes behind `end` that were never proved to be synced
};

// Called for every intact record, with its offset in the segment.
using RecordVisitor = std::function<void(uint64_t offset, const Record& record)>;

// Walks the frames of a segment that lies in `bytes` whole. `known_end`: up to where it was in use
// (its successor's previous_end); absent for the last segment, whose end is then found: behind the
// last frame, or before the first that is not whole and of which no later one says it was synced.
// Records of a frame are visited only if all of it is intact or it is proved to have been synced.
SegmentWalk walk_segment(std::string_view bytes, uint64_t salt, std::optional<uint64_t> known_end,
                         const RecordVisitor& visit);

}  // namespace natrix::storage
