// How a changed configuration reaches the servers that run: they reload it by themselves, or they
// are restarted. Pure.
//
// A reload is only chosen where its success can be seen: every ready server says that it reloads
// when its files change, and shows the digest of exactly the files it should have now. From then on
// the digest of the new files, and the serials of the certificates, must appear in what the servers
// say; if they do not within kReloadTime, the servers are restarted after all.
//
// What was chosen is kept in status.config. Losing it costs a restart at most.
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "operator/base/clock.h"
#include "operator/brokerconf/reload.h"
#include "operator/brokerconf/render.h"
#include "operator/reconcile/observe.h"

namespace natrix::reconcile {

// A kubelet may take a minute and a half to bring a changed Secret to a pod.
inline constexpr std::chrono::minutes kReloadTime{5};

struct ConfigChange {
  std::string revision;  // identifies the wanted configuration, certificates included
  bool reload = false;
  std::string why;    // it has to be a restart; empty: it is a reload, or nothing changed
  std::string since;  // RFC 3339: the files are there for the servers to reload; empty: not yet
  // What the pod template's annotation has to say: another value restarts the servers.
  std::string started_with;
};

struct ConfigInput {
  const model::Cluster& cluster;
  const brokerconf::Rendered& rendered;
  // The file cluster.conf for another number of servers.
  std::function<std::string(int servers)> cluster_conf;
  const std::vector<WantedCertificate>& certificates;
  const LiveChildren& live;
  const std::vector<Pod>& pods;
  const Reports& reports;
  const Json* previous;  // the status
  ops::WallTime now;
};

std::string config_revision(const brokerconf::Rendered& rendered,
                            const std::vector<WantedCertificate>& certificates);

ConfigChange decide_config(const ConfigInput& input);

// Names of the pods whose servers run the wanted configuration: restarted with it, or seen to have
// reloaded it.
std::set<std::string> configured_pods(const ConfigInput& input, const ConfigChange& change);

}  // namespace natrix::reconcile
