#include "broker/storage/segment_table.h"

#include <fmt/format.h>

#include <charconv>

namespace natrix::storage {

std::shared_ptr<Segment> SegmentTable::add(uint64_t number) {
  auto segment = std::make_shared<Segment>(number);
  std::lock_guard lock(mutex_);
  segments_[number] = segment;
  return segment;
}

std::shared_ptr<Segment> SegmentTable::find(uint64_t number) const {
  std::lock_guard lock(mutex_);
  auto found = segments_.find(number);
  return found == segments_.end() ? nullptr : found->second;
}

void SegmentTable::remove(uint64_t number) {
  std::lock_guard lock(mutex_);
  segments_.erase(number);
}

std::vector<std::shared_ptr<Segment>> SegmentTable::all() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Segment>> all;
  for (auto& [number, segment] : segments_) all.push_back(segment);
  return all;
}

std::string SegmentTable::data_path(uint64_t number, uint32_t generation) const {
  return fmt::format("{}/{:016x}.{}.seg", directory_, number, generation);
}

std::string SegmentTable::index_path(uint64_t number) const {
  return fmt::format("{}/{:016x}.idx", directory_, number);
}

bool SegmentTable::parse(const std::string& name, Kind& kind, uint64_t& number,
                         uint32_t& generation) {
  if (name.size() < 20) return false;
  auto [end, error] = std::from_chars(name.data(), name.data() + 16, number, 16);
  if (error != std::errc() || end != name.data() + 16 || name[16] != '.') return false;
  std::string rest = name.substr(17);
  generation = 0;
  if (rest == "idx") {
    kind = Kind::kIndex;
    return true;
  }
  if (rest.ends_with(".tmp")) {
    kind = Kind::kTemporary;
    return true;
  }
  auto [dot, bad] = std::from_chars(rest.data(), rest.data() + rest.size(), generation);
  kind = Kind::kData;
  return bad == std::errc() && std::string(dot) == ".seg";
}

}  // namespace natrix::storage
