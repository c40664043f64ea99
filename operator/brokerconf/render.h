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

// What LISTEN_ADDRESS is in a pod.
inline constexpr const char* kListenAddress = "0.0.0.0";

// Where a pod finds certificate, key and authority of a listener (resource/tls.cc mounts them).
inline constexpr const char* kClientTlsDirectory = "/etc/nats-certs/nats";
inline constexpr const char* kRouteTlsDirectory = "/etc/nats-certs/cluster";
inline constexpr const char* kCertFile = "tls.crt";
inline constexpr const char* kKeyFile = "tls.key";
inline constexpr const char* kAuthorityFile = "ca.crt";

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

// `servers` is the number of routes: more than spec.replicas while servers are still leaving.
Rendered render(const model::Cluster& cluster, const Secrets& secrets, int servers);
inline Rendered render(const model::Cluster& cluster, const Secrets& secrets) {
  return render(cluster, secrets, cluster.spec.replicas);
}

// Rendered::cluster_conf for any number of servers.
std::string cluster_conf(const model::Cluster& cluster, const Credentials& credentials,
                         int servers);

}  // namespace natrix::brokerconf
