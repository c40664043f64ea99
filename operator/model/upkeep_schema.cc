// spec.storage, spec.updateStrategy and spec.networkPolicy: how a running cluster may change.
#include "operator/model/cluster_schema.h"
#include "operator/model/units.h"

namespace natrix::model {

namespace {

Schema retention(std::string description) {
  return Schema::string(std::move(description)).one_of({"Retain", "Delete"}).by_default("Retain");
}

Schema retention_schema() {
  return Schema::object(
      "What becomes of the claims. The operator itself never deletes one; Delete asks the "
      "StatefulSet controller to.",
      {{"whenDeleted", retention("When the cluster is deleted.")},
       {"whenScaled", retention("When scaling down has removed the server.")}});
}

bool same_class(const Json& storage, const Json* old) {
  return old == nullptr ||
         storage.value("storageClassName", Json()) == old->value("storageClassName", Json());
}

bool same_mount(const Json& storage, const Json* old) {
  return old == nullptr || storage["mountPath"] == old->value("mountPath", "/data");
}

bool not_smaller(const Json& storage, const Json* old) {
  return old == nullptr || quantity_units(storage["size"].get<std::string>()) >=
                               quantity_units(old->value("size", ""));
}

Schema peers_schema(std::string description) {
  return Schema::array(std::move(description),
                       Schema::any_object("A NetworkPolicyPeer: podSelector, namespaceSelector or "
                                          "ipBlock."))
      .items(1, 64);
}

}  // namespace

Schema storage_schema() {
  return Schema::object(
             "One PersistentVolumeClaim per server, kept when the server or the cluster goes.",
             {{"size",
               Schema::string("Requested size of each volume. It may grow, in place and without a "
                              "restart, if the storage class allows it; it cannot shrink.")
                   .length(1, 32)
                   .matching("^[0-9]+(\\.[0-9]+)?([kMGTPE]|[KMGTPE]i)?$",
                             "a quantity such as 10Gi"),
               true},
              {"storageClassName",
               Schema::string("Absent: the default class of the Kubernetes cluster.")
                   .length(0, 253)},
              {"mountPath", Schema::string("Where the volume appears in the container.")
                                .length(2, 200)
                                .matching("^/[-._a-zA-Z0-9/]*$", "an absolute path")
                                .by_default("/data")},
              {"retentionPolicy", retention_schema().by_default(Json::object())}})
      .rule({"has(self.storageClassName) == has(oldSelf.storageClassName) && "
             "(!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
             "storageClassName cannot change on an existing cluster", same_class})
      .rule({"self.mountPath == oldSelf.mountPath",
             "mountPath cannot change on an existing cluster", same_mount})
      // Comparing quantities takes a CEL library that Kubernetes 1.25 to 1.28 do not have.
      .rule({"", "size cannot become smaller on an existing cluster", not_smaller})
      .rule({"self.mountPath != '/etc/nats' && self.mountPath != '/var/run/nats'",
             "mountPath is used by the operator for the server's configuration",
             [](const Json& storage, const Json*) {
               return storage["mountPath"] != "/etc/nats" &&
                      storage["mountPath"] != "/var/run/nats";
             }});
}

Schema update_strategy_schema() {
  return Schema::object(
      "How changes that restart servers are carried out.",
      {{"type",
        Schema::string("Rolling: one server at a time, each only when all servers are ready, "
                       "healthy and connected to each other. OnDelete: servers restart when their "
                       "pods are deleted by hand. Approve: like Rolling, but a plan that disturbs "
                       "servers waits until the annotation natrix.dev/approve-plan holds its "
                       "digest.")
            .one_of({"Rolling", "OnDelete", "Approve"})
            .by_default("Rolling")},
       {"settleTimeout",
        Schema::string("After this long without the next step the condition RolloutBlocked says "
                       "what is waited for. It never goes on by itself.")
            .length(1, 64)
            .matching(kDurationPattern, kDurationHint)
            .by_default("10m")}});
}

Schema network_policy_schema() {
  return Schema::object(
      "A NetworkPolicy for the servers: only they reach each other's cluster port.",
      {{"enabled", Schema::boolean("Whether to make it.").by_default(true)},
       {"clients", peers_schema("Who reaches the client port. Absent: everybody reaches every "
                                "port but the cluster port.")},
       {"monitoring", peers_schema("Who reaches the monitoring port; the operator must be among "
                                   "them. Absent: everybody.")}});
}

}  // namespace natrix::model
