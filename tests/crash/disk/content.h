// What is in one file: as programs see it, and as a disk may hold it when the power goes.
//
// Vocabulary: *now* is what reads return; *on disk* is what survives for certain; everything
// between the two is *pending*. A sync makes now on disk. After a power cut each sector of the file
// holds one of the versions that it has had since the last sync, whichever the disk had written
// back, independently of the others: that is loss, tearing and reordering in one. Making a file
// shorter is an exception: file systems give freed blocks away, so what was written after it never
// shows together with what was there before it. A *stage* is the time between two such moments.
//
// Used under the mutex of the Disk. Offsets and sizes in bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "tests/crash/disk/dice.h"

namespace natrix::crash {

// How much of what was pending survives; chosen for each file anew.
enum class Survival : uint8_t {
  kNothing,     // as after the last sync
  kEverything,  // as if it had been synced
  kPrefix,      // written back in order up to some sector
  kMixture,     // each sector in any of its versions
};

struct Tearing {
  Survival survival = Survival::kNothing;
  uint32_t sector_bytes = 512;  // a sector is written as a whole: 512 or 4096
};

class Content {
 public:
  static constexpr size_t kBlockBytes = 4096;

  Content();

  uint64_t size() const { return size_; }
  // As many bytes as there are, up to `size`.
  size_t read(uint64_t offset, char* to, size_t size) const;
  void write(uint64_t offset, const char* from, size_t size);
  // Longer: zeros are added. Shorter: a stage begins.
  void resize(uint64_t size);
  void zero(uint64_t offset, uint64_t size);

  bool pending() const;
  // Memory held by versions that are not on disk yet.
  uint64_t pending_bytes() const { return pending_blocks_ * kBlockBytes; }
  void sync();
  // A sync that failed, as Linux does it: some of the pending is on disk, the rest counts as
  // written (nothing is pending any more, reads still show it), so that a later sync of the same
  // file succeeds without it.
  void fail_sync(Dice& dice);

  // What a disk holds after the power was cut now. Nothing of it is pending.
  Content after_power_cut(Dice& dice, const Tearing& tearing) const;

 private:
  using Block = std::array<char, kBlockBytes>;
  using BlockPtr = std::shared_ptr<const Block>;  // null: zeros
  using Blocks = std::vector<BlockPtr>;

  struct Stage {
    Blocks base;  // at its beginning; of the first stage: on disk
    uint64_t base_size = 0;
    std::vector<uint64_t> sizes;                                   // since then, the newest last
    std::unordered_map<uint64_t, std::vector<BlockPtr>> versions;  // since then, the newest last
  };

  static size_t blocks_for(uint64_t size) { return (size + kBlockBytes - 1) / kBlockBytes; }
  static Block bytes_of(const BlockPtr& block);
  static void cut_tail(Blocks& blocks, uint64_t size);
  void put_block(size_t index, const Block& bytes);
  void note_size();
  void settle(Blocks base, uint64_t base_size);
  static Content of(Blocks blocks, uint64_t size);
  static Content prefix_of(const Stage& stage, Dice& dice, uint32_t sector_bytes);
  static Content mixture_of(const Stage& stage, Dice& dice, uint32_t sector_bytes);

  Blocks now_;
  uint64_t size_ = 0;
  std::vector<Stage> stages_;  // never empty
  uint64_t pending_blocks_ = 0;
};

}  // namespace natrix::crash
