// What is there: the children of a cluster, its pods and the Secrets its spec names.
//
// Reads only. Everything is read anew from the API server: a stale answer could make the operator
// replace credentials that exist.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/brokerapi/broker_api.h"
#include "operator/brokerconf/certificate.h"
#include "operator/brokerconf/render.h"
#include "operator/model/reasons.h"
#include "operator/reconcile/plan.h"

namespace natrix::reconcile {

// One server's pod, reduced to what decisions and the status need.
struct Pod {
  std::string name;
  int ordinal = -1;  // -1: not a name of the StatefulSet's making
  std::string uid;
  std::string resource_version;
  std::string node;
  std::string ip;
  std::string phase;
  std::string revision;          // controller-revision-hash
  std::string config_digest;     // of the configuration it was started with
  std::string image;             // of the server
  std::string restart;           // annotation natrix.dev/restart it was made with
  int64_t startup_failures = 0;  // its startup probe's failureThreshold, 0: none
  bool ready = false;
  bool deleting = false;
  std::string ready_since;      // RFC 3339, last change of condition Ready
  bool lost_readiness = false;  // has been ready since its container was started, and is not
  int64_t restarts = 0;
  // Why it does not run, in the kubelet's or scheduler's words; empty when nothing is wrong.
  std::string trouble_reason;
  std::string trouble;
};

using Reports = std::map<std::string, brokerapi::ServerReport>;  // by pod name

struct Observed {
  LiveChildren children;
  // Of the StatefulSet, or left over from one that is gone; by name.
  std::vector<Pod> pods;
  std::vector<Claim> claims;  // of the servers there should be, by name; only with spec.storage
};

// Decodes a pod; any JSON is survived.
Pod decode_pod(const Json& pod);

// A name is looked up for every child the cluster may have had, wanted or not.
kube::ApiResult<Observed> observe(kube::Api& api, const model::Cluster& cluster);

enum class Listener { kClients, kRoutes };

// What a listener should show.
struct WantedCertificate {
  Listener listener;
  std::string secret;
  brokerconf::CertificateFacts facts;
};

// The credentials the spec names, and those made for routes. `routes_missing` asks for making them.
struct SecretsFound {
  brokerconf::Secrets secrets;
  std::vector<WantedCertificate> certificates;
  bool routes_missing = false;
  std::optional<Problem> problem;
};
kube::ApiResult<SecretsFound> read_secrets(kube::Api& api, const model::Cluster& cluster);

}  // namespace natrix::reconcile
