#include <fmt/format.h>

#include <set>

#include "broker/base/duration.h"
#include "broker/config/load.h"

namespace natrix::config {
namespace {

constexpr const char* kSystemAccount = "$SYS";
constexpr const char* kGlobalAccount = "$G";

Result<void> check_limits(const Options& options) {
  if (options.lame_duck_duration.count() > 0 &&
      options.lame_duck_grace_period >= options.lame_duck_duration) {
    return fail(fmt::format(
        "lame duck grace period ({}) should be strictly lower than lame duck duration ({})",
        format_duration(options.lame_duck_grace_period),
        format_duration(options.lame_duck_duration)));
  }
  if (options.max_payload > options.max_pending) {
    return fail(fmt::format("max_payload ({}) cannot be higher than max_pending ({})",
                            options.max_payload, options.max_pending));
  }
  return {};
}

Result<void> check_users(const Options& options) {
  const Authorization& authorization = options.authorization;
  if (!authorization.users.empty() && (!authorization.user.empty() || !authorization.token.empty()))
    return fail(
        "--user and --auth cannot be combined with the users of the configuration file; "
        "add the user there");
  if (authorization.user.empty() && !authorization.password.empty())
    return fail("--pass needs --user");
  const std::string& anonymous = options.no_auth_user;
  if (anonymous.empty()) return {};
  if (authorization.users.empty())
    return fail(fmt::format("no_auth_user: \"{}\" present, but users are not defined", anonymous));
  for (const User& user : authorization.users) {
    if (user.name == anonymous) return {};
  }
  return fail(fmt::format("no_auth_user: \"{}\" not present as user or nkey in authorization block",
                          anonymous));
}

Result<void> check_tls(const Options& options) {
  if (options.http_port != kNoPort && options.https_port != kNoPort) {
    return fail(fmt::format("can't specify both HTTP ({}) and HTTPs ({}) ports", options.http_port,
                            options.https_port));
  }
  if (options.https_port != kNoPort && options.tls == nullptr)
    return fail("TLS cert and key required for HTTPS; add a tls block");
  if (options.allow_non_tls && options.tls == nullptr)
    return fail("allow_non_tls needs a tls block; remove it");
  const tls::Context* routes = options.cluster.tls.get();
  if (routes != nullptr && routes->options().map && options.cluster.authorization.user.empty())
    return fail("verify_and_map of the cluster needs the user of its authorization block");
  return {};
}

// Without configured accounts there are these two.
Result<void> check_accounts(const Options& options) {
  const std::string& system = options.system_account;
  if (!system.empty() && system != kSystemAccount) {
    return fail(
        fmt::format("system_account \"{}\" is not defined; accounts of the configuration "
                    "are not supported by this version of natrix-broker, only {} can be "
                    "named",
                    system, kSystemAccount));
  }
  if (options.no_system_account && !system.empty())
    return fail("system_account and no_system_account exclude each other");
  const ClusterOptions& cluster = options.cluster;
  if (!cluster.pinned_accounts.empty() && cluster.pool_size < 0)
    return fail("pool_size cannot be negative if pinned accounts are specified");
  std::set<std::string> names;
  for (const std::string& account : cluster.pinned_accounts) {
    if (!names.insert(account).second) {
      return fail(
          fmt::format("found duplicate account name \"{}\" in pinned accounts list", account));
    }
    if (account != kSystemAccount && account != kGlobalAccount) {
      return fail(
          fmt::format("cluster accounts: \"{}\" is not defined; accounts of the "
                      "configuration are not supported by this version of natrix-broker",
                      account));
    }
  }
  return {};
}

Result<void> check_jetstream(const Options& options) {
  if (!options.jetstream.enabled) return {};
  if (options.cluster.port != kNoPort) {
    return fail(
        "jetstream in a cluster is not supported by this version of natrix-broker; run one server "
        "with jetstream and without a cluster block (and without --cluster), or a cluster without "
        "jetstream");
  }
  const std::string& domain = options.jetstream.domain;
  if (domain.find_first_of(" \t.*>") != std::string::npos) {
    return fail(fmt::format("invalid domain name: may not contain '.', '*', '>' or spaces: \"{}\"",
                            domain));
  }
  return {};
}

}  // namespace

std::chrono::nanoseconds auth_timeout(const Authorization& authorization, const tls::Context* tls) {
  if (authorization.timeout.count() > 0) return authorization.timeout;
  if (tls != nullptr) return tls->options().timeout + std::chrono::seconds(1);
  return std::chrono::seconds(2);
}

Result<void> check_options(const Options& options) {
  for (auto check : {check_limits, check_users, check_accounts, check_tls, check_jetstream}) {
    if (Result<void> fits = check(options); !fits) return fits;
  }
  if (options.server_name.find(' ') != std::string::npos)
    return fail("server name cannot contain spaces");
  if (options.cluster.name.find(' ') != std::string::npos)
    return fail("cluster name cannot contain spaces");
  if (!options.cluster.routes.empty() && options.cluster.port == kNoPort) {
    return fail(
        "solicited routes require cluster capabilities, e.g. --cluster, or a port in the "
        "cluster block");
  }
  return {};
}

}  // namespace natrix::config
