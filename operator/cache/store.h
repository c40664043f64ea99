// What the operator remembers of the objects it watches: a few words each, not whole objects.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/kube/api.h"
#include "operator/queue/work_queue.h"

namespace natrix::cache {

using queue::Key;

// The controller owner reference, if there is one.
struct Owner {
  std::string kind;
  std::string name;
  std::string uid;
  friend bool operator==(const Owner&, const Owner&) = default;
};

struct Item {
  std::string uid;
  std::string resource_version;
  std::optional<Owner> owner;
  // Changes when, and only when, something changes that the projection cares for.
  uint64_t hash = 0;
  // What else the projection wants to keep; usually nothing.
  std::shared_ptr<const kube::Json> kept;
};

// What a projection makes of a whole object.
struct Projected {
  uint64_t hash = 0;
  std::shared_ptr<const kube::Json> kept;
};
using Projection = std::function<Projected(const kube::Json& object)>;

// Of a document's content: equal documents hash alike whatever the order of their keys. Not
// cryptographic, not the same from one version of the operator to the next.
uint64_t hash_of(const kube::Json& document);
// Everything but metadata.managedFields, metadata.resourceVersion and status: for objects whose
// status is ours or is of no interest.
Projected project_spec(const kube::Json& object);
// As project_spec, with the status.
Projected project_all(const kube::Json& object);

// What one event did. Both empty: nothing of interest.
struct Change {
  Key key;
  std::optional<Item> before;
  std::optional<Item> after;
};

// The items of one watch by name, and by the uid of their owner. Tolerates events that come twice
// or late: a deleted object does not come back to life, and an older version does not replace a
// newer one. Not thread-safe; its informer guards it.
class Store {
 public:
  explicit Store(Projection projection) : projection_(std::move(projection)) {}

  // From ADDED or MODIFIED. Nothing if it tells nothing new.
  std::optional<Change> upsert(const kube::Json& object);
  // From DELETED.
  std::optional<Change> erase(const kube::Json& object);

  // A relist: begin, upsert_listed for each object, end. What was not listed is gone; a list is
  // always believed, also when its versions are lower (a restored backup).
  void begin_list();
  std::optional<Change> upsert_listed(const kube::Json& object);
  std::vector<Change> end_list();

  [[nodiscard]] std::optional<Item> find(const Key& key) const;
  [[nodiscard]] std::vector<Key> keys() const;
  [[nodiscard]] std::vector<Key> owned_by(const std::string& owner_uid) const;
  [[nodiscard]] size_t size() const { return items_.size(); }

 private:
  // How many deleted uids are remembered.
  static constexpr size_t kTombstones = 1024;

  [[nodiscard]] std::optional<Change> put(const kube::Json& object, bool trusted);
  Change drop(std::map<Key, Item>::iterator it);
  void bury(const std::string& uid);

  const Projection projection_;
  std::map<Key, Item> items_;
  std::map<std::string, std::set<Key>> by_owner_;
  std::set<Key> listed_;
  std::set<std::string> buried_;
  std::vector<std::string> burial_order_;  // a ring of kTombstones
  size_t next_grave_ = 0;
};

}  // namespace natrix::cache
