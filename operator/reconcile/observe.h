// What is there: the children of a cluster, its pods and the Secrets its spec names.
//
// Reads only. Everything is read anew from the API server: a stale answer could make the operator
// replace credentials that exist.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/brokerconf/render.h"
#include "operator/model/reasons.h"
#include "operator/reconcile/plan.h"

namespace natrix::reconcile {

// One server's pod, reduced to what decisions and the status need.
struct Pod {
  std::string name;
  std::string uid;
  std::string node;
  std::string ip;
  std::string phase;
  std::string revision;       // controller-revision-hash
  std::string config_digest;  // of the configuration it was started with
  bool ready = false;
  bool deleting = false;
  std::string ready_since;  // RFC 3339, last change of condition Ready
  int64_t restarts = 0;
  // Why it does not run, in the kubelet's or scheduler's words; empty when nothing is wrong.
  std::string trouble_reason;
  std::string trouble;
};

struct Observed {
  LiveChildren children;
  std::vector<Pod> pods;  // of the StatefulSet, by name
};

// Decodes a pod; any JSON is survived.
Pod decode_pod(const Json& pod);

// A name is looked up for every child the cluster may have had, wanted or not.
kube::ApiResult<Observed> observe(kube::Api& api, const model::Cluster& cluster);

// The credentials the spec names, and those made for routes. `routes_missing` asks for making them.
struct SecretsFound {
  brokerconf::Secrets secrets;
  bool routes_missing = false;
  std::optional<Problem> problem;
};
kube::ApiResult<SecretsFound> read_secrets(kube::Api& api, const model::Cluster& cluster);

}  // namespace natrix::reconcile
