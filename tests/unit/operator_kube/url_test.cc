#include "operator/kube/url.h"

#include <gtest/gtest.h>

#include "operator/kube/resources.h"

namespace natrix::kube {
namespace {

TEST(Url, PathsOfCoreAndGroupedTypes) {
  EXPECT_EQ(collection_path(kServices, "shop"), "/api/v1/namespaces/shop/services");
  EXPECT_EQ(collection_path(kServices, ""), "/api/v1/services");
  EXPECT_EQ(collection_path(kStatefulSets, "shop"), "/apis/apps/v1/namespaces/shop/statefulsets");
  EXPECT_EQ(object_path({kStatefulSets, "shop", "orders"}, "status"),
            "/apis/apps/v1/namespaces/shop/statefulsets/orders/status");
}

TEST(Url, ClusterScopedTypesIgnoreTheNamespace) {
  EXPECT_EQ(object_path({kNodes, "shop", "n1"}), "/api/v1/nodes/n1");
}

TEST(Url, NamesCannotEscapeTheirPlace) {
  EXPECT_EQ(object_path({kServices, "a/../b", "x?y"}),
            "/api/v1/namespaces/a%2F..%2Fb/services/x%3Fy");
}

TEST(Url, QueryEncodesValues) {
  Query query;
  query.add("labelSelector", "app in (a, b)").add_unless_empty("continue", "").add("limit", "5");
  EXPECT_EQ(query.text(), "?labelSelector=app%20in%20%28a%2C%20b%29&limit=5");
}

TEST(Url, DescriptionsNameTypeAndObject) {
  EXPECT_EQ(describe(ObjectRef{kStatefulSets, "shop", "orders"}), "statefulsets.apps shop/orders");
  EXPECT_EQ(describe(ObjectRef{kNodes, "", "n1"}), "nodes n1");
}

}  // namespace
}  // namespace natrix::kube
