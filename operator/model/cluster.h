// NatsCluster v1alpha1 as values: what a user asked for, complete with defaults.
//
// Made by parse_cluster() from the JSON of the API server; a plain value afterwards, safe to copy
// and to share. Every field here is acted upon by resource/ or brokerconf/; the schema that
// describes them to users is cluster_schema.cc.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "operator/model/schema.h"

namespace natrix::model {

inline constexpr const char* kGroup = "natrix.dev";
inline constexpr const char* kVersion = "v1alpha1";
inline constexpr const char* kApiVersion = "natrix.dev/v1alpha1";
inline constexpr const char* kKind = "NatsCluster";

inline constexpr const char* kPlural = "natsclusters";

using StringMap = std::map<std::string, std::string>;

struct Image {
  std::string registry;
  std::string repository;  // empty: the operator's default image
  std::string tag;
  std::string digest;
  std::string pull_policy;
  std::vector<std::string> pull_secrets;
};

// A certificate by reference: the Secret and what its keys are called.
struct Tls {
  bool enabled = false;
  std::string secret;
  std::string cert;
  std::string key;
  std::string ca;
  bool verify = false;  // peers must present a certificate, so the authority is needed
};

// Limits are absent when the user left them to the server.
struct NatsConfig {
  int port = 4222;
  std::optional<int64_t> max_payload;
  std::optional<int64_t> max_connections;
  std::optional<int64_t> max_subscriptions;
  std::optional<int64_t> max_control_line;
  std::optional<int64_t> max_pending;
  std::optional<std::string> write_deadline;  // Go notation, as the server reads it
  std::optional<std::string> ping_interval;
  std::optional<int64_t> ping_max;
  Tls tls;
};

struct ClusterConfig {
  int port = 6222;
  std::string name;  // empty: the object's name
  bool no_advertise = true;
  std::optional<int> pool_size;
  std::string credentials_secret;  // empty: the operator makes credentials
  std::string k8s_cluster_domain;
  Tls tls;  // servers always verify each other
};

struct MonitorConfig {
  bool enabled = true;
  int port = 8222;
};

struct LameDuck {
  std::string duration;
  std::string grace_period;
  std::chrono::nanoseconds duration_value{0};
};

struct Config {
  NatsConfig nats;
  ClusterConfig cluster;
  MonitorConfig monitor;
  std::string server_name_prefix;
  std::vector<std::string> server_tags;
  LameDuck lame_duck;
  bool debug = false;
  bool trace = false;
  Json merge = Json::object();
};

struct Storage {
  std::string size;
  std::optional<std::string> storage_class_name;
  std::string mount_path;
  // What becomes of the claims: "Retain" or "Delete".
  std::string when_deleted = "Retain";  // with the cluster
  std::string when_scaled = "Retain";   // with a server that scaling down removed
};

enum class AuthMode { kNone, kToken, kUsers };

struct SecretKey {
  std::string name;
  std::string key;
};

struct SubjectRules {
  std::vector<std::string> allow;
  std::vector<std::string> deny;
};

struct UserRef {
  SecretKey user;      // where the name is
  SecretKey password;  // same Secret, another key
  std::optional<SubjectRules> publish;
  std::optional<SubjectRules> subscribe;
};

struct Auth {
  AuthMode mode = AuthMode::kNone;
  SecretKey token;
  std::vector<UserRef> users;
};

// Kubernetes structures are handed through as they are; the API server checks them.
struct Container {
  Json env = Json::array();
  Json resources = Json::object();
  std::optional<Json> security_context;  // absent: the restricted default
};

struct PodTemplate {
  StringMap labels;
  StringMap annotations;
  std::optional<Json> affinity;                     // absent: spread over nodes, softly
  std::optional<Json> topology_spread_constraints;  // absent: spread over zones, softly
  Json tolerations = Json::array();
  StringMap node_selector;
  std::string priority_class_name;
  std::optional<Json> security_context;
  std::optional<int64_t> termination_grace_period_seconds;  // absent: from the lame duck duration
};

struct Service {
  bool enabled = true;
  std::string type;
  StringMap annotations;
  bool monitor_port = true;
  // One Service names the pods and serves clients.
  [[nodiscard]] bool headless() const { return type == "Headless"; }
};

enum class UpdateType {
  kRolling,   // one server at a time, when the cluster's own state allows it
  kOnDelete,  // the user deletes the pods
  kApprove,   // as kRolling, after the user has approved the plan
};

struct UpdateStrategy {
  UpdateType type = UpdateType::kRolling;
  // A step that has waited for this long is reported; it goes on waiting.
  std::chrono::nanoseconds settle_timeout{std::chrono::minutes(10)};
};

// Who may reach the servers. Peers are Kubernetes' NetworkPolicyPeer, handed through.
struct NetworkPolicy {
  bool enabled = true;
  std::optional<Json> client_peers;   // absent: everybody
  std::optional<Json> monitor_peers;  // absent: everybody
};

struct Budget {
  bool enabled = true;
  Json max_unavailable = 1;  // number or percentage
};

struct Spec {
  int replicas = 3;
  Image image;
  Config config;
  std::optional<Storage> storage;
  Auth auth;
  Container container;
  PodTemplate pod_template;
  Service service;
  Budget pod_disruption_budget;
  NetworkPolicy network_policy;
  UpdateStrategy update_strategy;
  bool paused = false;
};

struct Cluster {
  std::string ns;
  std::string name;
  std::string uid;
  int64_t generation = 0;
  bool deleting = false;
  std::string restart;        // values of annotations, see labels.h
  std::string approved_plan;  // a plan's digest
  std::string forced_pod;     // a pod's name
  Spec spec;

  // The NATS cluster's name.
  [[nodiscard]] const std::string& nats_name() const {
    return spec.config.cluster.name.empty() ? name : spec.config.cluster.name;
  }
};

// Completes and checks an object in place: defaults are filled in, `old_object` (null on creation)
// gives the rules about changes something to compare with. Returns what is wrong, nothing if all is
// well. This is both the guard of the reconciler and the admission of the embedded API server.
std::vector<FieldError> admit_cluster(Json& object, const Json* old_object);

// The guard and the decoding in one: what the reconciler calls.
Result<Cluster, std::vector<FieldError>> parse_cluster(Json object);

}  // namespace natrix::model
