#include "operator/model/cluster.h"

#include "operator/model/cluster_schema.h"
#include "operator/model/labels.h"
#include "operator/model/units.h"

namespace natrix::model {

namespace {

// The decoders below read objects that spec_schema() completed: a missing required field or a
// wrong type would be a bug in the schema, not in the user's text.

const Json& empty_object() {
  static const Json kEmpty = Json::object();
  return kEmpty;
}

const Json& child(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found == json.end() ? empty_object() : *found;
}

std::string text(const Json& json, const char* name) {
  return json.value(name, std::string());
}

StringMap string_map(const Json& json, const char* name) {
  return child(json, name).get<StringMap>();
}

template <class T>
std::optional<T> maybe(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return std::nullopt;
  return found->get<T>();
}

std::optional<int64_t> maybe_size(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return std::nullopt;
  return parse_size(*found).value();
}

Image decode_image(const Json& json) {
  Image out;
  out.registry = text(json, "registry");
  out.repository = text(json, "repository");
  out.tag = text(json, "tag");
  out.digest = text(json, "digest");
  out.pull_policy = text(json, "pullPolicy");
  for (const Json& secret : json.value("pullSecrets", Json::array())) {
    out.pull_secrets.push_back(text(secret, "name"));
  }
  return out;
}

Tls decode_tls(const Json& json) {
  return {json["enabled"],   text(json, "secretName"), text(json, "cert"),
          text(json, "key"), text(json, "ca"),         json.value("verify", false)};
}

NatsConfig decode_nats(const Json& json) {
  NatsConfig out;
  out.port = json["port"];
  out.max_payload = maybe_size(json, "maxPayload");
  out.max_connections = maybe<int64_t>(json, "maxConnections");
  out.max_subscriptions = maybe<int64_t>(json, "maxSubscriptions");
  out.max_control_line = maybe_size(json, "maxControlLine");
  out.max_pending = maybe_size(json, "maxPending");
  out.write_deadline = maybe<std::string>(json, "writeDeadline");
  out.ping_interval = maybe<std::string>(json, "pingInterval");
  out.ping_max = maybe<int64_t>(json, "pingMax");
  out.tls = decode_tls(json["tls"]);
  return out;
}

ClusterConfig decode_cluster(const Json& json) {
  ClusterConfig out;
  out.port = json["port"];
  out.name = text(json, "name");
  out.no_advertise = json["noAdvertise"];
  out.pool_size = maybe<int>(json, "poolSize");
  const Json& routes = json["routeURLs"];
  out.credentials_secret = text(child(routes, "credentialsSecretRef"), "name");
  out.k8s_cluster_domain = text(routes, "k8sClusterDomain");
  out.tls = decode_tls(json["tls"]);
  out.tls.verify = true;
  return out;
}

Config decode_config(const Json& json) {
  Config out;
  out.nats = decode_nats(json["nats"]);
  out.cluster = decode_cluster(json["cluster"]);
  out.monitor.enabled = json["monitor"]["enabled"];
  out.monitor.port = json["monitor"]["port"];
  out.server_name_prefix = text(json, "serverNamePrefix");
  out.server_tags = json.value("serverTags", std::vector<std::string>());
  out.lame_duck.duration = text(json["lameDuck"], "duration");
  out.lame_duck.grace_period = text(json["lameDuck"], "gracePeriod");
  out.lame_duck.duration_value = parse_duration(out.lame_duck.duration).value();
  out.debug = json["logging"]["debug"];
  out.trace = json["logging"]["trace"];
  out.merge = json.value("merge", Json::object());
  return out;
}

std::optional<SubjectRules> decode_subjects(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return std::nullopt;
  return SubjectRules{found->value("allow", std::vector<std::string>()),
                      found->value("deny", std::vector<std::string>())};
}

Auth decode_auth(const Json& json) {
  Auth out;
  const std::string mode = text(json, "mode");
  out.mode = mode == "Token"   ? AuthMode::kToken
             : mode == "Users" ? AuthMode::kUsers
                               : AuthMode::kNone;
  const Json& token = child(json, "tokenSecretRef");
  out.token = {text(token, "name"), text(token, "key")};
  for (const Json& user : json.value("users", Json::array())) {
    const Json& ref = user["secretRef"];
    UserRef decoded;
    decoded.user = {text(ref, "name"), text(ref, "usernameKey")};
    decoded.password = {text(ref, "name"), text(ref, "passwordKey")};
    decoded.publish = decode_subjects(child(user, "permissions"), "publish");
    decoded.subscribe = decode_subjects(child(user, "permissions"), "subscribe");
    out.users.push_back(std::move(decoded));
  }
  return out;
}

PodTemplate decode_pod_template(const Json& json) {
  PodTemplate out;
  out.labels = string_map(child(json, "metadata"), "labels");
  out.annotations = string_map(child(json, "metadata"), "annotations");
  out.affinity = maybe<Json>(json, "affinity");
  out.topology_spread_constraints = maybe<Json>(json, "topologySpreadConstraints");
  out.tolerations = json.value("tolerations", Json::array());
  out.node_selector = string_map(json, "nodeSelector");
  out.priority_class_name = text(json, "priorityClassName");
  out.security_context = maybe<Json>(json, "securityContext");
  out.termination_grace_period_seconds = maybe<int64_t>(json, "terminationGracePeriodSeconds");
  return out;
}

Service decode_service(const Json& json) {
  Service out;
  out.enabled = json["enabled"];
  out.type = text(json, "type");
  out.annotations = string_map(json, "annotations");
  const Json& monitor = child(child(json, "ports"), "monitor");
  out.monitor_port = monitor.value("enabled", out.type == "ClusterIP");
  return out;
}

UpdateStrategy decode_update_strategy(const Json& json) {
  UpdateStrategy out;
  const std::string type = text(json, "type");
  out.type = type == "Approve"    ? UpdateType::kApprove
             : type == "OnDelete" ? UpdateType::kOnDelete
                                  : UpdateType::kRolling;
  out.settle_timeout = parse_duration(text(json, "settleTimeout")).value();
  return out;
}

NetworkPolicy decode_network_policy(const Json& json) {
  NetworkPolicy out;
  out.enabled = json["enabled"];
  out.client_peers = maybe<Json>(json, "clients");
  out.monitor_peers = maybe<Json>(json, "monitoring");
  return out;
}

Spec decode_spec(const Json& json) {
  Spec out;
  out.replicas = json["replicas"];
  out.image = decode_image(json["image"]);
  out.config = decode_config(json["config"]);
  if (const auto storage = json.find("storage"); storage != json.end()) {
    out.storage =
        Storage{text(*storage, "size"), maybe<std::string>(*storage, "storageClassName"),
                text(*storage, "mountPath"), text((*storage)["retentionPolicy"], "whenDeleted"),
                text((*storage)["retentionPolicy"], "whenScaled")};
  }
  out.auth = decode_auth(json["auth"]);
  const Json& container = child(json, "container");
  out.container.env = container.value("env", Json::array());
  out.container.resources = container.value("resources", Json::object());
  out.container.security_context = maybe<Json>(container, "securityContext");
  out.pod_template = decode_pod_template(child(json, "podTemplate"));
  out.service = decode_service(json["service"]);
  out.pod_disruption_budget.enabled = json["podDisruptionBudget"]["enabled"];
  out.pod_disruption_budget.max_unavailable = json["podDisruptionBudget"]["maxUnavailable"];
  out.network_policy = decode_network_policy(json["networkPolicy"]);
  out.update_strategy = decode_update_strategy(json["updateStrategy"]);
  out.paused = json["paused"];
  return out;
}

// What the decoder relies on in metadata; an API server always delivers it.
void check_metadata(const Json& object, std::vector<FieldError>& errors) {
  const Json& metadata = child(object, "metadata");
  if (!metadata.is_object() || !child(metadata, "name").is_string()) {
    errors.push_back({"metadata.name", "is required"});
    return;
  }
  for (const char* name : {"namespace", "uid"}) {
    const auto found = metadata.find(name);
    if (found != metadata.end() && !found->is_string()) {
      errors.push_back({std::string("metadata.") + name, "must be a string"});
    }
  }
}

}  // namespace

std::vector<FieldError> admit_cluster(Json& object, const Json* old_object) {
  std::vector<FieldError> errors;
  if (!object.is_object()) return {{"", "must be an object"}};
  check_metadata(object, errors);
  const auto spec = object.find("spec");
  if (spec == object.end()) {
    errors.push_back({"spec", "is required"});
    return errors;
  }
  const Json* old_spec =
      old_object != nullptr && old_object->contains("spec") ? &(*old_object)["spec"] : nullptr;
  for (FieldError& error : spec_schema().complete(*spec, old_spec, "spec")) {
    errors.push_back(std::move(error));
  }
  if (!errors.empty()) return errors;
  for (const Rule& rule : object_rules()) {
    if (!rule.holds(object, old_object)) errors.push_back({"metadata.name", rule.message});
  }
  return errors;
}

Result<Cluster, std::vector<FieldError>> parse_cluster(Json object) {
  std::vector<FieldError> errors = admit_cluster(object, nullptr);
  if (!errors.empty()) return fail_with(std::move(errors));
  const Json& metadata = object["metadata"];
  Cluster out;
  out.ns = text(metadata, "namespace");
  out.name = text(metadata, "name");
  out.uid = text(metadata, "uid");
  out.generation = metadata.value("generation", int64_t{0});
  out.deleting = metadata.contains("deletionTimestamp");
  const Json& annotations = child(metadata, "annotations");
  const auto annotation = [&](const char* name) {
    const auto found = annotations.find(name);
    const bool there = found != annotations.end() && found->is_string();
    return there ? found->get<std::string>() : std::string();
  };
  out.restart = annotation(kRestartAnnotation);
  out.approved_plan = annotation(kApproveAnnotation);
  out.forced_pod = annotation(kForceAnnotation);
  out.spec = decode_spec(object["spec"]);
  return out;
}

}  // namespace natrix::model
