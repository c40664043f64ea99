#include "operator/local/memory_api/store.h"

#include <algorithm>

namespace natrix::memory_api {

using kube::WatchEventType;

uint64_t Store::oldest() const {
  return history_.empty() ? revision_ : history_.front().revision - 1;
}

ObjectPtr Store::get(const ObjectKey& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : found->second;
}

std::vector<ObjectPtr> Store::list(const std::string& storage, const std::string& ns) const {
  std::vector<ObjectPtr> out;
  for (auto it = objects_.lower_bound({storage, ns, ""}); it != objects_.end(); ++it) {
    if (it->first.storage != storage || (!ns.empty() && it->first.ns != ns)) break;
    out.push_back(it->second);
  }
  return out;
}

size_t Store::count(const std::string& storage) const {
  size_t count = 0;
  for (auto it = objects_.lower_bound({storage, "", ""}); it != objects_.end(); ++it, ++count) {
    if (it->first.storage != storage) break;
  }
  return count;
}

std::vector<ObjectKey> Store::keys_in(const std::string& ns) const {
  std::vector<ObjectKey> out;
  for (const auto& [key, object] : objects_) {
    if (key.ns == ns) out.push_back(key);
  }
  return out;
}

ObjectPtr Store::get_at(const ObjectKey& key, uint64_t revision) const {
  ObjectPtr now = get(key);
  for (auto it = history_.rbegin(); it != history_.rend() && it->revision > revision; ++it) {
    if (it->key == key) now = it->previous;
  }
  return now;
}

std::vector<ObjectPtr> Store::list_at(const std::string& storage, const std::string& ns,
                                      uint64_t revision) const {
  Objects then;
  for (auto it = objects_.lower_bound({storage, ns, ""}); it != objects_.end(); ++it) {
    if (it->first.storage != storage || (!ns.empty() && it->first.ns != ns)) break;
    then.insert(*it);
  }
  for (auto it = history_.rbegin(); it != history_.rend() && it->revision > revision; ++it) {
    if (it->key.storage != storage || (!ns.empty() && it->key.ns != ns)) continue;
    if (it->previous) {
      then[it->key] = it->previous;
    } else {
      then.erase(it->key);
    }
  }
  std::vector<ObjectPtr> out;
  for (auto& [key, object] : then) out.push_back(std::move(object));
  return out;
}

ObjectPtr Store::put(const ObjectKey& key, Json object) {
  ++revision_;
  object["metadata"]["resourceVersion"] = std::to_string(revision_);
  auto stored = std::make_shared<const Json>(std::move(object));
  ObjectPtr& slot = objects_[key];
  if (slot) index(key, *slot, false);
  record({revision_, slot ? WatchEventType::kModified : WatchEventType::kAdded, key, stored, slot});
  slot = stored;
  index(key, *stored, true);
  return stored;
}

ObjectPtr Store::remove(const ObjectKey& key) {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return nullptr;
  ++revision_;
  Json last = *found->second;
  last["metadata"]["resourceVersion"] = std::to_string(revision_);
  auto gone = std::make_shared<const Json>(std::move(last));
  index(key, *found->second, false);
  record({revision_, WatchEventType::kDeleted, key, gone, found->second});
  objects_.erase(found);
  return gone;
}

std::vector<Change> Store::changes_after(uint64_t revision, size_t limit) const {
  auto it = std::upper_bound(history_.begin(), history_.end(), revision,
                             [](uint64_t r, const Change& change) { return r < change.revision; });
  std::vector<Change> out;
  for (; it != history_.end() && out.size() < limit; ++it) out.push_back(*it);
  return out;
}

std::vector<ObjectKey> Store::dependents(const std::string& uid) const {
  const auto found = dependents_.find(uid);
  if (found == dependents_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::optional<ObjectKey> Store::key_of_uid(const std::string& uid) const {
  const auto found = uids_.find(uid);
  if (found == uids_.end()) return std::nullopt;
  return found->second;
}

void Store::record(Change change) {
  history_.push_back(std::move(change));
  if (history_.size() > history_limit_) history_.pop_front();
}

void Store::index(const ObjectKey& key, const Json& object, bool add) {
  const Json& metadata = object["metadata"];
  const std::string uid = metadata.value("uid", "");
  if (add) {
    uids_.insert_or_assign(uid, key);
  } else {
    uids_.erase(uid);
  }
  const auto owners = metadata.find("ownerReferences");
  if (owners == metadata.end() || !owners->is_array()) return;
  for (const Json& owner : *owners) {
    const std::string owner_uid = owner.value("uid", "");
    std::set<ObjectKey>& set = dependents_[owner_uid];
    if (add) {
      set.insert(key);
    } else {
      set.erase(key);
    }
    if (set.empty()) dependents_.erase(owner_uid);
  }
}

}  // namespace natrix::memory_api
