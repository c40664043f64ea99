#include "broker/jetstream/archive/index_file.h"

#include <algorithm>
#include <bit>

#include "broker/crypto/highway_hash.h"
#include "broker/crypto/sha256.h"
#include "broker/jetstream/archive/bytes.h"

namespace natrix::jetstream::archive {

namespace {

constexpr char kMagic = 11;
constexpr int kMaxVersion = 4;
constexpr size_t kChecksumBytes = 8;
constexpr char kSetMagic = 22;
constexpr size_t kSetHeadBytes = 10;  // magic, version, nodes, entries

}  // namespace

// Remembers a failure, so that it is asked for once.
struct IndexFile::Reader {
  std::string_view rest;
  int version = 0;
  bool good = true;

  uint64_t number() {
    uint64_t value = 0;
    good = good && take_uvarint(rest, value) == Taken::kYes;
    return good ? value : 0;
  }
  void skip_time() {
    int64_t ignored = 0;
    good = good && take_varint(rest, ignored) == Taken::kYes;
  }
  std::string_view bytes(uint64_t count) {
    good = good && count <= rest.size();
    if (!good) return {};
    std::string_view taken = rest.substr(0, count);
    rest.remove_prefix(count);
    return taken;
  }

  // Subjects, with their number of messages, first and last block.
  void skip_subjects() {
    for (uint64_t left = number(); good && left > 0; --left) {
      uint64_t size = number();
      if (size == 0) continue;
      (void)bytes(size);
      uint64_t total = number();
      (void)number();
      if (total > 1 || version >= 4) (void)number();
    }
  }

  // A set of sequences: nodes of a first sequence, bits, and a height that does not matter.
  void set(Block& block) {
    std::string_view head = bytes(kSetHeadBytes);
    good = good && head[0] == kSetMagic && (head[1] == 1 || head[1] == 2);
    if (!good) return;
    block.words = head[1] == 1 ? 64 : 32;
    block.nodes = bytes(load<uint32_t>(head, 2) * (8 * (block.words + 1) + 2));
  }

  void blocks(std::vector<Block>& blocks) {
    for (uint64_t left = number(); good && left > 0; --left) {
      Block block;
      (void)number();  // its index
      (void)number();  // its bytes
      block.first = number();
      skip_time();
      block.last = number();
      skip_time();
      uint64_t deleted = number();
      if (version >= 2) (void)number();  // messages with a time to live
      if (version >= 3) (void)number();  // with a schedule
      if (good && deleted > 0) set(block);
      if (good && block.first <= block.last) blocks.push_back(block);  // else it is empty
    }
  }
};

Result<IndexFile> IndexFile::parse(std::string_view bytes, std::string_view stream) {
  if (bytes.size() < 2 + kChecksumBytes) return fail("stream state file is cut short");
  std::string_view content = bytes.substr(0, bytes.size() - kChecksumBytes);
  HighwayHash hash(sha256(stream));
  hash.update(content);
  if (hash.sum() != load<uint64_t>(bytes, content.size())) {
    return fail("stream state file with a wrong checksum");
  }
  Reader in{content.substr(2), content[1]};
  if (content[0] != kMagic || in.version < 1 || in.version > kMaxVersion) {
    return fail("stream state file of an unknown version");
  }
  IndexFile file;
  (void)in.number();  // messages
  (void)in.number();  // bytes
  file.first_seq_ = in.number();
  in.skip_time();
  file.last_seq_ = in.number();
  in.skip_time();
  in.skip_subjects();
  in.blocks(file.blocks_);
  file.last_block_ = in.number();
  std::string_view checksum = in.bytes(kChecksumBytes);
  bool ascending = std::ranges::is_sorted(file.blocks_, {}, &Block::first);
  if (!in.good || !ascending) return fail("stream state file is malformed");
  file.last_checksum_ = load<uint64_t>(checksum, 0);
  return file;
}

std::optional<Removed> IndexFile::next_removed() {
  if (reached_ == 0) {
    reached_ = 1;
    if (first_seq_ > 1) {
      reached_ = first_seq_;
      return Removed{1, first_seq_ - 1};
    }
  }
  for (; block_ < blocks_.size(); ++block_, entered_ = false, word_ = 0, bits_seen_ = 0) {
    const Block& block = blocks_[block_];
    if (!entered_) {
      entered_ = true;
      uint64_t from = std::max(reached_, uint64_t{1});
      reached_ = std::max(reached_, block.last == UINT64_MAX ? block.last : block.last + 1);
      if (block.first > from) return Removed{from, block.first - 1};
    }
    if (auto removed = next_in_block(block)) return removed;
  }
  return std::nullopt;
}

// A run of bits in one word; runs that go on in the next word come as two.
std::optional<Removed> IndexFile::next_in_block(const Block& block) {
  if (block.words == 0) return std::nullopt;
  size_t node_bytes = 8 * (block.words + 1) + 2;
  size_t words = block.nodes.size() / node_bytes * block.words;
  for (; word_ < words; ++word_, bits_seen_ = 0) {
    size_t node = word_ / block.words * node_bytes;
    size_t in_node = word_ % block.words;
    uint64_t rest = load<uint64_t>(block.nodes, node + 8 + 8 * in_node) >> bits_seen_;
    if (rest == 0) continue;
    auto skipped = static_cast<uint64_t>(std::countr_zero(rest));
    auto run = static_cast<uint64_t>(std::countr_one(rest >> skipped));
    uint64_t first = load<uint64_t>(block.nodes, node) + 64 * in_node + bits_seen_ + skipped;
    bits_seen_ += skipped + run;
    if (bits_seen_ >= 64) {
      ++word_;
      bits_seen_ = 0;
    }
    if (first > UINT64_MAX - run) return std::nullopt;  // no such sequences
    return Removed{first, first + run - 1};
  }
  return std::nullopt;
}

}  // namespace natrix::jetstream::archive
