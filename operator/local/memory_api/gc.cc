// The garbage collector and the finalizers that the server itself works off: owner references
// (background, foreground, orphan), content of namespaces, instances of custom resources.
//
// Runs to completion after each write (ApiServer) or when a test says so: in a real cluster it is a
// controller that lags behind, and a test that wants the lag calls it late.
#include "operator/local/memory_api/core.h"

namespace natrix::memory_api {

class Collector {
 public:
  explicit Collector(Core& core) : core_(core) {}

  bool run() {
    bool changed = false;
    while (step()) changed = true;
    return changed;
  }

 private:
  bool step() {
    if (!core_.orphaned_.empty()) {
      const std::string uid = *core_.orphaned_.begin();
      core_.orphaned_.erase(core_.orphaned_.begin());
      for (const ObjectKey& key : core_.store_.dependents(uid)) core_.unowned_.insert(key);
      return true;
    }
    if (!core_.unowned_.empty()) {
      const ObjectKey key = *core_.unowned_.begin();
      core_.unowned_.erase(core_.unowned_.begin());
      judge_dependent(key);
      return true;
    }
    if (!core_.finalizing_.empty()) {
      const ObjectKey key = *core_.finalizing_.begin();
      core_.finalizing_.erase(core_.finalizing_.begin());
      finalize(key);
      return true;
    }
    return false;
  }

  // An object with owners, none of which exists any more, goes; references to owners that are gone
  // are dropped when another remains.
  void judge_dependent(const ObjectKey& key) {
    const ObjectPtr object = core_.store_.get(key);
    if (!object) return;
    const Json owners = (*object)["metadata"].value("ownerReferences", Json::array());
    Json alive = Json::array();
    for (const Json& owner : owners) {
      if (core_.store_.has_uid(owner.value("uid", ""))) alive.push_back(owner);
    }
    if (owners.empty() || alive.size() == owners.size()) return;
    if (alive.empty()) {
      remove(key, kube::Propagation::kBackground);
      return;
    }
    Json kept = *object;
    kept["metadata"]["ownerReferences"] = alive;
    core_.store_.put(key, std::move(kept));
  }

  void finalize(const ObjectKey& key) {
    const ObjectPtr object = core_.store_.get(key);
    if (!object || !(*object)["metadata"].contains("deletionTimestamp")) return;
    if (key.storage == "namespaces") {
      finalize_namespace(key);
      return;
    }
    if (key.storage == "customresourcedefinitions.apiextensions.k8s.io") {
      finalize_definition(key);
      return;
    }
    for (const Json& finalizer : (*object)["metadata"].value("finalizers", Json::array())) {
      if (finalizer == "orphan") orphan_dependents(key, *object);
      if (finalizer == "foregroundDeletion") delete_foreground(key, *object);
    }
  }

  void orphan_dependents(const ObjectKey& key, const Json& owner) {
    const std::string uid = owner["metadata"]["uid"];
    for (const ObjectKey& dependent : core_.store_.dependents(uid)) {
      Json kept = *core_.store_.get(dependent);
      Json references = Json::array();
      for (const Json& reference : kept["metadata"]["ownerReferences"]) {
        if (reference["uid"] != uid) references.push_back(reference);
      }
      kept["metadata"].erase("ownerReferences");
      if (!references.empty()) kept["metadata"]["ownerReferences"] = references;
      core_.store_.put(dependent, std::move(kept));
    }
    drop_finalizer(key, "orphan");
  }

  void delete_foreground(const ObjectKey& key, const Json& owner) {
    const std::string uid = owner["metadata"]["uid"];
    bool blocked = false;
    for (const ObjectKey& dependent : core_.store_.dependents(uid)) {
      const ObjectPtr object = core_.store_.get(dependent);
      if (!(*object)["metadata"].contains("deletionTimestamp")) {
        remove(dependent, kube::Propagation::kForeground);
      }
      const ObjectPtr left = core_.store_.get(dependent);
      if (!left) continue;
      for (const Json& reference : (*left)["metadata"]["ownerReferences"]) {
        if (reference["uid"] == uid) blocked |= reference.value("blockOwnerDeletion", false);
      }
    }
    if (!blocked) drop_finalizer(key, "foregroundDeletion");
  }

  void finalize_namespace(const ObjectKey& key) {
    for (const ObjectKey& content : core_.store_.keys_in(key.name)) {
      const ObjectPtr object = core_.store_.get(content);
      if (object && !(*object)["metadata"].contains("deletionTimestamp")) {
        remove(content, kube::Propagation::kBackground);
      }
    }
    if (core_.store_.keys_in(key.name).empty()) core_.finish_delete(key);
  }

  void finalize_definition(const ObjectKey& key) {
    for (const ObjectPtr& instance : core_.store_.list(key.name, "")) {
      const Json& metadata = (*instance)["metadata"];
      if (metadata.contains("deletionTimestamp")) continue;
      remove({key.name, metadata.value("namespace", ""), metadata["name"]},
             kube::Propagation::kBackground);
    }
    if (core_.store_.count(key.name) > 0) return;
    core_.types_.withdraw(key.name);
    core_.finish_delete(key);
  }

  void remove(const ObjectKey& key, kube::Propagation propagation) {
    const TypePtr type = core_.types_.by_storage(key.storage);
    if (!type) return;
    DeleteRequest request;
    request.propagation = propagation;
    static_cast<void>(core_.remove({type, key.ns, key.name, ""}, request).ok());
  }

  void drop_finalizer(const ObjectKey& key, const char* name) {
    const ObjectPtr object = core_.store_.get(key);
    if (!object) return;
    Json next = *object;
    Json kept = Json::array();
    for (const Json& finalizer : next["metadata"].value("finalizers", Json::array())) {
      if (finalizer != name) kept.push_back(finalizer);
    }
    next["metadata"].erase("finalizers");
    if (!kept.empty()) next["metadata"]["finalizers"] = kept;
    const bool last = kept.empty() && next["metadata"].value("deletionGracePeriodSeconds", 0) == 0;
    core_.store_.put(key, std::move(next));
    if (last) core_.finish_delete(key);
  }

  Core& core_;
};

bool Core::collect_garbage() {
  return Collector(*this).run();
}

}  // namespace natrix::memory_api
