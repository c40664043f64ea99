// Chunk: up to 8192 messages of a stream that follow each other, the unit of its index. The summary
// is always in memory; the entries of older chunks of a file store are loaded when needed.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/storage/subject_table.h"
#include "broker/storage/types.h"

namespace natrix::storage {

inline constexpr uint32_t kChunkEntriesMax = 8192;
inline constexpr uint32_t kNoEntry = ~uint32_t{0};

// One message, removed or not. 32 bytes, stored as they are in index files.
struct IndexEntry {
  uint32_t seq_delta = 0;  // above the chunk's base
  SubjectId subject = 0;
  uint32_t offset = 0;  // in the segment
  uint32_t bytes = 0;   // as counted against limits
  Nanos time = 0;
  uint32_t next = kNoEntry;  // the next of the same subject in this chunk, removed or not
  uint32_t flags = 0;
};
inline constexpr uint32_t kEntryHasHeaders = 1;
inline constexpr uint32_t kEntryExpires = 2;
inline constexpr uint32_t kEntryRemoved = 4;  // in index files only
inline constexpr uint32_t kEntryLost = 8;     // counted and listed, but there is no record of it

struct Segment;
struct SegmentData;

struct Chunk {
  uint32_t number = 0;   // ascending in the stream without gaps
  Seq base = 0;          // sequence of the first entry
  Seq last = 0;          // sequence of the last entry
  uint32_t count = 0;    // entries
  uint32_t live = 0;     // of them not removed
  uint32_t head = 0;     // entries below are removed
  uint64_t bytes = 0;    // of the live ones
  Nanos first_time = 0;  // of the entries, removed or not: smallest, largest
  Nanos last_time = 0;

  // count of them, or none: not loaded.
  std::vector<IndexEntry> entries;
  // A bit an entry; empty: nothing removed.
  std::vector<bool> removed;

  // Memory store: headers and payload of every entry, null when removed.
  std::vector<std::shared_ptr<const char[]>> bodies;
  // File store: where the records are and where the entries can be loaded from.
  std::shared_ptr<Segment> home;
  std::shared_ptr<SegmentData> data;   // null: where `home` says
  std::shared_ptr<SegmentData> index;  // null: not archived
  uint64_t record_bytes = 0;           // of the live messages
  uint64_t uid = 0;                    // unlike the number never given out twice
  struct Stored {
    uint64_t entries = 0;  // offset in the segment's index file; 0: not there, entries stay here
    uint32_t count = 0;    // of entries there
    uint64_t names = 0;    // offset of the subjects' names
    uint32_t names_bytes = 0;
    uint64_t names_checksum = 0;
  } stored;

  [[nodiscard]] bool is_removed(uint32_t at) const { return !removed.empty() && removed[at]; }
  // No gap between the sequences of the entries.
  [[nodiscard]] bool dense() const { return last - base + 1 == count; }
};

}  // namespace natrix::storage
