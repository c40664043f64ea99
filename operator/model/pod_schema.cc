// spec.podTemplate and spec.container: how the pods are scheduled and confined.
#include "operator/model/cluster_schema.h"
#include "operator/model/labels.h"

namespace natrix::model {

namespace {

bool keeps_own_labels(const Json& labels, const Json*) {
  for (const auto& [key, unused] : labels.items()) {
    if (is_own_label(key)) return false;
  }
  return true;
}

// The same list as is_own_label().
constexpr const char* kLabelRule =
    "self.all(key, !key.startsWith('natrix.dev/') && !(key in ['app.kubernetes.io/name', "
    "'app.kubernetes.io/instance', 'app.kubernetes.io/component', "
    "'app.kubernetes.io/managed-by']))";

Schema labels_schema(std::string description) {
  return Schema::map(std::move(description), Schema::string("").length(0, 63))
      .items(0, 64)
      .rule({kLabelRule,
             "labels of natrix.dev/ and app.kubernetes.io/{name,instance,component,managed-by} "
             "belong "
             "to the operator",
             keeps_own_labels});
}

Schema annotations_schema(std::string description) {
  return Schema::map(std::move(description), Schema::string("").length(0, 4096))
      .items(0, 64)
      .rule({"self.all(key, !key.startsWith('natrix.dev/'))",
             "annotations of natrix.dev/ belong to the operator",
             [](const Json& annotations, const Json*) {
               for (const auto& [key, unused] : annotations.items()) {
                 if (key.rfind("natrix.dev/", 0) == 0) return false;
               }
               return true;
             }});
}

Schema toleration_schema() {
  return Schema::object(
      "", {{"key",
            Schema::string("Taint key; absent with operator Exists: every taint.").length(0, 317)},
           {"operator", Schema::string("").one_of({"Exists", "Equal"})},
           {"value", Schema::string("").length(0, 63)},
           {"effect", Schema::string("").one_of({"NoSchedule", "PreferNoSchedule", "NoExecute"})},
           {"tolerationSeconds", Schema::integer("", INT64_MIN, INT64_MAX)}});
}

Schema amounts_schema(std::string description) {
  return Schema::map(std::move(description), Schema::int_or_string("").length(1, 32).matching(
                                                 "^[0-9]+(\\.[0-9]+)?([numkMGTPE]|[KMGTPE]i)?$",
                                                 "a quantity such as 500m or 1Gi"))
      .items(0, 16);
}

Schema env_schema() {
  Schema variable = Schema::object(
      "",
      {{"name",
        Schema::string("Name of the variable.")
            .length(1, 128)
            .matching("^[A-Za-z_][A-Za-z0-9_]*$", "the name of a variable"),
        true},
       {"value", Schema::string("Its value.").length(0, 32768)},
       {"valueFrom", Schema::any_object("As in a pod: secretKeyRef, configMapKeyRef, fieldRef.")}});
  return Schema::array("Environment of the server; config.merge may name it as << $NAME >>.",
                       std::move(variable))
      .items(0, 64)
      .list_map({"name"})
      .rule({"self.all(e, !(e.name in ['POD_NAME', 'SERVER_NAME', 'LISTEN_ADDRESS', "
             "'NATRIX_RELOAD_INTERVAL']))",
             "POD_NAME, SERVER_NAME, LISTEN_ADDRESS and NATRIX_RELOAD_INTERVAL belong to the "
             "operator",
             [](const Json& env, const Json*) {
               for (const Json& variable_json : env) {
                 const Json& name = variable_json["name"];
                 if (name == "POD_NAME" || name == "SERVER_NAME" || name == "LISTEN_ADDRESS" ||
                     name == "NATRIX_RELOAD_INTERVAL")
                   return false;
               }
               return true;
             }});
}

}  // namespace

Schema container_schema() {
  return Schema::object(
      "The container the server runs in.",
      {{"env", env_schema()},
       {"resources", Schema::object("As in a pod.",
                                    {{"requests", amounts_schema("What is reserved on the node.")},
                                     {"limits", amounts_schema("What cannot be exceeded.")}})},
       {"securityContext",
        Schema::any_object("As in a pod; replaces the operator's default (no privileges, read-only "
                           "root).")}});
}

Schema pod_template_schema() {
  return Schema::object(
      "Metadata and scheduling of the pods.",
      {{"metadata", Schema::object("Added to every pod.",
                                   {{"labels", labels_schema("Further labels.")},
                                    {"annotations", annotations_schema("Further annotations.")}})},
       {"affinity",
        Schema::any_object("As in a pod. Absent: different nodes where possible; {}: no "
                           "preference.")},
       {"topologySpreadConstraints",
        Schema::array("As in a pod. Absent: spread over zones where possible; []: none.",
                      Schema::any_object(""))
            .items(0, 16)},
       {"tolerations", Schema::array("As in a pod.", toleration_schema()).items(0, 32)},
       {"nodeSelector",
        Schema::map("Labels a node must have.", Schema::string("").length(0, 63)).items(0, 32)},
       {"priorityClassName", Schema::string("As in a pod.").length(0, 253)},
       {"securityContext",
        Schema::any_object(
            "As in a pod; replaces the operator's default (non-root, RuntimeDefault).")},
       {"terminationGracePeriodSeconds",
        Schema::integer("Absent: config.lameDuck.duration and 30 seconds.", 1, 604800)}});
}

}  // namespace natrix::model
