// How the entries of a chunk come back into memory: from the index file, or, if that is damaged,
// from the messages themselves.
#include <algorithm>

#include "broker/storage/file_stream_store.h"

namespace natrix::storage {

namespace {

constexpr uint64_t kDataBytesMax = uint64_t{1} << 33;

}  // namespace

bool FileStreamStore::load_entries(Chunk& chunk) {
  if (chunk.index == nullptr) return false;
  std::vector<IndexEntry> entries;
  if (read_stored(chunk, entries)) {
    entries.resize(chunk.count);
    for (uint32_t at = 0; at < chunk.count; ++at) {
      IndexEntry& entry = entries[at];
      if ((entry.flags & kEntryRemoved) != 0) {
        if (chunk.removed.empty()) chunk.removed.resize(chunk.count);
        chunk.removed[at] = true;
      }
      if (entry.next >= chunk.count) entry.next = kNoEntry;
    }
    chunk.entries = std::move(entries);
  } else if (!rebuild_entries(chunk)) {
    return false;
  }
  core_.index_memory.fetch_add(chunk.entries.size() * sizeof(IndexEntry));
  droppable_.push_back(&chunk);
  keep_entries_within_budget(chunk);
  return true;
}

// Entries and names as they stand in the index file, subjects as ids of the table.
bool FileStreamStore::read_stored(Chunk& chunk, std::vector<IndexEntry>& entries) {
  std::string section(entry_section_bytes(chunk.stored.count), '\0');
  std::string texts(chunk.stored.names_bytes, '\0');
  uint64_t salt = core_.log->salt();
  std::vector<std::string_view> names;
  File& file = *chunk.index->file;
  auto got = file.read(chunk.stored.entries, section.data(), section.size());
  auto more = file.read(chunk.stored.names, texts.data(), texts.size());
  if (!got || !more || *got != section.size() || *more != texts.size() ||
      !read_entries(section, salt, entries) || entries.size() < chunk.count ||
      !read_names(texts, chunk.stored, salt, names)) {
    core_.damage.report(chunk.index->path, chunk.stored.entries,
                        "damaged index entries, made anew from the messages");
    return false;
  }
  std::vector<SubjectId> ids;
  for (std::string_view name : names) ids.push_back(index_.subjects().find(name));
  for (IndexEntry& entry : entries) {
    entry.subject = entry.subject < ids.size() ? ids[entry.subject] : kNoSubject;
  }
  return true;
}

// Reads the whole segment. What is removed is known without the entries (chunk.removed); a live
// message of which no record is left stays in the index and is an error to whoever reads it.
bool FileStreamStore::rebuild_entries(Chunk& chunk) {
  auto data = data_of(chunk);
  if (data == nullptr) return false;
  auto bytes = read_file(core_.files, data->path, kDataBytesMax);
  if (!bytes) return false;
  std::string_view used = *bytes;
  if (chunk.data == nullptr) used = used.substr(0, chunk.home->size.load());
  std::vector<IndexEntry> found;
  walk_segment(used, core_.log->salt(), used.size(), [&](uint64_t offset, const Record& record) {
    MessageFields m;
    if (record.stream != info_.id || !read_message(record, m)) return;
    if (m.seq < chunk.base || m.seq > chunk.last) return;
    auto delta = static_cast<uint32_t>(m.seq - chunk.base);
    // Sequences that come again after a truncation: the later ones count.
    while (!found.empty() && found.back().seq_delta >= delta) found.pop_back();
    IndexEntry entry = entry_of(m);
    entry.seq_delta = delta;
    entry.subject = index_.subjects().find(m.subject);
    entry.offset = static_cast<uint32_t>(offset);
    found.push_back(entry);
  });
  if (!place_entries(chunk, std::move(found)) || !index_.settle_entries(chunk)) {
    chunk.entries.clear();
    return false;
  }
  chunk.home->reindex.store(true);
  return true;
}

// Puts what was found where the chunk has its sequence, and marks what was not found.
bool FileStreamStore::place_entries(Chunk& chunk, std::vector<IndexEntry> found) {
  std::vector<Seq> sequences;
  if (found.size() == chunk.count) {
    for (const IndexEntry& entry : found) sequences.push_back(chunk.base + entry.seq_delta);
  } else if (!sequences_of(chunk, sequences)) {
    return false;
  }
  chunk.entries.assign(chunk.count, IndexEntry{});
  size_t next = 0;
  uint64_t lost = 0;
  for (uint32_t at = 0; at < chunk.count; ++at) {
    IndexEntry& entry = chunk.entries[at];
    auto delta = static_cast<uint32_t>(sequences[at] - chunk.base);
    while (next < found.size() && found[next].seq_delta < delta) ++next;
    if (next < found.size() && found[next].seq_delta == delta) {
      entry = found[next];
    } else {
      entry = {.seq_delta = delta, .subject = kNoSubject, .bytes = 30, .flags = kEntryLost};
      lost += !chunk.is_removed(at);
    }
  }
  lost_messages_ += lost;
  return true;
}

// The sequences of a chunk's entries, without the entries.
bool FileStreamStore::sequences_of(const Chunk& chunk, std::vector<Seq>& sequences) {
  std::vector<SeqRange> gaps;
  if (!chunk.dense()) {
    auto bytes = read_file(core_.files, chunk.index->path, kDataBytesMax);
    IndexHeader header;
    std::vector<IndexedChunk> chunks;
    if (!bytes || !decode(*bytes, header) || header.summary > bytes->size() ||
        !read_summary(header, std::string_view(*bytes).substr(header.summary), chunks)) {
      return false;
    }
    auto stored = std::find_if(chunks.begin(), chunks.end(), [&](const IndexedChunk& c) {
      return c.stored.entries == chunk.stored.entries;
    });
    if (stored == chunks.end() || stored->stream != info_.id || stored->base != chunk.base) {
      return false;
    }
    gaps = std::move(stored->gaps);
  }
  auto gap = gaps.begin();
  for (Seq seq = chunk.base; sequences.size() < chunk.count; ++seq) {
    if (gap != gaps.end() && seq == gap->first) {
      seq = gap->last;
      ++gap;
      continue;
    }
    if (seq > chunk.last) return false;
    sequences.push_back(seq);
  }
  return true;
}

}  // namespace natrix::storage
