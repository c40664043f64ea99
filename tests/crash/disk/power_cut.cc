// What is left after the power was cut.
#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "tests/crash/disk/disk.h"

namespace natrix::crash {

struct Disk::Rebuild {
  Dice dice;
  Cut cut;
  uint32_t sector_bytes = 512;
  std::vector<Survival> survivals;        // drawn from for each file
  std::map<const Node*, NodePtr> made{};  // old to new: hard links stay links
};

namespace {

// One cut in four loses all that it may: the plainest case, and the one that finds a missing sync
// for certain. The others lose this here and that there.
std::vector<Survival> draw_survivals(Dice& dice) {
  if (dice.percent(25)) return {Survival::kNothing};
  if (dice.percent(10)) return {Survival::kEverything};
  return {Survival::kNothing, Survival::kEverything, Survival::kPrefix,
          Survival::kPrefix,  Survival::kMixture,    Survival::kMixture};
}

}  // namespace

void Disk::lose_names(Dice& dice, Cut& cut) {
  static constexpr unsigned kKept[] = {0, 50, 90, 100};  // percent
  unsigned kept = kKept[dice.below(std::size(kKept))];
  cut.names_pending = pending_names_.size();
  if (rule_ == NameRule::kJournal) {
    size_t count = kept == 100 ? pending_names_.size() : dice.below(pending_names_.size() + 1);
    if (kept == 0) count = 0;
    for (size_t i = 0; i < count; ++i) apply_to_disk(pending_names_[i]);
    cut.names_lost = pending_names_.size() - count;
    pending_names_.clear();
    return;
  }
  std::set<std::pair<const Node*, std::string>> lost;
  for (const NameChange& change : pending_names_) {
    bool blocked =
        std::any_of(change.parts.begin(), change.parts.end(), [&](const NameChange::Part& part) {
          return lost.contains({part.directory.get(), part.name});
        });
    if (!blocked && dice.percent(kept)) {
      apply_to_disk(change);
      continue;
    }
    ++cut.names_lost;
    for (const NameChange::Part& part : change.parts)
      lost.insert({part.directory.get(), part.name});
  }
  pending_names_.clear();
}

NodePtr Disk::rebuild(const NodePtr& old, Rebuild& state) {
  NodePtr& made = state.made[old.get()];
  if (made) {
    ++made->links;
    return made;
  }
  made = std::make_shared<Node>(*old);
  NodePtr node = made;
  node->id = next_id_++;
  node->links = 1;
  node->lookups = 0;
  node->now.clear();
  node->on_disk.clear();
  if (!node->is_directory) {
    Tearing tearing;
    tearing.survival = state.survivals[state.dice.below(state.survivals.size())];
    tearing.sector_bytes = state.sector_bytes;
    state.cut.bytes_pending += old->content.pending_bytes();
    if (old->content.pending()) ++state.cut.files_changed;
    ++state.cut.files;
    node->content = old->content.after_power_cut(state.dice, tearing);
    return node;
  }
  for (const auto& [name, child] : old->on_disk) {
    NodePtr kept = rebuild(child, state);
    node->now[name] = kept;
    node->on_disk[name] = kept;
  }
  return node;
}

Disk::Cut Disk::power_cut(uint64_t seed) {
  Rebuild state{Dice(seed), {}, 512, {}};
  state.sector_bytes = state.dice.percent(50) ? 512 : 4096;
  state.survivals = draw_survivals(state.dice);
  lose_names(state.dice, state.cut);
  NodePtr root = rebuild(root_, state);
  for (const auto& [id, node] : known_) node->gone = true;
  root->id = kRoot;
  root_ = std::move(root);
  return state.cut;
}

}  // namespace natrix::crash
