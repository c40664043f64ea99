// The blocks that load.cc puts together; for load_*.cc alone.
#pragma once

#include "broker/config/options.h"
#include "broker/config/section.h"

namespace natrix::config {

inline constexpr int64_t kMaxPort = 65535;

void read_authorization(const Field& field, Authorization& authorization);
// The block of the cluster: one user with password, no token, no list of users.
void read_cluster_authorization(const Field& field, Authorization& authorization);
void read_permissions(const Field& field, Permissions& permissions);
void read_cluster(const Field& field, ClusterOptions& cluster);

// "listen" in its forms: a port or "host:port". An empty host leaves the target's.
void read_listen(const Field& field, std::string& host, int& port);

}  // namespace natrix::config
