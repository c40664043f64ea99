#include "operator/reconcile/observe.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "operator/kube/resources.h"
#include "operator/model/base64.h"
#include "operator/model/labels.h"
#include "operator/resource/names.h"

namespace natrix::reconcile {

namespace {

using resource::Kind;

std::vector<ChildKey> all_keys(const model::Cluster& cluster) {
  return {{Kind::kServiceAccount, cluster.name},
          {Kind::kSecret, resource::config_name(cluster)},
          {Kind::kConfigMap, resource::config_name(cluster)},
          {Kind::kService, resource::headless_name(cluster)},
          {Kind::kService, cluster.name},
          {Kind::kPodDisruptionBudget, cluster.name},
          {Kind::kNetworkPolicy, cluster.name},
          {Kind::kStatefulSet, cluster.name}};
}

// Absent is an answer, not an error.
kube::ApiResult<std::optional<Json>> read(kube::Api& api, const kube::ObjectRef& ref) {
  kube::ApiResult<Json> got = api.get(ref);
  if (got) return std::optional<Json>(std::move(*got));
  if (got.error().code == kube::Errc::kNotFound) return std::optional<Json>();
  return fail_with(kube::ApiError(got.error()));
}

void read_conditions(const Json& pod, Pod& out) {
  const Json& conditions = at(pod, {"status", "conditions"});
  if (!conditions.is_array()) return;
  for (const Json& condition : conditions) {
    const std::string type = string_at(condition, {"type"});
    const bool holds = string_at(condition, {"status"}) == "True";
    if (type == "Ready") {
      out.ready = holds;
      out.ready_since = string_at(condition, {"lastTransitionTime"});
    } else if (type == "PodScheduled" && !holds) {
      out.trouble_reason = string_at(condition, {"reason"});
      out.trouble = string_at(condition, {"message"});
    }
  }
}

// What the kubelet waits for on its ordinary way is no trouble.
bool is_ordinary_wait(const std::string& reason) {
  return reason.empty() || reason == "ContainerCreating" || reason == "PodInitializing";
}

std::string exit_text(const Json& terminated) {
  if (!terminated.is_object()) return "";
  std::string out = fmt::format("last exit code {}", int_at(terminated, {"exitCode"}));
  const std::string reason = string_at(terminated, {"reason"});
  if (!reason.empty()) out += " (" + reason + ")";
  return out;
}

void read_container(const Json& pod, Pod& out) {
  const Json& statuses = at(pod, {"status", "containerStatuses"});
  if (!statuses.is_array()) return;
  for (const Json& status : statuses) {
    if (string_at(status, {"name"}) != resource::kContainerName) continue;
    out.restarts = int_at(status, {"restartCount"});
    const Json& state = member(status, "state");
    const std::string waiting = string_at(state, {"waiting", "reason"});
    const std::string last = exit_text(at(status, {"lastState", "terminated"}));
    if (!is_ordinary_wait(waiting)) {
      out.trouble_reason = waiting;
      out.trouble = string_at(state, {"waiting", "message"});
      if (!last.empty()) out.trouble += (out.trouble.empty() ? "" : "; ") + last;
    } else if (const std::string start = string_at(state, {"running", "startedAt"});
               !start.empty()) {
      // One that has not become ready yet is not ready since before it was started. Both times are
      // written by the API server in the same form.
      out.lost_readiness = !out.ready && out.ready_since > start;
    } else if (member(state, "terminated").is_object()) {
      out.trouble_reason = "Terminated";
      out.trouble = exit_text(member(state, "terminated"));
    }
  }
}

// Labels can be copied, the owner's uid cannot. A pod without an owner is one that outlives its
// StatefulSet while that is made anew; the next one takes it over by labels and name.
bool belongs_to(const Json& pod, const std::string& set_uid) {
  const Json& owners = at(pod, {"metadata", "ownerReferences"});
  if (owners.is_array()) {
    for (const Json& owner : owners) {
      if (member(owner, "controller") == true) return string_at(owner, {"uid"}) == set_uid;
    }
  }
  return true;
}

// The number at the end of "<prefix>-2"; -1 for any other name.
int ordinal_of(const std::string& name, const std::string& prefix) {
  if (name.size() <= prefix.size() + 1 || name.rfind(prefix + "-", 0) != 0) return -1;
  int out = -1;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + prefix.size() + 1, end, out);
  return error == std::errc() && stop == end ? out : -1;
}

kube::ApiResult<std::vector<Pod>> read_pods(kube::Api& api, const model::Cluster& cluster,
                                            const std::string& set_uid) {
  kube::ListOptions options;
  options.ns = cluster.ns;
  options.label_selector = resource::selector_text(cluster);
  const kube::ApiResult<kube::ObjectList> list = api.list(kube::kPods, options);
  if (!list) return fail_with(kube::ApiError(list.error()));
  std::vector<Pod> out;
  for (const Json& pod : list->items) {
    if (!belongs_to(pod, set_uid)) continue;
    Pod decoded = decode_pod(pod);
    decoded.ordinal = ordinal_of(decoded.name, cluster.name);
    if (decoded.ordinal >= 0) out.push_back(std::move(decoded));
  }
  std::sort(out.begin(), out.end(), [](const Pod& a, const Pod& b) {
    return std::pair(a.name.size(), a.name) < std::pair(b.name.size(), b.name);
  });
  return out;
}

Claim decode_claim(const Json& claim) {
  Claim out;
  out.name = string_at(claim, {"metadata", "name"});
  out.uid = string_at(claim, {"metadata", "uid"});
  out.resource_version = string_at(claim, {"metadata", "resourceVersion"});
  out.requested = string_at(claim, {"spec", "resources", "requests", "storage"});
  out.capacity = string_at(claim, {"status", "capacity", "storage"});
  out.deleting = !at(claim, {"metadata", "deletionTimestamp"}).is_null();
  const Json& owners = at(claim, {"metadata", "ownerReferences"});
  out.owned = owners.is_array() && std::any_of(owners.begin(), owners.end(), [](const Json& owner) {
                return string_at(owner, {"kind"}) == "StatefulSet";
              });
  return out;
}

kube::ApiResult<std::vector<Claim>> read_claims(kube::Api& api, const model::Cluster& cluster) {
  std::vector<Claim> out;
  if (!cluster.spec.storage) return out;
  kube::ListOptions options;
  options.ns = cluster.ns;
  options.label_selector = resource::selector_text(cluster);
  const kube::ApiResult<kube::ObjectList> list = api.list(kube::kPersistentVolumeClaims, options);
  if (!list) return fail_with(kube::ApiError(list.error()));
  const std::string prefix = std::string(resource::kDataVolume) + "-" + cluster.name;
  for (const Json& claim : list->items) {
    const int ordinal = ordinal_of(string_at(claim, {"metadata", "name"}), prefix);
    if (ordinal >= 0 && ordinal < cluster.spec.replicas) out.push_back(decode_claim(claim));
  }
  std::sort(out.begin(), out.end(), [](const Claim& a, const Claim& b) { return a.name < b.name; });
  return out;
}

// Looks up keys of Secrets, each Secret once.
class SecretReader {
 public:
  SecretReader(kube::Api& api, std::string ns) : api_(api), ns_(std::move(ns)) {}

  std::optional<kube::ApiError> error;
  std::optional<Problem> problem;

  // An empty text when the key cannot be had; why is in `error` or `problem`.
  std::string value(const model::SecretKey& key, const char* field) {
    const std::string found = text(key, field);
    if (found.empty() || usable(found)) return found;
    complain(
        model::Reason::kSecretInvalid,
        fmt::format("key {} of Secret {}, named in {}, holds a line break or control character",
                    key.key, key.name, field));
    return "";
  }

  // Certificate and key of a listener, checked; nothing if TLS is off or they cannot be had.
  std::optional<brokerconf::CertificateFacts> certificate(const model::Tls& tls,
                                                          const char* field) {
    if (!tls.enabled) return std::nullopt;
    const std::string cert = text({tls.secret, tls.cert}, field);
    const std::string key = text({tls.secret, tls.key}, field);
    const std::string authority = tls.verify ? text({tls.secret, tls.ca}, field) : "";
    if (error || problem) return std::nullopt;
    auto facts = brokerconf::read_certificate(cert, key, authority);
    if (facts) return *facts;
    complain(model::Reason::kCertificateInvalid,
             fmt::format("Secret {}, named in {}: {}", tls.secret, field, facts.error().message));
    return std::nullopt;
  }

  // Any bytes, but some.
  std::string text(const model::SecretKey& key, const char* field) {
    const std::optional<Json>* secret = load(key.name);
    if (secret == nullptr) return "";
    if (!*secret) {
      complain(model::Reason::kSecretMissing,
               fmt::format("Secret {}, named in {}, does not exist", key.name, field));
      return "";
    }
    const Json& data = at(**secret, {"data", key.key.c_str()});
    if (!data.is_string()) {
      complain(model::Reason::kSecretInvalid,
               fmt::format("Secret {}, named in {}, has no key {}", key.name, field, key.key));
      return "";
    }
    const auto decoded = model::base64_decode(data.get_ref<const std::string&>());
    if (!decoded || decoded->empty()) {
      complain(model::Reason::kSecretInvalid,
               fmt::format("key {} of Secret {}, named in {}, is empty", key.key, key.name, field));
      return "";
    }
    return *decoded;
  }

  // Null after an error.
  const std::optional<Json>* load(const std::string& name) {
    const auto known = secrets_.find(name);
    if (known != secrets_.end()) return &known->second;
    auto got = read(api_, {kube::kSecrets, ns_, name});
    if (!got) {
      if (!error) error = got.error();
      return nullptr;
    }
    return &secrets_.emplace(name, std::move(*got)).first->second;
  }

 private:
  // A trailing newline is the usual slip of `echo secret | base64`; a server would never match it.
  static bool usable(const std::string& text) {
    return !text.empty() && std::none_of(text.begin(), text.end(),
                                         [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  }

  void complain(model::Reason reason, std::string message) {
    if (!problem) problem = Problem{reason, std::move(message)};
  }

  kube::Api& api_;
  std::string ns_;
  std::map<std::string, std::optional<Json>> secrets_;
};

}  // namespace

Pod decode_pod(const Json& pod) {
  Pod out;
  out.name = string_at(pod, {"metadata", "name"});
  out.uid = string_at(pod, {"metadata", "uid"});
  out.node = string_at(pod, {"spec", "nodeName"});
  out.ip = string_at(pod, {"status", "podIP"});
  out.phase = string_at(pod, {"status", "phase"});
  out.revision = string_at(pod, {"metadata", "labels", "controller-revision-hash"});
  out.resource_version = string_at(pod, {"metadata", "resourceVersion"});
  out.restart = string_at(pod, {"metadata", "annotations", model::kRestartAnnotation});
  const Json& containers = at(pod, {"spec", "containers"});
  if (containers.is_array()) {
    for (const Json& container : containers) {
      if (string_at(container, {"name"}) != resource::kContainerName) continue;
      out.image = string_at(container, {"image"});
      out.startup_failures = int_at(container, {"startupProbe", "failureThreshold"});
    }
  }
  out.config_digest = string_at(pod, {"metadata", "annotations", model::kConfigAnnotation});
  out.deleting = !at(pod, {"metadata", "deletionTimestamp"}).is_null();
  read_conditions(pod, out);
  read_container(pod, out);
  return out;
}

kube::ApiResult<Observed> observe(kube::Api& api, const model::Cluster& cluster) {
  Observed out;
  for (const ChildKey& key : all_keys(cluster)) {
    auto got = read(api, {type_of(key.kind), cluster.ns, key.name});
    if (!got) return fail_with(kube::ApiError(got.error()));
    if (*got) out.children.emplace(key, std::move(**got));
  }
  const auto set = out.children.find({Kind::kStatefulSet, cluster.name});
  const std::string uid =
      set == out.children.end() ? "" : string_at(set->second, {"metadata", "uid"});
  auto pods = read_pods(api, cluster, uid);
  if (!pods) return fail_with(kube::ApiError(pods.error()));
  out.pods = std::move(*pods);
  auto claims = read_claims(api, cluster);
  if (!claims) return fail_with(kube::ApiError(claims.error()));
  out.claims = std::move(*claims);
  return out;
}

kube::ApiResult<SecretsFound> read_secrets(kube::Api& api, const model::Cluster& cluster) {
  SecretReader reader(api, cluster.ns);
  SecretsFound out;
  std::string routes = cluster.spec.config.cluster.credentials_secret;
  const char* field = "spec.config.cluster.routeURLs.credentialsSecretRef";
  if (routes.empty()) {
    routes = resource::routes_secret_name(cluster);
    field = "nothing but made by the operator";
    const std::optional<Json>* made = reader.load(routes);
    out.routes_missing = made != nullptr && !*made;
    if (made != nullptr && *made) {
      out.problem = ownership_problem({Kind::kSecret, routes}, **made, cluster);
    }
  }
  if (!out.routes_missing) {
    out.secrets.routes = {reader.value({routes, "username"}, field),
                          reader.value({routes, "password"}, field)};
  }
  const model::Config& config = cluster.spec.config;
  if (const auto facts = reader.certificate(config.nats.tls, "spec.config.nats.tls"))
    out.certificates.push_back({Listener::kClients, config.nats.tls.secret, *facts});
  if (const auto facts = reader.certificate(config.cluster.tls, "spec.config.cluster.tls"))
    out.certificates.push_back({Listener::kRoutes, config.cluster.tls.secret, *facts});
  const model::Auth& auth = cluster.spec.auth;
  if (auth.mode == model::AuthMode::kToken) {
    out.secrets.token = reader.value(auth.token, "spec.auth.tokenSecretRef");
  }
  for (const model::UserRef& user : auth.users) {
    out.secrets.users.push_back({reader.value(user.user, "spec.auth.users"),
                                 reader.value(user.password, "spec.auth.users")});
  }
  if (reader.error) return fail_with(kube::ApiError(*reader.error));
  if (!out.problem) out.problem = reader.problem;
  return out;
}

}  // namespace natrix::reconcile
