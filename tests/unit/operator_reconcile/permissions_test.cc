// Every call the reconciler makes is allowed by the operator's role, and nothing is in the role
// that neither the reconciler nor a watch needs.
#include <gtest/gtest.h>

#include <set>

#include "operator/kube/resources.h"
#include "operator/local/memory_api/faults.h"
#include "operator/manifests/rbac.h"
#include "tests/unit/operator_reconcile/world.h"

namespace natrix::reconcile {
namespace {

using memory_api::FaultyApi;

// "patch apps/statefulsets"
using Call = std::string;

class Recording : public FaultyApi {
 public:
  explicit Recording(memory_api::MemoryApi& inner) : FaultyApi(inner, {}, 1) {}
  std::set<Call> calls;

  kube::ApiResult<Json> get(const kube::ObjectRef& ref) override {
    note("get", ref.type);
    return FaultyApi::get(ref);
  }
  kube::ApiResult<kube::ObjectList> list(const kube::ResourceType& type,
                                         const kube::ListOptions& options) override {
    note("list", type);
    return FaultyApi::list(type, options);
  }
  kube::ApiResult<Json> create(const kube::ResourceType& type, const Json& object) override {
    note("create", type);
    return FaultyApi::create(type, object);
  }
  kube::ApiResult<Json> replace(const kube::ObjectRef& ref, const Json& object) override {
    note("update", ref.type);
    return FaultyApi::replace(ref, object);
  }
  kube::ApiResult<Json> apply(const kube::ObjectRef& ref, const Json& object,
                              const std::string& manager) override {
    note("patch", ref.type);
    // An apply that creates is asked for the right to create, too.
    if (!FaultyApi::get(ref)) note("create", ref.type);
    return FaultyApi::apply(ref, object, manager);
  }
  kube::ApiResult<Json> apply_status(const kube::ObjectRef& ref, const Json& object,
                                     const std::string& manager) override {
    note("patch", ref.type, "/status");
    return FaultyApi::apply_status(ref, object, manager);
  }
  kube::ApiResult<Json> merge_patch(const kube::ObjectRef& ref, const Json& patch) override {
    note("patch", ref.type);
    return FaultyApi::merge_patch(ref, patch);
  }
  kube::ApiResult<void> remove(const kube::ObjectRef& ref,
                               const kube::DeletePreconditions& conditions,
                               kube::Propagation propagation) override {
    note("delete", ref.type);
    return FaultyApi::remove(ref, conditions, propagation);
  }

 private:
  void note(const std::string& verb, const kube::ResourceType& type, const char* subresource = "") {
    calls.insert(verb + " " + type.group + "/" + type.plural + subresource);
  }
};

std::set<Call> allowed() {
  std::set<Call> out;
  for (const manifests::Permission& permission : manifests::cluster_permissions()) {
    for (const std::string& verb : permission.verbs) {
      out.insert(verb + " " + permission.group + "/" + permission.resource);
    }
  }
  return out;
}

// Everything the reconciler does in the life of a cluster that is given these specs.
std::set<Call> calls_of(std::initializer_list<const char*> specs) {
  World world;
  Recording api(world.memory());
  auto reconciler = world.start(api);
  world.put_secret("t", {{"token", "t"}});
  for (const char* spec : specs) {
    world.apply_cluster(spec);
    world.settle(*reconciler);
  }
  world.delete_cluster();
  reconciler->reconcile("default", "nats");
  return api.calls;
}

TEST(Role, AllowsExactlyWhatIsDone) {
  std::set<Call> calls = calls_of(
      {R"({})", R"({"replicas": 4, "auth": {"mode": "Token", "tokenSecretRef": {"name": "t"}}})",
       R"({"service": {"enabled": false}, "podDisruptionBudget": {"enabled": false},
                    "networkPolicy": {"enabled": false}})"});
  calls.merge(calls_of({R"({"storage": {"size": "1Gi"}})", R"({"storage": {"size": "2Gi"}})"}));
  const std::set<Call> may = allowed();
  for (const Call& call : calls) EXPECT_TRUE(may.count(call)) << call << " is not allowed";
  for (const Call& call : may) {
    // Informers list and watch (tests/unit/operator_controller); finalizers are asked for by the
    // admission plug-in that guards owner references.
    const bool informer = call.rfind("list ", 0) == 0 || call.rfind("watch ", 0) == 0;
    if (informer || call == "update natrix.dev/natsclusters/finalizers") continue;
    EXPECT_TRUE(calls.count(call)) << call << " is allowed and never done";
  }
}

}  // namespace
}  // namespace natrix::reconcile
