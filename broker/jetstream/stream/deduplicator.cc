#include "broker/jetstream/stream/deduplicator.h"

namespace natrix::jetstream::stream {

void Deduplicator::expire(int64_t now) {
  while (!order_.empty() && order_.front().time <= now - window_) {
    by_id_.erase(*order_.front().id);
    order_.pop_front();
  }
}

std::optional<uint64_t> Deduplicator::find(std::string_view id, int64_t now) {
  expire(now);
  auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  return found->second;
}

void Deduplicator::add(std::string_view id, uint64_t seq, int64_t now) {
  last_id_ = id;
  if (window_ <= 0) return;
  auto [at, fresh] = by_id_.try_emplace(std::string(id), seq);
  if (fresh) order_.push_back({now, seq, &at->first});
}

void Deduplicator::forget_from(uint64_t seq) {
  while (!order_.empty() && order_.back().seq >= seq) {
    by_id_.erase(*order_.back().id);
    order_.pop_back();
  }
  last_id_ = order_.empty() ? std::string() : *order_.back().id;
}

void Deduplicator::clear() {
  by_id_.clear();
  order_.clear();
  last_id_.clear();
}

}  // namespace natrix::jetstream::stream
