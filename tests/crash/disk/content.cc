#include "tests/crash/disk/content.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace natrix::crash {

namespace {

// Enough for every interesting outcome; more would only cost memory. What is dropped is a version
// that a disk could have skipped anyway.
constexpr size_t kVersionsMax = 4;
constexpr size_t kSizesMax = 8;
constexpr size_t kStagesMax = 4;

}  // namespace

Content::Content() : stages_(1) {}

Content::Block Content::bytes_of(const BlockPtr& block) {
  if (block) return *block;
  Block zeros;
  zeros.fill(0);
  return zeros;
}

size_t Content::read(uint64_t offset, char* to, size_t size) const {
  if (offset >= size_) return 0;
  size = static_cast<size_t>(std::min<uint64_t>(size, size_ - offset));
  for (size_t done = 0; done < size;) {
    size_t index = (offset + done) / kBlockBytes;
    size_t within = (offset + done) % kBlockBytes;
    size_t count = std::min(size - done, kBlockBytes - within);
    const BlockPtr& block = now_[index];
    if (block) {
      std::memcpy(to + done, block->data() + within, count);
    } else {
      std::memset(to + done, 0, count);
    }
    done += count;
  }
  return size;
}

void Content::put_block(size_t index, const Block& bytes) {
  auto block = std::make_shared<const Block>(bytes);
  std::vector<BlockPtr>& versions = stages_.back().versions[index];
  if (versions.size() == kVersionsMax) {
    versions.erase(versions.begin() + static_cast<ptrdiff_t>(index % (kVersionsMax - 1)));
  } else {
    ++pending_blocks_;
  }
  versions.push_back(block);
  now_[index] = std::move(block);
}

void Content::note_size() {
  std::vector<uint64_t>& sizes = stages_.back().sizes;
  if (!sizes.empty() && sizes.back() == size_) return;
  if (sizes.size() == kSizesMax) sizes.erase(sizes.begin() + static_cast<ptrdiff_t>(size_ % 7));
  sizes.push_back(size_);
}

void Content::write(uint64_t offset, const char* from, size_t size) {
  if (size == 0) return;
  uint64_t end = offset + size;
  if (now_.size() < blocks_for(end)) now_.resize(blocks_for(end));
  for (size_t done = 0; done < size;) {
    size_t index = (offset + done) / kBlockBytes;
    size_t within = (offset + done) % kBlockBytes;
    size_t count = std::min(size - done, kBlockBytes - within);
    Block bytes = bytes_of(now_[index]);
    std::memcpy(bytes.data() + within, from + done, count);
    put_block(index, bytes);
    done += count;
  }
  if (end > size_) {
    size_ = end;
    note_size();
  }
}

void Content::zero(uint64_t offset, uint64_t size) {
  if (offset >= size_) return;
  size = std::min(size, size_ - offset);
  std::vector<char> zeros(size, 0);
  write(offset, zeros.data(), zeros.size());
}

// Bytes behind the end are zeros, so that a longer file shows zeros there.
void Content::cut_tail(Blocks& blocks, uint64_t size) {
  blocks.resize(blocks_for(size));
  size_t within = size % kBlockBytes;
  if (within == 0 || !blocks.back()) return;
  Block bytes = *blocks.back();
  std::fill(bytes.begin() + static_cast<ptrdiff_t>(within), bytes.end(), 0);
  blocks.back() = std::make_shared<const Block>(bytes);
}

void Content::resize(uint64_t size) {
  if (size == size_) return;
  bool shorter = size < size_;
  size_ = size;
  if (!shorter) {
    now_.resize(blocks_for(size));
    note_size();
    return;
  }
  cut_tail(now_, size);
  if (stages_.size() == kStagesMax) {
    for (const auto& [index, versions] : stages_[1].versions) pending_blocks_ -= versions.size();
    stages_.erase(stages_.begin() + 1);
  }
  Stage stage;
  stage.base = now_;
  stage.base_size = size;
  stages_.push_back(std::move(stage));
}

bool Content::pending() const {
  return stages_.size() > 1 || !stages_[0].versions.empty() || !stages_[0].sizes.empty();
}

void Content::settle(Blocks base, uint64_t base_size) {
  stages_.resize(1);
  stages_[0].base = std::move(base);
  stages_[0].base_size = base_size;
  stages_[0].versions.clear();
  stages_[0].sizes.clear();
  pending_blocks_ = 0;
}

void Content::sync() {
  if (stages_.size() > 1) {
    settle(now_, size_);
    return;
  }
  // Only what is pending: what an earlier sync failed to write stays lost.
  Stage& stage = stages_[0];
  uint64_t size = pending() ? size_ : stage.base_size;
  stage.base.resize(blocks_for(size));
  for (const auto& [index, versions] : stage.versions) {
    if (index < stage.base.size()) stage.base[index] = versions.back();
  }
  Blocks base = std::move(stage.base);
  settle(std::move(base), size);
}

void Content::fail_sync(Dice& dice) {
  Tearing tearing;
  tearing.survival = dice.percent(50) ? Survival::kNothing : Survival::kMixture;
  tearing.sector_bytes = static_cast<uint32_t>(kBlockBytes);
  Content disk = after_power_cut(dice, tearing);
  settle(std::move(disk.stages_[0].base), disk.size_);
}

Content Content::of(Blocks blocks, uint64_t size) {
  Content content;
  cut_tail(blocks, size);
  content.now_ = std::move(blocks);
  content.size_ = size;
  content.stages_[0].base = content.now_;
  content.stages_[0].base_size = size;
  return content;
}

Content Content::after_power_cut(Dice& dice, const Tearing& tearing) const {
  if (tearing.survival == Survival::kNothing || !pending()) {
    return of(stages_[0].base, stages_[0].base_size);
  }
  if (tearing.survival == Survival::kEverything) {
    Content synced = *this;
    synced.sync();
    return of(synced.stages_[0].base, synced.stages_[0].base_size);
  }
  const Stage& stage = stages_[dice.below(stages_.size())];
  return tearing.survival == Survival::kPrefix ? prefix_of(stage, dice, tearing.sector_bytes)
                                               : mixture_of(stage, dice, tearing.sector_bytes);
}

Content Content::prefix_of(const Stage& stage, Dice& dice, uint32_t sector_bytes) {
  std::vector<uint64_t> written;
  for (const auto& [index, versions] : stage.versions) written.push_back(index);
  std::sort(written.begin(), written.end());
  uint64_t size = stage.sizes.empty() ? stage.base_size : stage.sizes.back();
  Blocks blocks = stage.base;
  blocks.resize(blocks_for(size));
  uint64_t per_block = kBlockBytes / sector_bytes;
  uint64_t sectors = dice.below(written.size() * per_block + 1);
  for (uint64_t index : written) {
    if (sectors == 0 || index >= blocks.size()) break;
    uint64_t count = std::min(sectors, per_block);
    Block bytes = bytes_of(blocks[index]);
    std::memcpy(bytes.data(), stage.versions.at(index).back()->data(), count * sector_bytes);
    blocks[index] = std::make_shared<const Block>(bytes);
    sectors -= count;
  }
  return of(std::move(blocks), size);
}

Content Content::mixture_of(const Stage& stage, Dice& dice, uint32_t sector_bytes) {
  static constexpr unsigned kNewest[] = {0, 50, 90, 99};  // percent of sectors written back
  unsigned newest = kNewest[dice.below(std::size(kNewest))];
  uint64_t size = stage.base_size;
  if (!stage.sizes.empty()) {
    size_t pick = dice.below(stage.sizes.size() + 1);
    if (dice.percent(newest)) pick = stage.sizes.size();
    if (pick > 0) size = stage.sizes[pick - 1];
  }
  std::vector<uint64_t> written;
  for (const auto& [index, versions] : stage.versions) written.push_back(index);
  std::sort(written.begin(), written.end());  // the order of a hash table is no part of a seed
  Blocks blocks = stage.base;
  blocks.resize(blocks_for(size));
  for (uint64_t index : written) {
    const std::vector<BlockPtr>& versions = stage.versions.at(index);
    if (index >= blocks.size()) break;
    Block bytes = bytes_of(blocks[index]);
    for (size_t at = 0; at < kBlockBytes; at += sector_bytes) {
      size_t pick = dice.percent(newest) ? versions.size() : dice.below(versions.size() + 1);
      if (pick > 0) std::memcpy(bytes.data() + at, versions[pick - 1]->data() + at, sector_bytes);
    }
    blocks[index] = std::make_shared<const Block>(bytes);
  }
  return of(std::move(blocks), size);
}

}  // namespace natrix::crash
