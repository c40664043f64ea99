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
enum class TlsUse : uint8_t { kClients, kRoutes };
// Reads the files the block names, too; leaves `target` alone after an error.
void read_tls(const Field& field, TlsUse use, std::shared_ptr<const tls::Context>& target);
// Seconds as a number, or a duration in text; 0 leaves the default.
void read_timeout(const Field& field, std::chrono::nanoseconds& target);
void read_cluster(const Field& field, ClusterOptions& cluster);
// `jetstream`: true, "enabled" or a block.
void read_jetstream(const Field& field, JetStreamOptions& jetstream);

// "listen" in its forms: a port or "host:port". An empty host leaves the target's.
void read_listen(const Field& field, std::string& host, int& port);

}  // namespace natrix::config
