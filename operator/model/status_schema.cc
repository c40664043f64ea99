// The status as users see it; reconcile/status.cc writes it.
#include "operator/model/cluster_schema.h"

namespace natrix::model {

namespace {

Schema text(std::string description) {
  return Schema::string(std::move(description));
}
Schema count(std::string description) {
  return Schema::integer(std::move(description), 0, INT32_MAX);
}
Schema generation(std::string description) {
  return Schema::integer(std::move(description), 0, INT64_MAX);
}

Schema conditions_schema() {
  return Schema::array(
             "What is the case; every type is always present.",
             Schema::object(
                 "", {{"type", text("CamelCase name."), true},
                      {"status", text("").one_of({"True", "False", "Unknown"}), true},
                      {"reason", text("CamelCase word for programs."), true},
                      {"message", text("For people; names the object, the cause and the runbook."),
                       true},
                      {"lastTransitionTime", text("When status last changed.").format("date-time"),
                       true},
                      {"observedGeneration", generation("Generation of the spec this is about.")}}))
      .list_map({"type"});
}

Schema plan_schema() {
  return Schema::object(
      "What the operator does next; while paused, what it would do.",
      {{"digest", text("Identifies this plan.")},
       {"actions",
        Schema::array(
            "In order.",
            Schema::object("", {{"action", text("Apply, Delete, Recreate or RestartServer.")},
                                {"target", text("Kind and name.")},
                                {"reason", text("Why.")},
                                {"field", text("The first field that differs.")},
                                {"disruptive", Schema::boolean("Whether servers restart.")},
                                {"message", text("In words.")}}))}});
}

Schema rollout_schema() {
  return Schema::object(
      "The rolling change that is under way; absent when there is none.",
      {{"total", count("Servers.")},
       {"updated", count("Servers that have been replaced and are ready.")},
       {"next", text("The server whose turn it is.")},
       {"waitingFor", text("What the next step waits for; empty while a step is being done.")},
       {"since", text("Since when it waits for that.").format("date-time")}});
}

Schema servers_schema() {
  return Schema::array(
             "The servers, by pod name.",
             Schema::object("", {{"name", text("Pod name."), true},
                                 {"podUID", text("")},
                                 {"node", text("Node it runs on.")},
                                 {"address", text("Address of the pod.")},
                                 {"phase", text("Phase of the pod, or Terminating.")},
                                 {"ready", Schema::boolean("Readiness of the pod.")},
                                 {"restarts", count("Restarts of the container.")},
                                 {"version", text("Version the server reports.")},
                                 {"serverID", text("Identity the server reports.")},
                                 {"routedServers", count("Other servers it is connected to.")},
                                 {"configRevision", text("Configuration it was started with.")}}))
      .list_map({"name"});
}

}  // namespace

const Schema& status_schema() {
  static const Schema kSchema = Schema::object(
      "What is the case, written by the operator.",
      {{"observedGeneration", generation("Generation of the spec the operator has seen.")},
       {"replicas", count("Pods that exist.")},
       {"readyReplicas", count("Pods that are ready.")},
       {"updatedReplicas", count("Pods of the newest revision.")},
       {"selector", text("Selects the pods; for the scale subresource.")},
       {"version", text("Version the servers report; empty until known or while they differ.")},
       {"endpoints",
        Schema::object("Where to connect, inside the Kubernetes cluster.",
                       {{"client", text("For clients.")}, {"monitor", text("For monitoring.")}})},
       {"config",
        Schema::object(
            "The servers' configuration.",
            {{"revision", text("Digest of what is wanted.")},
             {"appliedServers", count("Servers that run it.")},
             {"method", text("How the last change reaches the servers: Reload or Restart.")},
             {"why", text("Why it is not a reload.")},
             {"since", text("Since when the servers can reload it.")}})},
       {"certificates",
        Schema::array("The certificates in the Secrets that the spec names.",
                      Schema::object("", {{"listener", text("client or cluster."), true},
                                          {"secretName", text("Where it is.")},
                                          {"serial", text("Its serial number, hexadecimal.")},
                                          {"notAfter", text("When it expires.")},
                                          {"servers", count("Servers that show it.")}}))
            .list_map({"listener"})},
       {"plan", plan_schema()},
       {"rollout", rollout_schema()},
       {"servers", servers_schema()},
       {"conditions", conditions_schema()}});
  return kSchema;
}

}  // namespace natrix::model
