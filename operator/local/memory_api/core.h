// Core: the verbs of the Kubernetes API on documents, with the semantics of a real API server:
// optimistic locking, generations, finalizers, graceful deletion of pods, defaulting, pruning,
// validation, server-side apply, subresources, custom resource definitions.
//
// Single threaded; ApiServer locks around it. No time and no randomness of its own: both come in
// through CoreOptions, so that a run repeats from a seed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "operator/local/memory_api/managed_fields.h"
#include "operator/local/memory_api/selector.h"
#include "operator/local/memory_api/store.h"
#include "operator/local/memory_api/strategy.h"

namespace natrix::memory_api {

using Clock = std::function<std::chrono::system_clock::time_point()>;

struct CoreOptions {
  Clock clock = std::chrono::system_clock::now;
  uint64_t seed = 0;      // of uids and generated names; 0: from the system
  size_t history = 4096;  // changes a watch can catch up on
  size_t max_objects_per_type = 50000;
  size_t max_object_bytes = 1536 * 1024;  // what etcd takes
  size_t max_events = 1000;               // Event objects kept, oldest dropped
  std::function<std::string(const std::string& ns, const std::string& name)> service_address;
};

enum class FieldValidation : uint8_t { kIgnore, kWarn, kStrict };

struct WriteOptions {
  std::string manager = "unknown";
  bool dry_run = false;
  FieldValidation validation = FieldValidation::kWarn;
};

struct Written {
  Json object;
  bool created = false;
  std::vector<std::string> warnings;  // unknown fields that were dropped
};

enum class PatchKind : uint8_t { kJson, kMerge, kStrategic, kApply };

struct PatchRequest {
  PatchKind kind = PatchKind::kMerge;
  Json patch;
  bool force = false;  // kApply: take fields over from other managers
};

struct DeleteRequest {
  std::string uid;  // preconditions, empty: not checked
  std::string resource_version;
  std::optional<kube::Propagation> propagation;  // default: background
  std::optional<int64_t> grace_seconds;          // pods
  bool dry_run = false;
};

struct Deleted {
  bool gone = false;  // false: waits for finalizers or grace, `object` has a deletionTimestamp
  Json object;
};

// Where a request goes. `subresource` is "", "status" or "scale".
struct Target {
  TypePtr type;
  std::string ns;
  std::string name;
  std::string subresource;
};

class Core {
 public:
  explicit Core(CoreOptions options);

  [[nodiscard]] const TypeTable& types() const { return types_; }
  [[nodiscard]] const Store& store() const { return store_; }

  Outcome<Json> get(const Target& target) const;
  Outcome<Written> create(const TypePtr& type, const std::string& ns, Json object,
                          const WriteOptions& options);
  Outcome<Written> update(const Target& target, Json object, const WriteOptions& options);
  Outcome<Written> patch(const Target& target, const PatchRequest& request,
                         const WriteOptions& options);
  Outcome<Deleted> remove(const Target& target, const DeleteRequest& request);

  // The garbage collector's steps, see gc.cc. Returns whether anything was changed.
  bool collect_garbage();

 private:
  struct Prepared {
    Json object;
    std::vector<std::string> warnings;
  };
  friend class Collector;

  [[nodiscard]] ObjectKey key_of(const Target& target) const;
  [[nodiscard]] std::string now() const;
  std::string make_uid();
  [[nodiscard]] Writer writer(const Target& target, const WriteOptions& options) const;

  // Checks types, drops unknown fields and fills in defaults.
  Outcome<Prepared> admit(const TypeInfo& type, Json object, FieldValidation validation) const;
  Outcome<void> check_identity(const Target& target, Json& object) const;
  Outcome<void> check_namespace(const TypeInfo& type, const std::string& ns,
                                const std::string& name) const;
  Outcome<void> check_all(const TypeInfo& type, const Json* live, const Json& object) const;
  Outcome<void> check_versions(const Target& target, const Json& live, const Json& object) const;

  Outcome<Written> create_admitted(const Target& target, Prepared prepared, bool applied,
                                   const WriteOptions& options);
  Outcome<Written> update_admitted(const Target& target, const ObjectPtr& live, Prepared prepared,
                                   bool applied, const WriteOptions& options);
  Outcome<Written> update_status(const Target& target, const ObjectPtr& live, Json object,
                                 bool applied, const WriteOptions& options);
  Outcome<Written> update_scale(const Target& target, const ObjectPtr& live, const Json& scale,
                                const WriteOptions& options);
  Outcome<Written> apply(const Target& target, const PatchRequest& request,
                         const WriteOptions& options);
  Outcome<Written> store_changed(const Target& target, const ObjectPtr& live, Json object,
                                 std::vector<std::string> warnings, const WriteOptions& options);

  Outcome<void> check_preconditions(const Target& target, const Json& live,
                                    const DeleteRequest& request) const;
  Outcome<Deleted> mark_deleted(const Target& target, const ObjectPtr& live, Json object,
                                int64_t grace, bool dry_run);
  void finish_delete(const ObjectKey& key);
  void drop_old_events();

  CoreOptions options_;
  TypeTable types_;
  Store store_;
  std::mt19937_64 random_;
  std::set<std::string> orphaned_;  // uids whose objects are gone or may be: collector's work
  std::set<ObjectKey> unowned_;     // objects whose owners must be looked up
  std::set<ObjectKey> finalizing_;  // objects whose finalizers the server itself works on
};

// The autoscaling/v1 Scale of an object whose type has the subresource.
Json scale_of(const TypeInfo& type, const Json& object);

}  // namespace natrix::memory_api
