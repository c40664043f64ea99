#include "operator/controller/cluster_watches.h"

#include <gtest/gtest.h>

#include "operator/kube/resources.h"
#include "operator/manifests/rbac.h"
#include "operator/model/labels.h"

namespace natrix::controller {
namespace {

using kube::Json;

const WatchSpec& spec_of(const std::vector<WatchSpec>& watches, const kube::ResourceType& type) {
  for (const WatchSpec& watch : watches) {
    if (watch.type == type) return watch;
  }
  ADD_FAILURE() << type.plural << " is not watched";
  return watches.front();
}

Json object(const std::string& cluster, const std::string& version = "5") {
  Json result = {{"metadata",
                  {{"namespace", "shop"},
                   {"name", "x"},
                   {"uid", "u"},
                   {"resourceVersion", version},
                   {"labels", {{"a", "b"}}}}}};
  if (!cluster.empty()) result["metadata"]["labels"]["natrix.dev/cluster"] = cluster;
  return result;
}

// The key that an event about `document` leads to.
std::optional<queue::Key> key_after(const WatchSpec& watch, const Json& document) {
  cache::Store store(watch.projection);
  auto change = store.upsert(document);
  return change ? watch.key_of(*change) : std::nullopt;
}

TEST(ClusterWatches, ChildrenLeadToTheirCluster) {
  std::vector<WatchSpec> watches = cluster_watches();
  EXPECT_EQ(watches.front().type.plural, "natsclusters");
  EXPECT_EQ(watches.front().label_selector, "");
  for (size_t i = 1; i < watches.size(); ++i) {
    EXPECT_EQ(watches[i].label_selector, model::kManagedSelector) << watches[i].type.plural;
    EXPECT_EQ(key_after(watches[i], object("orders")), (queue::Key{"shop", "orders"}));
    EXPECT_EQ(key_after(watches[i], object("")), std::nullopt);
  }
}

TEST(ClusterWatches, DeletedChildStillLeadsToItsCluster) {
  std::vector<WatchSpec> watches = cluster_watches();
  const WatchSpec& pods = spec_of(watches, kube::kPods);
  cache::Store store(pods.projection);
  store.upsert(object("orders"));
  auto gone = store.erase(object("orders", "6"));
  ASSERT_TRUE(gone.has_value());
  EXPECT_EQ(pods.key_of(*gone), (queue::Key{"shop", "orders"}));
}

TEST(ClusterWatches, OurOwnStatusIsNoReasonForAPassButAChildsStatusIs) {
  std::vector<WatchSpec> watches = cluster_watches();
  Json before = object("orders", "5");
  Json after = object("orders", "6");
  after["status"] = {{"ready", 1}};
  cache::Store clusters(watches.front().projection);
  EXPECT_TRUE(clusters.upsert(before).has_value());
  EXPECT_FALSE(clusters.upsert(after).has_value());
  cache::Store sets(spec_of(watches, kube::kStatefulSets).projection);
  EXPECT_TRUE(sets.upsert(before).has_value());
  EXPECT_TRUE(sets.upsert(after).has_value());
}

// What is watched here has to be allowed there.
TEST(ClusterWatches, RbacAllowsListAndWatchOfEachTypeAndOfNoSecret) {
  for (const WatchSpec& watch : cluster_watches()) {
    EXPECT_NE(watch.type.plural, "secrets");
    bool allowed = false;
    for (const manifests::Permission& permission : manifests::cluster_permissions()) {
      if (permission.group != watch.type.group || permission.resource != watch.type.plural)
        continue;
      auto has = [&](const char* verb) {
        return std::count(permission.verbs.begin(), permission.verbs.end(), verb) == 1;
      };
      allowed = has("list") && has("watch");
    }
    EXPECT_TRUE(allowed) << watch.type.plural;
  }
}

}  // namespace
}  // namespace natrix::controller
