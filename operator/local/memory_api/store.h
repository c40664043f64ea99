// Store: every object of the API with its revision, and the recent past of all changes.
//
// One counter numbers all changes; it is what clients see as resourceVersion. The past is a window
// of `history` changes: a watch or a stale read from before it is "Gone". Objects are shared and
// immutable, so readers keep what they got. Not safe for concurrent use: Core's owner locks.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/kube/api.h"

namespace natrix::memory_api {

using kube::Json;

struct ObjectKey {
  std::string storage;  // TypeInfo::storage
  std::string ns;
  std::string name;
  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
};

using ObjectPtr = std::shared_ptr<const Json>;

struct Change {
  uint64_t revision = 0;
  kube::WatchEventType type = kube::WatchEventType::kAdded;
  ObjectKey key;
  ObjectPtr object;    // after; for a deletion the last state, with the revision of the deletion
  ObjectPtr previous;  // before; null for an addition
};

class Store {
 public:
  explicit Store(size_t history) : history_limit_(history) {}

  [[nodiscard]] uint64_t revision() const { return revision_; }
  // Changes after this revision are still known.
  [[nodiscard]] uint64_t oldest() const;

  [[nodiscard]] ObjectPtr get(const ObjectKey& key) const;
  // In order of namespace and name; `ns` empty: all.
  [[nodiscard]] std::vector<ObjectPtr> list(const std::string& storage,
                                            const std::string& ns) const;
  [[nodiscard]] size_t count(const std::string& storage) const;
  [[nodiscard]] std::vector<ObjectKey> keys_in(const std::string& ns) const;

  // As of an earlier revision, nullptr/empty list when it was not there. `revision` must not be
  // older than oldest().
  [[nodiscard]] ObjectPtr get_at(const ObjectKey& key, uint64_t revision) const;
  [[nodiscard]] std::vector<ObjectPtr> list_at(const std::string& storage, const std::string& ns,
                                               uint64_t revision) const;

  // Stores the object under the next revision and returns it with that resourceVersion.
  ObjectPtr put(const ObjectKey& key, Json object);
  ObjectPtr remove(const ObjectKey& key);

  // Changes after `revision`, oldest first, at most `limit`.
  [[nodiscard]] std::vector<Change> changes_after(uint64_t revision, size_t limit) const;

  // Objects that name `uid` in metadata.ownerReferences.
  [[nodiscard]] std::vector<ObjectKey> dependents(const std::string& uid) const;
  [[nodiscard]] bool has_uid(const std::string& uid) const { return uids_.contains(uid); }
  [[nodiscard]] std::optional<ObjectKey> key_of_uid(const std::string& uid) const;

 private:
  using Objects = std::map<ObjectKey, ObjectPtr>;
  void record(Change change);
  void index(const ObjectKey& key, const Json& object, bool add);

  size_t history_limit_;
  uint64_t revision_ = 1;
  Objects objects_;
  std::deque<Change> history_;
  std::map<std::string, ObjectKey> uids_;
  std::map<std::string, std::set<ObjectKey>> dependents_;
};

}  // namespace natrix::memory_api
