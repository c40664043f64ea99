// A NatsCluster's server configuration: three files that a pod finds in one directory.
//
// Pure: the same cluster and secrets give the same bytes. Nothing secret is in nats_conf, which
// goes into a ConfigMap; the other two go into a Secret and are included by it.
//
// The pods' environment supplies SERVER_NAME and LISTEN_ADDRESS (resource/container.cc).
#pragma once

#include <string>
#include <vector>

#include "operator/model/cluster.h"

namespace natrix::brokerconf {

inline constexpr const char* kMainFile = "nats.conf";
inline constexpr const char* kClusterFile = "cluster.conf";
inline constexpr const char* kAuthFile = "auth.conf";

struct Credentials {
  std::string user;
  std::string password;
};

// What the Secrets named in the spec hold, read by the caller.
struct Secrets {
  Credentials routes;
  std::string token;               // auth.mode Token
  std::vector<Credentials> users;  // auth.mode Users, in the order of the spec
};

struct Rendered {
  std::string nats_conf;
  std::string cluster_conf;
  std::string auth_conf;  // empty text without auth
  // Digest of everything a running server would have to restart for. The list of routes is left
  // out on purpose: a server learns of added servers from them and needs no restart when the
  // cluster is scaled; the file it reads at its next start is right in any case.
  std::string restart_digest;
};

// The address a server is reached at by the others: "nats-0.nats-headless.ns.svc.cluster.local".
std::string server_host(const model::Cluster& cluster, int ordinal);

Rendered render(const model::Cluster& cluster, const Secrets& secrets);

}  // namespace natrix::brokerconf
