// The objects a NatsCluster consists of, as the operator wants them to be.
//
// Pure builders, one file each: the same cluster and configuration give the same documents. A
// document holds only fields the operator means to own; it is sent by server-side apply, so what is
// not in it is left to the API server's defaults and to other managers.
#pragma once

#include <string>
#include <vector>

#include "operator/brokerconf/render.h"
#include "operator/model/cluster.h"

namespace natrix::resource {

using model::Json;

enum class Kind {
  kServiceAccount,
  kSecret,
  kConfigMap,
  kService,
  kPodDisruptionBudget,
  kNetworkPolicy,
  kStatefulSet,
  kPersistentVolumeClaim,  // made by the StatefulSet controller, never by us
};

struct Child {
  Kind kind;
  std::string name;
  Json object;
};

struct Options {
  std::string default_image;  // for clusters that name none
};

// Everything the spec asks for, in the order to create it in: what a pod needs comes before the
// StatefulSet. Every object carries its own digest (model::kAppliedAnnotation).
std::vector<Child> build_children(const model::Cluster& cluster, const brokerconf::Rendered& config,
                                  const Options& options);

// Credentials for routes, made once and then kept (unless the spec names a Secret).
Child build_routes_secret(const model::Cluster& cluster,
                          const brokerconf::Credentials& credentials);

// Children a cluster may have had and no longer wants.
struct Unwanted {
  Kind kind;
  std::string name;
};
std::vector<Unwanted> unwanted_children(const model::Cluster& cluster);

}  // namespace natrix::resource
