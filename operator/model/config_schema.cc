// spec.config: what the servers are told, in the words of the official chart.
#include "operator/model/cluster_schema.h"
#include "operator/model/config_merge.h"
#include "operator/model/units.h"

namespace natrix::model {

namespace {

Schema port(std::string description, int number) {
  return Schema::integer(std::move(description), 1024, 65535).by_default(number);
}

Schema size(std::string description) {
  return Schema::int_or_string(std::move(description))
      .length(1, 24)
      .matching(kSizePattern, kSizeHint)
      .rule({"type(self) == string || self > 0", "a size must be above zero",
             [](const Json& value, const Json*) {
               const auto bytes = parse_size(value);
               return bytes.ok() && *bytes > 0;
             }});
}

Schema duration(std::string description) {
  return Schema::string(std::move(description))
      .length(1, 32)
      .matching(kDurationPattern, kDurationHint);
}

bool payload_fits_pending(const Json& nats, const Json*) {
  constexpr int64_t kServerMaxPending = 64LL << 20;
  if (!nats.contains("maxPayload")) return true;
  const auto payload = parse_size(nats["maxPayload"]);
  const auto pending = nats.contains("maxPending") ? parse_size(nats["maxPending"])
                                                   : Result<int64_t>(kServerMaxPending);
  return !payload || !pending || *payload <= *pending;
}

Schema nats_schema() {
  return Schema::object(
             "Client connections. What is absent is left to the server's own default.",
             {{"port", port("Port clients connect to.", 4222)},
              {"maxPayload", size("Largest message accepted.")},
              {"maxConnections",
               Schema::integer("Most client connections per server; -1: none.", -1, 10000000)},
              {"maxSubscriptions",
               Schema::integer("Most subscriptions per connection; 0: no limit.", 0, 1000000000)},
              {"maxControlLine", size("Longest protocol line accepted.")},
              {"maxPending", size("Most bytes waiting for a client before it is cut off as slow.")},
              {"writeDeadline", duration("Longest time one write to a client may take.")},
              {"pingInterval", duration("Time between pings to an idle client.")},
              {"pingMax",
               Schema::integer("Pings without answer before a client is cut off.", 1, 100)},
              {"tls", client_tls_schema().by_default(Json::object())}})
      .rule({"", "maxPayload cannot be larger than maxPending (64MB unless set)",
             payload_fits_pending});
}

Schema routes_schema() {
  return Schema::object(
      "How servers find and trust each other.",
      {{"credentialsSecretRef",
        Schema::object("A Secret with username and password for routes; absent: the operator makes "
                       "credentials once and keeps them.",
                       {{"name",
                         Schema::string("Name of the Secret.")
                             .length(1, 253)
                             .matching("^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "the name of a Secret"),
                         true}})},
       {"k8sClusterDomain", Schema::string("DNS domain of the Kubernetes cluster.")
                                .length(1, 253)
                                .matching("^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "a DNS domain")
                                .by_default("cluster.local")}});
}

Schema cluster_part_schema() {
  return Schema::object(
      "Routes between the servers.",
      {{"port", port("Port servers connect to each other on.", 6222)},
       {"name", Schema::string("Name of the NATS cluster; absent: the name of this object.")
                    .length(1, 128)
                    .matching("^[^ \\t\\r\\n]+$", "a name without spaces")},
       {"noAdvertise",
        Schema::boolean("True: clients are not told the addresses of pods, which they often cannot "
                        "reach from outside.")
            .by_default(true)},
       {"poolSize", Schema::integer("Connections per pair of servers.", 1, 64)},
       {"routeURLs", routes_schema().by_default(Json::object())},
       {"tls", route_tls_schema().by_default(Json::object())}});
}

Schema lame_duck_schema() {
  auto nanos = [](const Json& value) { return parse_duration(value.get<std::string>()); };
  return Schema::object(
             "How a server that is about to stop hands its clients over.",
             {{"duration",
               duration("Over which time clients are told to go elsewhere.").by_default("30s")},
              {"gracePeriod", duration("Wait before the first one is told.").by_default("10s")}})
      .rule({"duration(self.duration) >= duration('30s')",
             "duration must be at least 30s, servers refuse less",
             [nanos](const Json& duck, const Json*) {
               const auto value = nanos(duck["duration"]);
               return value.ok() && *value >= std::chrono::seconds(30);
             }})
      .rule({"duration(self.gracePeriod) < duration(self.duration)",
             "gracePeriod must be shorter than duration", [nanos](const Json& duck, const Json*) {
               const auto grace = nanos(duck["gracePeriod"]);
               const auto value = nanos(duck["duration"]);
               return grace.ok() && value.ok() && *grace < *value;
             }});
}

Schema merge_schema() {
  return Schema::any_object(
             "Server configuration merged over everything above, with the server's own key names. "
             "Null removes a key; a string \"<< $NAME >>\" is written without quotes, so it may "
             "name an environment variable. Keys the operator depends on are refused.")
      .verified_by(check_merge);
}

}  // namespace

Schema config_schema() {
  return Schema::object(
             "The servers' configuration, in the words of the official chart.",
             {{"nats", nats_schema().by_default(Json::object())},
              {"cluster", cluster_part_schema().by_default(Json::object())},
              {"monitor",
               Schema::object("The HTTP monitoring port; probes and status use it.",
                              {{"enabled", Schema::boolean("False: probes only test whether the "
                                                           "client port is open.")
                                               .by_default(true)},
                               {"port", port("Port of the monitoring pages.", 8222)}})
                   .by_default(Json::object())},
              {"serverNamePrefix",
               Schema::string("Put before the pod's name to make the server's name.")
                   .length(1, 64)
                   .matching("^[a-zA-Z][-._a-zA-Z0-9]*$", "letters, digits, '-', '.' and '_'")},
              {"serverTags", Schema::array("Tags of every server.",
                                           Schema::string("").length(1, 128).matching(
                                               "^[^ \\t\\r\\n]+$", "a tag without spaces"))
                                 .items(0, 32)
                                 .list_set()},
              {"lameDuck", lame_duck_schema().by_default(Json::object())},
              {"logging",
               Schema::object(
                   "What the servers log beyond the ordinary.",
                   {{"debug", Schema::boolean("Debug lines.").by_default(false)},
                    {"trace", Schema::boolean("Every protocol line; slow.").by_default(false)}})
                   .by_default(Json::object())},
              {"merge", merge_schema()}})
      .rule({"self.nats.port != self.cluster.port && (!self.monitor.enabled || "
             "(self.monitor.port != self.nats.port && self.monitor.port != self.cluster.port))",
             "nats.port, cluster.port and monitor.port must differ",
             [](const Json& config, const Json*) {
               const Json& nats = config["nats"]["port"];
               const Json& cluster = config["cluster"]["port"];
               const Json& monitor = config["monitor"]["port"];
               const bool apart = monitor != nats && monitor != cluster;
               return nats != cluster && (apart || config["monitor"]["enabled"] == false);
             }});
}

}  // namespace natrix::model
