#include "broker/route/peer_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace natrix::route {

PeerTable::PeerTable(std::string own_id, int pool_size, std::set<std::string> dedicated)
    : own_id_(std::move(own_id)),
      pool_size_(std::max(0, pool_size)),
      dedicated_(pool_size > 0 ? std::move(dedicated) : std::set<std::string>{}) {}

int PeerTable::pool_index(std::string_view account, int pool_size) {
  if (pool_size <= 1) return 0;
  uint32_t hash = 2166136261U;  // FNV-1a, 32 bits
  for (char c : account) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 16777619U;
  }
  return static_cast<int>(hash % static_cast<uint32_t>(pool_size));
}

Verdict PeerTable::place(const Candidate& candidate) {
  Peer& peer = peers_[candidate.peer_id];
  bool first = candidate.account.empty() && pool_empty(peer);
  Verdict verdict =
      candidate.account.empty() ? place_in_pool(peer, candidate) : place_dedicated(peer, candidate);
  verdict.first_in_pool = first && verdict.kind == Verdict::kAdmit;
  if (empty(peer)) peers_.erase(candidate.peer_id);
  return verdict;
}

Verdict PeerTable::place_dedicated(Peer& peer, const Candidate& candidate) {
  Verdict refused;
  refused.kind = Verdict::kViolation;
  if (candidate.pool_size <= 0 || pool_size_ == 0) {
    refused.error = fmt::format(
        "Not possible to have a dedicated route for account \"{}\" between those servers",
        candidate.account);
    return refused;
  }
  if (!dedicated_.contains(candidate.account)) {
    refused.error = fmt::format("No route for account \"{}\"", candidate.account);
    return refused;
  }
  return claim(peer.accounts[candidate.account], candidate, -1);
}

Verdict PeerTable::place_in_pool(Peer& peer, const Candidate& candidate) {
  bool pooled = candidate.pool_size > 0 && pool_size_ > 0;
  if (!pooled) {
    if (peer.pool.empty()) peer.pool.resize(1);
    Verdict verdict = claim(peer.pool[0], candidate, 0);
    verdict.pooled = false;
    if (verdict.kind != Verdict::kDuplicate) peer.pooled = false;
    return verdict;
  }
  Verdict refused;
  refused.kind = Verdict::kViolation;
  int size = std::max(pool_size_, candidate.pool_size);
  if (candidate.solicited && candidate.pool_index != 0) {
    refused.error =
        fmt::format("Route pool index should not be set but is set to {}", candidate.pool_index);
    return refused;
  }
  if (candidate.pool_index < 0 || candidate.pool_index >= size) {
    refused.error = fmt::format("Invalid route pool index: {} - pool size is {}",
                                candidate.pool_index, candidate.pool_size);
    return refused;
  }
  // A peer may come back with another size while its old connections are still known.
  if (peer.pool.size() < static_cast<size_t>(size)) peer.pool.resize(static_cast<size_t>(size));
  peer.pooled = true;
  if (!candidate.solicited) {
    return claim(peer.pool[static_cast<size_t>(candidate.pool_index)], candidate,
                 candidate.pool_index);
  }
  for (size_t i = 0; i < peer.pool.size(); ++i) {
    if (peer.pool[i].rid == 0) return claim(peer.pool[i], candidate, static_cast<int>(i));
  }
  return {};
}

// A peer that dials for a place does not know of another connection there. So one that it dialled
// itself before is dead to it, and one that we dialled will be refused by it - or both dial at the
// same time: nats-server then keeps its own, two of ours keep what the larger id dialled.
Verdict PeerTable::claim(Holder& holder, const Candidate& candidate, int index) {
  Verdict verdict;
  verdict.place = index;
  if (holder.rid == 0) {
    verdict.kind = Verdict::kAdmit;
  } else {
    bool ours_wins = holder.solicited && candidate.same_product && own_id_ > candidate.peer_id;
    if (candidate.solicited || ours_wins) return {};
    verdict.kind = Verdict::kReplace;
    verdict.replaced = holder.rid;
  }
  holder = {candidate.rid, candidate.solicited};
  return verdict;
}

bool PeerTable::pool_empty(const Peer& peer) {
  return std::none_of(peer.pool.begin(), peer.pool.end(),
                      [](const Holder& holder) { return holder.rid != 0; });
}

bool PeerTable::empty(const Peer& peer) {
  return pool_empty(peer) && std::none_of(peer.accounts.begin(), peer.accounts.end(),
                                          [](const auto& one) { return one.second.rid != 0; });
}

bool PeerTable::remove(uint64_t rid, const std::string& peer_id) {
  auto found = peers_.find(peer_id);
  if (found == peers_.end()) return false;
  bool held = false;
  auto release = [&](Holder& holder) {
    if (holder.rid != rid) return;
    holder = {};
    held = true;
  };
  for (Holder& holder : found->second.pool) release(holder);
  for (auto& [account, holder] : found->second.accounts) release(holder);
  if (!held || !empty(found->second)) return false;
  peers_.erase(found);
  return true;
}

bool PeerTable::wants_pool_connection(const std::string& peer_id) const {
  auto found = peers_.find(peer_id);
  if (found == peers_.end()) return true;
  const std::vector<Holder>& pool = found->second.pool;
  return pool.empty() || std::any_of(pool.begin(), pool.end(),
                                     [](const Holder& holder) { return holder.rid == 0; });
}

bool PeerTable::wants_dedicated(const std::string& peer_id, const std::string& account) const {
  auto found = peers_.find(peer_id);
  if (found == peers_.end() || !found->second.pooled || !dedicated_.contains(account)) return false;
  return dedicated_connection(peer_id, account) == 0;
}

std::vector<std::string> PeerTable::peer_ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, peer] : peers_) ids.push_back(id);
  return ids;
}

uint64_t PeerTable::any_connection(const std::string& peer_id) const {
  auto found = peers_.find(peer_id);
  if (found == peers_.end()) return 0;
  for (const Holder& holder : found->second.pool) {
    if (holder.rid != 0) return holder.rid;
  }
  for (const auto& [account, holder] : found->second.accounts) {
    if (holder.rid != 0) return holder.rid;
  }
  return 0;
}

uint64_t PeerTable::dedicated_connection(const std::string& peer_id,
                                         const std::string& account) const {
  auto found = peers_.find(peer_id);
  if (found == peers_.end()) return 0;
  auto holder = found->second.accounts.find(account);
  return holder == found->second.accounts.end() ? 0 : holder->second.rid;
}

}  // namespace natrix::route
