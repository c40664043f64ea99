#include "operator/model/crd.h"

#include "operator/model/cluster.h"
#include "operator/model/cluster_schema.h"

namespace natrix::model {

namespace {

OrderedJson column(const char* name, const char* type, const char* path, const char* description,
                   int priority = 0) {
  OrderedJson out = {
      {"name", name}, {"type", type}, {"jsonPath", path}, {"description", description}};
  if (priority != 0) out["priority"] = priority;
  return out;
}

OrderedJson printer_columns() {
  return OrderedJson::array({
      column("Version", "string", ".status.version", "Version the servers report"),
      column("Replicas", "integer", ".spec.replicas", "Servers wanted"),
      column("Ready", "integer", ".status.readyReplicas", "Servers ready"),
      column("Status", "string", ".status.conditions[?(@.type==\"Ready\")].reason",
             "Reason of condition Ready"),
      column("Endpoint", "string", ".status.endpoints.client", "Where clients connect"),
      column("Age", "date", ".metadata.creationTimestamp", "Time since creation"),
      column("Config", "string", ".status.config.revision", "Digest of the configuration", 1),
      column("Plan", "string", ".status.plan.digest", "Digest of the changes still to be made", 1),
  });
}

OrderedJson root_schema() {
  OrderedJson rules = OrderedJson::array();
  for (const Rule& rule : object_rules()) {
    rules.push_back({{"rule", rule.cel}, {"message", rule.message}});
  }
  return {{"description", "A cluster of NATS servers."},
          {"type", "object"},
          {"required", OrderedJson::array({"spec"})},
          {"properties",
           {{"apiVersion", {{"type", "string"}}},
            {"kind", {{"type", "string"}}},
            {"metadata", {{"type", "object"}}},
            {"spec", spec_schema().openapi()},
            {"status", status_schema().openapi()}}},
          {"x-kubernetes-validations", std::move(rules)}};
}

}  // namespace

OrderedJson cluster_crd() {
  OrderedJson version = {
      {"name", kVersion},
      {"served", true},
      {"storage", true},
      {"subresources",
       {{"status", OrderedJson::object()},
        {"scale",
         {{"specReplicasPath", ".spec.replicas"},
          {"statusReplicasPath", ".status.replicas"},
          {"labelSelectorPath", ".status.selector"}}}}},
      {"additionalPrinterColumns", printer_columns()},
      {"schema", {{"openAPIV3Schema", root_schema()}}},
  };
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", "natsclusters.natrix.dev"}}},
          {"spec",
           {{"group", kGroup},
            {"scope", "Namespaced"},
            {"names",
             {{"plural", "natsclusters"},
              {"singular", "natscluster"},
              {"kind", kKind},
              {"listKind", "NatsClusterList"},
              {"shortNames", OrderedJson::array({"nc"})},
              {"categories", OrderedJson::array({"all", "nats"})}}},
            {"versions", OrderedJson::array({std::move(version)})}}}};
}

}  // namespace natrix::model
