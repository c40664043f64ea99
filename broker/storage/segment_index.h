// Index files: what an archived segment holds, so that nobody has to read the messages
// (docs/storage-format.md, "Index files"). Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/storage/chunk.h"
#include "broker/storage/stream_store.h"

namespace natrix::storage {

inline constexpr size_t kIndexHeaderBytes = 64;

struct IndexHeader {
  uint16_t version = 1;
  uint16_t flags = 0;
  uint64_t salt = 0;
  uint64_t number = 0;
  uint32_t generation = 0;  // of the data file
  uint32_t chunks = 0;
  uint64_t data_bytes = 0;  // length of the data file
  uint64_t summary = 0;     // offset
};

struct IndexedSubject {
  std::string name;
  uint32_t count = 0;  // live messages
  uint32_t first = 0;  // places of the first and the last of them
  uint32_t last = 0;
  Seq first_seq = 0;
  Seq last_seq = 0;
};

// A chunk as it goes into an index file and comes out of it.
struct IndexedChunk {
  uint32_t stream = 0;
  Seq base = 0;
  Seq last = 0;
  uint32_t count = 0;
  uint32_t live = 0;
  uint64_t bytes = 0;
  uint64_t record_bytes = 0;  // of the live messages' records
  Nanos first_time = 0;
  Nanos last_time = 0;
  std::vector<IndexEntry> entries;  // subjects: places in `subjects`. Not filled by read_summary.
  // What the entries say too, so that opening need not read them. Only filled by read_summary.
  std::vector<SeqRange> gaps;  // sequences between base and last that have no entry
  std::vector<bool> removed;   // by place; empty: none
  std::vector<IndexedSubject> subjects;
  std::vector<Expiry> expiries;
  Chunk::Stored stored;  // filled by both
};

// The whole file; fills `stored` of the chunks.
std::string encode_index(IndexHeader header, std::vector<IndexedChunk>& chunks);

bool decode(std::string_view bytes, IndexHeader& header);
// `summary`: the file from header.summary to its end.
bool read_summary(const IndexHeader& header, std::string_view summary,
                  std::vector<IndexedChunk>& chunks);
// `bytes`: from stored.entries, entry_section_bytes(count) long.
inline size_t entry_section_bytes(uint32_t count) {
  return size_t{count} * sizeof(IndexEntry) + sizeof(uint64_t);
}
bool read_entries(std::string_view bytes, uint64_t salt, std::vector<IndexEntry>& entries);
// The names of a chunk's subjects, from stored.names.
bool read_names(std::string_view bytes, const Chunk::Stored& stored, uint64_t salt,
                std::vector<std::string_view>& names);

}  // namespace natrix::storage
