#include "tests/crash/disk/disk.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

namespace natrix::crash {

namespace {

// A kernel writes back what has been dirty for long; here it happens by size.
constexpr uint64_t kPendingBytesMax = 64 << 20;
constexpr size_t kPendingNamesMax = 4096;

timespec clock_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now;
}

void touch(const NodePtr& node) {
  node->modified = node->changed = clock_now();
}

}  // namespace

Disk::Disk(NameRule rule, uint64_t capacity_bytes) : rule_(rule), capacity_(capacity_bytes) {
  root_ = make_node(true, 0755);
  root_->id = kRoot;
}

NodePtr Disk::make_node(bool is_directory, mode_t mode) {
  auto node = std::make_shared<Node>();
  node->id = next_id_++;
  node->is_directory = is_directory;
  node->mode = mode & 07777;
  touch(node);
  node->accessed = node->modified;
  return node;
}

NodePtr Disk::node(uint64_t id) const {
  if (id == kRoot) return root_;
  auto found = known_.find(id);
  return found == known_.end() || found->second->gone ? nullptr : found->second;
}

NodePtr Disk::lookup(const NodePtr& directory, const std::string& name) const {
  auto found = directory->now.find(name);
  return found == directory->now.end() ? nullptr : found->second;
}

void Disk::remember(const NodePtr& node) {
  if (node->lookups++ == 0 && node->id != kRoot) known_[node->id] = node;
}

void Disk::forget(uint64_t id, uint64_t times) {
  auto found = known_.find(id);
  if (found == known_.end()) return;
  Node& node = *found->second;
  node.lookups -= std::min(node.lookups, times);
  if (node.lookups == 0) known_.erase(found);
}

void Disk::apply_to_disk(const NameChange& change) {
  for (const NameChange::Part& part : change.parts) {
    if (part.value) {
      part.directory->on_disk[part.name] = part.value;
    } else {
      part.directory->on_disk.erase(part.name);
    }
  }
}

void Disk::change_names(NameChange change) {
  for (const NameChange::Part& part : change.parts) {
    if (part.value) {
      part.directory->now[part.name] = part.value;
    } else {
      part.directory->now.erase(part.name);
    }
    touch(part.directory);
  }
  pending_names_.push_back(std::move(change));
  if (pending_names_.size() > kPendingNamesMax) {
    apply_to_disk(pending_names_.front());
    pending_names_.erase(pending_names_.begin());
  }
}

int Disk::create(const NodePtr& directory, const std::string& name, bool is_directory, mode_t mode,
                 NodePtr* made) {
  if (lookup(directory, name)) return EEXIST;
  if (!has_space(nullptr, 1)) return ENOSPC;
  *made = make_node(is_directory, mode);
  (*made)->links = 1;
  change_names({{{directory, name, *made}}});
  return 0;
}

int Disk::unlink(const NodePtr& directory, const std::string& name) {
  NodePtr file = lookup(directory, name);
  if (!file) return ENOENT;
  if (file->is_directory) return EISDIR;
  --file->links;
  change_names({{{directory, name, nullptr}}});
  return 0;
}

int Disk::rmdir(const NodePtr& directory, const std::string& name) {
  NodePtr child = lookup(directory, name);
  if (!child) return ENOENT;
  if (!child->is_directory) return ENOTDIR;
  if (!child->now.empty()) return ENOTEMPTY;
  change_names({{{directory, name, nullptr}}});
  return 0;
}

int Disk::link(const NodePtr& file, const NodePtr& directory, const std::string& name) {
  if (file->is_directory) return EPERM;
  if (lookup(directory, name)) return EEXIST;
  ++file->links;
  change_names({{{directory, name, file}}});
  return 0;
}

int Disk::rename(const NodePtr& from, const std::string& name, const NodePtr& to,
                 const std::string& new_name, bool may_replace) {
  NodePtr moved = lookup(from, name);
  if (!moved) return ENOENT;
  NodePtr replaced = lookup(to, new_name);
  if (replaced == moved) return 0;
  if (replaced) {
    if (!may_replace) return EEXIST;
    if (replaced->is_directory != moved->is_directory) {
      return replaced->is_directory ? EISDIR : ENOTDIR;
    }
    if (!replaced->now.empty()) return ENOTEMPTY;
    if (!replaced->is_directory) --replaced->links;
  }
  change_names({{{from, name, nullptr}, {to, new_name, moved}}});
  return 0;
}

uint64_t Disk::used_bytes() const {
  uint64_t used = 0;
  std::set<const Node*> seen;
  std::vector<const Node*> left = {root_.get()};
  while (!left.empty()) {
    const Node* node = left.back();
    left.pop_back();
    if (!seen.insert(node).second) continue;
    used += node->content.size();
    for (const auto& [name, child] : node->now) left.push_back(child.get());
  }
  return used;
}

bool Disk::has_space(const NodePtr& file, uint64_t end) const {
  if (capacity_ == UINT64_MAX) return true;
  uint64_t size = file ? file->content.size() : 0;
  return end <= size || used_bytes() + (end - size) <= capacity_;
}

int Disk::write(const NodePtr& file, uint64_t offset, const char* from, size_t size,
                size_t* written) {
  // A full disk takes the beginning of a write, by blocks.
  while (size > 0 && !has_space(file, offset + size)) {
    size -= std::min(size, Content::kBlockBytes);
    if (size == 0) return ENOSPC;
  }
  file->content.write(offset, from, size);
  touch(file);
  *written = size;
  if (file->content.pending_bytes() > kPendingBytesMax) file->content.sync();
  return 0;
}

int Disk::resize(const NodePtr& file, uint64_t size) {
  file->content.resize(size);
  touch(file);
  return 0;
}

void Disk::sync(const NodePtr& file) {
  file->content.sync();
  if (rule_ == NameRule::kJournal) sync_all_names();
}

void Disk::fail_sync(const NodePtr& file, Dice& dice) {
  file->content.fail_sync(dice);
}

void Disk::sync_all_names() {
  for (const NameChange& change : pending_names_) apply_to_disk(change);
  pending_names_.clear();
}

// The directory's own changes, and whatever must have come before them: earlier changes of the same
// names, and the other half of a rename.
void Disk::sync_directory(const NodePtr& directory) {
  if (rule_ == NameRule::kJournal) {
    sync_all_names();
    return;
  }
  std::set<std::pair<const Node*, std::string>> needed;
  std::vector<bool> taken(pending_names_.size());
  for (size_t i = pending_names_.size(); i-- > 0;) {
    const std::vector<NameChange::Part>& parts = pending_names_[i].parts;
    taken[i] = std::any_of(parts.begin(), parts.end(), [&](const NameChange::Part& part) {
      return part.directory == directory || needed.contains({part.directory.get(), part.name});
    });
    if (!taken[i]) continue;
    for (const NameChange::Part& part : parts) needed.insert({part.directory.get(), part.name});
  }
  std::vector<NameChange> left;
  for (size_t i = 0; i < pending_names_.size(); ++i) {
    if (taken[i]) {
      apply_to_disk(pending_names_[i]);
    } else {
      left.push_back(std::move(pending_names_[i]));
    }
  }
  pending_names_ = std::move(left);
}

void Disk::sync_all() {
  sync_all_names();
  std::vector<NodePtr> left = {root_};
  while (!left.empty()) {
    NodePtr node = left.back();
    left.pop_back();
    node->content.sync();
    for (const auto& [name, child] : node->now) left.push_back(child);
  }
}

}  // namespace natrix::crash
