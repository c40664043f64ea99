#include "broker/storage/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "broker/storage/varint.h"

namespace natrix::storage {

namespace {

constexpr uint64_t kSegmentBytesMax = uint64_t{1} << 33;

}  // namespace

StorageResult<LogWriter::Start> Recovery::run() {
  if (auto listed = list(); !listed) return fail_with(listed.error());
  if (auto known = check_versions(); !known) return fail_with(known.error());
  find_salt();
  core_.log->set_salt(salt_);
  remove_leftovers();
  for (auto& [number, found] : found_) {
    if (number <= archived_) adopt_archived(number, found);
  }
  replay_all();
  report_faults();
  consult_catalog();
  drop_unknown();
  for (auto& [id, stream] : streams_) stream->end_replay();
  LogWriter::Start start;
  start.salt = salt_;
  start.segment = std::max(last_number_, archived_) + 1;
  start.batch = last_batch_;
  start.previous_end = last_number_ + 1 == start.segment ? last_end_ : 0;
  return start;
}

StorageResult<void> Recovery::list() {
  auto names = core_.files.list(core_.segments.directory());
  if (!names) return fail_with(names.error());
  for (const std::string& name : *names) {
    SegmentTable::Kind kind;
    uint64_t number = 0;
    uint32_t generation = 0;
    if (!SegmentTable::parse(name, kind, number, generation) || number == 0) continue;
    switch (kind) {
      case SegmentTable::Kind::kData:
        found_[number].generations.insert(generation);
        break;
      case SegmentTable::Kind::kIndex:
        found_[number].index = true;
        archived_ = std::max(archived_, number);
        break;
      case SegmentTable::Kind::kTemporary:
        temporaries_.push_back(core_.segments.directory() + "/" + name);
        break;
    }
  }
  return {};
}

std::optional<SegmentHeader> Recovery::read_header(uint64_t number, uint32_t generation) {
  auto file =
      core_.files.open(core_.segments.data_path(number, generation), FileSystem::Mode::kRead);
  if (!file) return std::nullopt;
  std::string bytes(kSegmentHeaderBytes, '\0');
  auto got = (*file)->read(0, bytes.data(), bytes.size());
  SegmentHeader header;
  if (!got || *got != bytes.size() || !decode(bytes, header)) return std::nullopt;
  return header;
}

// The salt is the same in every file; a new store draws one.
void Recovery::find_salt() {
  for (auto& [number, found] : found_) {
    for (uint32_t generation : found.generations) {
      if (auto header = read_header(number, generation)) {
        salt_ = header->salt;
        return;
      }
    }
  }
  for (auto& [number, found] : found_) {
    auto bytes = read_file(core_.files, core_.segments.index_path(number), kSegmentBytesMax);
    IndexHeader header;
    if (bytes && decode(*bytes, header)) {
      salt_ = header.salt;
      return;
    }
  }
  std::random_device random;
  salt_ = (uint64_t{random()} << 32) | random();
}

void Recovery::remove_leftovers() {
  for (const std::string& path : temporaries_) (void)core_.files.remove(path);
  // Rewritten files of segments that were not archived in the end.
  for (auto& [number, found] : found_) {
    if (number <= archived_) continue;
    for (uint32_t generation : found.generations) {
      if (generation != 0 && found.generations.count(0) == 1) {
        (void)core_.files.remove(core_.segments.data_path(number, generation));
      }
    }
  }
}

// --- archived segments --------------------------------------------------------------------------

void Recovery::adopt_archived(uint64_t number, Found& found) {
  std::shared_ptr<Segment> segment = core_.segments.add(number);
  segment->archived.store(true);
  std::string path = core_.segments.index_path(number);
  if (!found.index) {
    std::string data = core_.segments.data_path(number, *found.generations.begin());
    core_.damage.report(data, 0, "its index file is missing");
    rebuild(segment, found);
  } else if (!adopt_index(segment, path)) {
    core_.damage.report(path, 0, "damaged index file, made anew from the messages");
    rebuild(segment, found);
  }
  for (uint32_t generation : found.generations) {
    if (generation == segment->generation || damaged_) continue;
    (void)core_.files.remove(core_.segments.data_path(number, generation));
  }
}

bool Recovery::open_data(const std::shared_ptr<Segment>& segment, uint32_t generation) {
  std::string path = core_.segments.data_path(segment->number, generation);
  auto file = core_.files.open(path, FileSystem::Mode::kWrite);
  if (!file) return false;
  auto size = (*file)->size();
  if (!size) return false;
  segment->generation = generation;
  segment->size.store(*size);
  segment->written.store(*size);
  segment->set_data(std::make_shared<SegmentData>(SegmentData{*file, path}));
  return true;
}

bool Recovery::adopt_index(const std::shared_ptr<Segment>& segment, const std::string& path) {
  auto file = core_.files.open(path, FileSystem::Mode::kRead);
  if (!file) return false;
  auto size = (*file)->size();
  std::string bytes(kIndexHeaderBytes, '\0');
  IndexHeader header;
  auto got = (*file)->read(0, bytes.data(), bytes.size());
  if (!size || !got || *got != bytes.size() || !decode(bytes, header) ||
      header.number != segment->number || header.salt != salt_ || header.summary > *size) {
    return false;
  }
  std::string summary(*size - header.summary, '\0');
  got = (*file)->read(header.summary, summary.data(), summary.size());
  std::vector<IndexedChunk> chunks;
  if (!got || *got != summary.size() || !read_summary(header, summary, chunks)) return false;
  segment->set_index(std::make_shared<SegmentData>(SegmentData{*file, path}));
  segment->generation = header.generation;
  if (chunks.empty()) {
    (void)open_data(segment, header.generation);
    return true;
  }
  bool there = open_data(segment, header.generation);
  if (!there || segment->size.load() < header.data_bytes) {
    damaged_ = true;
    core_.damage.report(core_.segments.data_path(segment->number, header.generation),
                        there ? segment->size.load() : 0,
                        there ? "the file is cut short" : "the file is missing");
  }
  if (there && segment->size.load() > header.data_bytes) {
    segment->size.store(header.data_bytes);
    segment->written.store(header.data_bytes);
  }
  for (const IndexedChunk& chunk : chunks) {
    if (there) {
      stream(chunk.stream)->adopt(segment, chunk);
    } else {
      stream(chunk.stream)->lose(chunk);
    }
  }
  if (there && segment->size.load() < header.data_bytes) {
    for (auto& [id, stream] : streams_) stream->lose_beyond(segment, segment->size.load());
  }
  return true;
}

// Without an index: reads the messages of the newest data file. What was removed among them and is
// not said in the younger segments comes back.
void Recovery::rebuild(const std::shared_ptr<Segment>& segment, Found& found) {
  damaged_ = true;
  if (found.generations.empty()) return;
  // If a newer one exists beside it, it may not be complete.
  uint32_t generation = *found.generations.begin();
  if (!open_data(segment, generation)) return;
  segment->reindex.store(true);
  std::string path = segment->data()->path;
  auto bytes = read_file(core_.files, path, kSegmentBytesMax);
  if (!bytes) return;
  SegmentWalk walk =
      walk_segment(*bytes, salt_, bytes->size(), [&](uint64_t offset, const Record& record) {
        if (record.type != RecordType::kMessage) return;
        stream(record.stream)->replay(segment, offset, record);
      });
  faults_[{segment->number, path}] = walk.faults;
  for (auto& [id, stream] : streams_) stream->end_replay();
}

// --- replay
// -----------------------------------------------------------------------------------------

void Recovery::replay_all() {
  std::vector<uint64_t> numbers;
  for (auto& [number, found] : found_) {
    if (number > archived_ && !found.generations.empty()) numbers.push_back(number);
  }
  uint64_t expected = archived_ + 1;
  for (size_t i = 0; i < numbers.size(); ++i) {
    uint64_t number = numbers[i];
    if (number != expected) {
      damaged_ = true;
      core_.damage.report(core_.segments.data_path(expected, 0), 0,
                          fmt::format("segments {} to {} are missing", expected, number - 1));
    }
    expected = number + 1;
    std::optional<uint64_t> known_end;
    if (i + 1 < numbers.size() && numbers[i + 1] == number + 1) {
      if (auto next = read_header(number + 1, 0)) known_end = next->previous_end;
    }
    if (i + 1 == numbers.size() && never_used(number)) break;
    last_number_ = number;
    last_end_ = replay_one(number, known_end).value_or(kSegmentHeaderBytes);
  }
}

// The header is synced before the first frame is written: a last segment without a header and
// without frames was being made when the process ended. Its number is used again.
bool Recovery::never_used(uint64_t number) {
  if (read_header(number, 0)) return false;
  auto bytes = read_file(core_.files, core_.segments.data_path(number, 0), kSegmentBytesMax);
  if (!bytes) return false;
  SegmentWalk walk = walk_segment(*bytes, salt_, std::nullopt, [](uint64_t, const Record&) {});
  return walk.last_batch == 0;
}

// Where the log ends in the segment; nothing if nothing can be made of it.
std::optional<uint64_t> Recovery::replay_one(uint64_t number, std::optional<uint64_t> known_end) {
  std::shared_ptr<Segment> segment = core_.segments.add(number);
  std::string path = core_.segments.data_path(number, 0);
  auto bytes = read_file(core_.files, path, kSegmentBytesMax);
  if (!bytes || !open_data(segment, 0)) {
    damaged_ = true;
    core_.damage.report(path, 0, bytes ? "cannot be opened" : bytes.error().message);
    return std::nullopt;
  }
  auto header = read_header(number, 0);
  bool bad_header = !header || header->salt != salt_ || header->number != number ||
                    header->version != kFormatVersion || header->flags != 0;
  SegmentWalk walk =
      walk_segment(*bytes, salt_, known_end,
                   [&](uint64_t offset, const Record& record) { apply(segment, offset, record); });
  last_batch_ = std::max(last_batch_, walk.last_batch);
  if (bad_header) {
    damaged_ = true;
    core_.damage.report(path, 0, "damaged segment header");
  }
  faults_[{number, path}] = walk.faults;
  if (walk.torn != 0) keep_tail(path, std::string_view(*bytes).substr(walk.end));
  segment->size.store(walk.end);
  return walk.end;
}

// What stands behind the end was most likely never acknowledged; it is kept unless it is empty.
void Recovery::keep_tail(const std::string& path, std::string_view tail) {
  if (tail.find_first_not_of('\0') == std::string_view::npos) return;
  std::string directory = core_.options.directory + "/damaged";
  (void)core_.files.make_directories(directory);
  std::string copy = directory + path.substr(path.rfind('/')) + ".tail";
  (void)core_.files.remove(copy);
  auto file = core_.files.open(copy, FileSystem::Mode::kCreate);
  if (file) (void)(*file)->write(0, tail);
}

void Recovery::report_faults() {
  for (auto& [where, faults] : faults_) {
    for (const SegmentFault& fault : faults) {
      // Messages that were being overwritten when the process ended are nobody's loss. The record
      // that says so may stand in a later segment.
      uint64_t at = fault.offset;
      for (auto e = erased_.find({where.first, at});
           at < fault.offset + fault.length && e != erased_.end();
           e = erased_.find({where.first, at})) {
        at += e->second;
      }
      if (at >= fault.offset + fault.length) continue;
      damaged_ = true;
      core_.damage.report(where.second, fault.offset, fault.what);
    }
  }
}

// Descriptions, consumers and positions that are damaged in the log.
void Recovery::consult_catalog() {
  auto bytes = read_file(core_.files, core_.segments.catalog_path(), kSegmentBytesMax);
  if (!bytes) return;
  SegmentHeader header;
  bool intact = decode(*bytes, header) && header.salt == salt_;
  SegmentWalk walk =
      walk_segment(*bytes, salt_, bytes->size(), [&](uint64_t, const Record& record) {
        if (!damaged_) return;
        bool known = streams_.count(record.stream) == 1;
        if (record.stream == 0 || removed_.count(record.stream) == 1) return;
        if (!known && record.type != RecordType::kStream) return;
        bool described = described_.count(record.stream) == 1;
        if (!known && described) return;
        stream(record.stream)->replay_catalog(record, described);
        if (record.type == RecordType::kStream) described_.insert(record.stream);
      });
  if (!intact || !walk.faults.empty()) {
    core_.damage.report(core_.segments.catalog_path(),
                        walk.faults.empty() ? 0 : walk.faults[0].offset, "damaged catalog");
  }
}

// A file of a later version, or with features this one does not know, must not be taken for damage.
StorageResult<void> Recovery::check_versions() {
  for (auto& [number, found] : found_) {
    for (uint32_t generation : found.generations) {
      auto header = read_header(number, generation);
      if (!header || (header->version == kFormatVersion && header->flags == 0)) continue;
      return storage_failure(
          StorageErrorKind::kInvalid,
          fmt::format("{} has format version {} with flags {:#x}, this server knows version {}",
                      core_.segments.data_path(number, generation), header->version, header->flags,
                      kFormatVersion));
    }
  }
  return {};
}

std::shared_ptr<FileStreamStore>& Recovery::stream(StreamId id) {
  highest_id_ = std::max(highest_id_, id);
  std::shared_ptr<FileStreamStore>& stream = streams_[id];
  if (stream == nullptr) {
    StreamInfo info;
    info.id = id;
    stream = std::make_shared<FileStreamStore>(shared_core_, info, 1);
  }
  return stream;
}

void Recovery::apply(const std::shared_ptr<Segment>& segment, uint64_t offset,
                     const Record& record) {
  if (record.type == RecordType::kErased || record.stream == 0) return;
  if (record.type == RecordType::kStreamRemoved) {
    highest_id_ = std::max(highest_id_, record.stream);
    described_.erase(record.stream);
    removed_.insert(record.stream);
    if (auto found = streams_.find(record.stream); found != streams_.end()) {
      found->second->drop();
      streams_.erase(found);
    }
    return;
  }
  if (record.type == RecordType::kErase) {
    std::string_view body = record.body;
    uint64_t number = 0, at = 0, length = 0;
    if (take_varint(body, number) && take_varint(body, at) && take_varint(body, length)) {
      erased_[{number, at}] = length;
    }
  }
  if (record.type == RecordType::kStream) described_.insert(record.stream);
  if (!stream(record.stream)->replay(segment, offset, record)) {
    damaged_ = true;
    core_.damage.report(segment->data()->path, offset, "a record that makes no sense");
  }
}

// Streams without a description have been removed. If something is damaged the description may have
// been lost instead: then their segments are kept.
void Recovery::drop_unknown() {
  for (auto at = streams_.begin(); at != streams_.end();) {
    if (described_.count(at->first) == 1) {
      ++at;
      continue;
    }
    if (damaged_) {
      for (const std::string& path : at->second->files()) {
        core_.damage.report(
            path, 0,
            fmt::format("holds messages of stream {}, whose description is lost", at->first));
      }
    }
    at->second->drop();
    at = streams_.erase(at);
  }
}

}  // namespace natrix::storage
