// nats-server's state file of a stream (`msgs/index.db`), as far as it says which sequences of the
// message blocks are deleted. Versions 1 to 4. Fact: nats-server filestore.go (recoverFullState),
// avl/seqset.go. A view of the bytes it was read from, which must outlive it; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/base/result.h"
#include "broker/jetstream/archive/event.h"

namespace natrix::jetstream::archive {

class IndexFile {
 public:
  // Errors: wrong checksum (its key is the stream's name), other magic or version, cut short.
  static Result<IndexFile> parse(std::string_view bytes, std::string_view stream);

  [[nodiscard]] uint64_t first_seq() const { return first_seq_; }
  [[nodiscard]] uint64_t last_seq() const { return last_seq_; }
  // The file holds for message blocks that end with this record.
  [[nodiscard]] uint64_t last_block() const { return last_block_; }
  [[nodiscard]] uint64_t last_checksum() const { return last_checksum_; }

  // Walks over what is deleted, ascending: all before the first sequence, between blocks, within
  // them. Nothing: that was all.
  std::optional<Removed> next_removed();

 private:
  struct Reader;
  struct Block {
    uint64_t first = 0;
    uint64_t last = 0;
    std::string_view nodes;  // of its set of deleted sequences
    size_t words = 0;        // of 64 bits in a node
  };

  std::optional<Removed> next_in_block(const Block& block);

  uint64_t first_seq_ = 0;
  uint64_t last_seq_ = 0;
  uint64_t last_block_ = 0;
  uint64_t last_checksum_ = 0;
  std::vector<Block> blocks_;
  // The walk.
  size_t block_ = 0;
  bool entered_ = false;    // the gap before block_ is done
  uint64_t reached_ = 0;    // below it everything is settled
  size_t word_ = 0;         // in block_
  uint64_t bits_seen_ = 0;  // of word_, from the lowest
};

}  // namespace natrix::jetstream::archive
