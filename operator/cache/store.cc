#include "operator/cache/store.h"

#include <charconv>

namespace natrix::cache {
namespace {

using kube::Json;

std::string text_at(const Json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

const Json& metadata_of(const Json& object) {
  static const Json kNone = Json::object();
  auto it = object.find("metadata");
  return it != object.end() && it->is_object() ? *it : kNone;
}

std::optional<Owner> controller_of(const Json& metadata) {
  auto owners = metadata.find("ownerReferences");
  if (owners == metadata.end() || !owners->is_array()) return std::nullopt;
  for (const Json& owner : *owners) {
    if (!owner.is_object()) continue;
    auto controller = owner.find("controller");
    if (controller == owner.end() || *controller != true) continue;
    return Owner{text_at(owner, "kind"), text_at(owner, "name"), text_at(owner, "uid")};
  }
  return std::nullopt;
}

uint64_t combine(uint64_t seed, uint64_t value) {
  return seed ^ (value + 0x9e3779b97f4a7c15ULL + (seed << 12) + (seed >> 4));
}

Projected project(const Json& object, bool with_status) {
  uint64_t hash = 0;
  for (const auto& [key, value] : object.items()) {
    if (key == "status" && !with_status) continue;
    if (key == "metadata" && value.is_object()) {
      for (const auto& [name, field] : value.items()) {
        if (name == "managedFields" || name == "resourceVersion") continue;
        hash = combine(combine(hash, std::hash<std::string>{}(name)), hash_of(field));
      }
      continue;
    }
    hash = combine(combine(hash, std::hash<std::string>{}(key)), hash_of(value));
  }
  return {hash, nullptr};
}

// Versions are opaque by contract. Within one watch they only ever grow, and every server counts
// them in decimal, so a lower number is a late event; anything else is taken as it comes.
bool is_older(const std::string& candidate, const std::string& known) {
  uint64_t left = 0;
  uint64_t right = 0;
  auto parse = [](const std::string& text, uint64_t& value) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  };
  return parse(candidate, left) && parse(known, right) && left < right;
}

}  // namespace

uint64_t hash_of(const Json& document) {
  return std::hash<Json>{}(document);
}
Projected project_spec(const Json& object) {
  return project(object, false);
}
Projected project_all(const Json& object) {
  return project(object, true);
}

std::optional<Change> Store::upsert(const Json& object) {
  return put(object, false);
}

std::optional<Change> Store::put(const Json& object, bool trusted) {
  const Json& metadata = metadata_of(object);
  Key key{text_at(metadata, "namespace"), text_at(metadata, "name")};
  Item item{.uid = text_at(metadata, "uid"),
            .resource_version = text_at(metadata, "resourceVersion"),
            .owner = controller_of(metadata)};
  if (!trusted && buried_.contains(item.uid)) return std::nullopt;

  auto known = items_.find(key);
  if (known != items_.end()) {
    const Item& old = known->second;
    if (!trusted && is_older(item.resource_version, old.resource_version)) return std::nullopt;
    if (old.uid == item.uid && old.resource_version == item.resource_version) return std::nullopt;
  }
  Projected projected = projection_(object);
  item.hash = projected.hash;
  item.kept = std::move(projected.kept);

  Change change{key, std::nullopt, item};
  if (known != items_.end()) {
    change.before = known->second;
    if (known->second.uid != item.uid) bury(known->second.uid);
    drop(known);
  }
  if (item.owner) by_owner_[item.owner->uid].insert(key);
  items_.emplace(key, item);
  bool same = change.before && change.before->uid == item.uid && change.before->hash == item.hash &&
              change.before->owner == item.owner;
  if (same) return std::nullopt;
  return change;
}

std::optional<Change> Store::erase(const Json& object) {
  const Json& metadata = metadata_of(object);
  std::string uid = text_at(metadata, "uid");
  bury(uid);
  auto known = items_.find({text_at(metadata, "namespace"), text_at(metadata, "name")});
  if (known == items_.end() || known->second.uid != uid) return std::nullopt;
  return drop(known);
}

Change Store::drop(std::map<Key, Item>::iterator it) {
  Change change{it->first, std::move(it->second), std::nullopt};
  items_.erase(it);
  if (change.before->owner) {
    auto siblings = by_owner_.find(change.before->owner->uid);
    siblings->second.erase(change.key);
    if (siblings->second.empty()) by_owner_.erase(siblings);
  }
  return change;
}

void Store::bury(const std::string& uid) {
  if (uid.empty() || !buried_.insert(uid).second) return;
  if (burial_order_.size() < kTombstones) {
    burial_order_.push_back(uid);
    return;
  }
  buried_.erase(burial_order_[next_grave_]);
  burial_order_[next_grave_] = uid;
  next_grave_ = (next_grave_ + 1) % kTombstones;
}

void Store::begin_list() {
  listed_.clear();
}

std::optional<Change> Store::upsert_listed(const Json& object) {
  const Json& metadata = metadata_of(object);
  listed_.insert({text_at(metadata, "namespace"), text_at(metadata, "name")});
  return put(object, true);
}

std::vector<Change> Store::end_list() {
  std::vector<Change> gone;
  for (auto it = items_.begin(); it != items_.end();) {
    auto here = it++;
    if (listed_.contains(here->first)) continue;
    bury(here->second.uid);
    gone.push_back(drop(here));
  }
  listed_.clear();
  return gone;
}

std::optional<Item> Store::find(const Key& key) const {
  auto it = items_.find(key);
  if (it == items_.end()) return std::nullopt;
  return it->second;
}

std::vector<Key> Store::keys() const {
  std::vector<Key> result;
  result.reserve(items_.size());
  for (const auto& [key, item] : items_) result.push_back(key);
  return result;
}

std::vector<Key> Store::owned_by(const std::string& owner_uid) const {
  auto it = by_owner_.find(owner_uid);
  if (it == by_owner_.end()) return {};
  return {it->second.begin(), it->second.end()};
}

}  // namespace natrix::cache
