#include "operator/model/cluster_schema.h"

#include "operator/model/config_merge.h"
#include "operator/model/units.h"

namespace natrix::model {

namespace {

constexpr const char* kSecretNamePattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";

Schema secret_name(std::string description) {
  return Schema::string(std::move(description))
      .length(1, 253)
      .matching(kSecretNamePattern, "the name of a Secret");
}

Schema secret_key(std::string description, const char* key) {
  return Schema::string(std::move(description))
      .length(1, 253)
      .matching("^[-._a-zA-Z0-9]+$", "a key of a Secret")
      .by_default(key);
}

Schema image_schema() {
  return Schema::object(
             "The broker's image; any image whose entry point is a NATS-compatible server. Without "
             "a "
             "repository the operator uses the image it was released with.",
             {{"registry",
               Schema::string("Registry host, put before the repository.").length(0, 253)},
              {"repository", Schema::string("For example nats, or natrix-broker.").length(1, 253)},
              {"tag", Schema::string("For example 2.12-alpine.").length(1, 128)},
              {"digest", Schema::string("Pins the image; wins over the tag.")
                             .length(1, 200)
                             .matching("^[a-z0-9]+:[a-f0-9]{32,}$",
                                       "a digest such as sha256:<64 hex digits>")},
              {"pullPolicy", Schema::string("When the node fetches the image.")
                                 .one_of({"Always", "IfNotPresent", "Never"})
                                 .by_default("IfNotPresent")},
              {"pullSecrets",
               Schema::array(
                   "Secrets with registry credentials, in the cluster's namespace.",
                   Schema::object("", {{"name", secret_name("Name of the Secret."), true}}))
                   .items(0, 16)
                   .list_map({"name"})}})
      .rule({"has(self.repository) || !(has(self.registry) || has(self.tag) || has(self.digest))",
             "repository must be set when registry, tag or digest is",
             [](const Json& image, const Json*) {
               return image.contains("repository") ||
                      !(image.contains("registry") || image.contains("tag") ||
                        image.contains("digest"));
             }});
}

Schema subjects_schema(std::string description) {
  auto subjects = [](std::string text) {
    return Schema::array(std::move(text), Schema::string("").length(1, 256)).items(0, 64);
  };
  return Schema::object(std::move(description),
                        {{"allow", subjects("Subjects allowed; empty: all.")},
                         {"deny", subjects("Subjects refused; wins over allow.")}});
}

Schema users_schema() {
  Schema user = Schema::object(
      "",
      {{"secretRef",
        Schema::object(
            "A Secret of the cluster's namespace, for example of type kubernetes.io/basic-auth.",
            {{"name", secret_name("Name of the Secret."), true},
             {"usernameKey", secret_key("Key that holds the name.", "username")},
             {"passwordKey",
              secret_key("Key that holds the password, plain or bcrypt.", "password")}}),
        true},
       {"permissions",
        Schema::object("Absent: the user may use every subject.",
                       {{"publish", subjects_schema("Subjects the user may publish to.")},
                        {"subscribe", subjects_schema("Subjects the user may receive.")}})}});
  return Schema::array("Users of mode Users.", std::move(user)).items(1, 256);
}

Schema auth_schema() {
  return Schema::object(
             "Who may connect. Secrets are read by reference and never end up in a ConfigMap.",
             {{"mode",
               Schema::string("None, Token (one shared token) or Users (name and password).")
                   .one_of({"None", "Token", "Users"})
                   .by_default("None")},
              {"tokenSecretRef",
               Schema::object("Where the token of mode Token is.",
                              {{"name", secret_name("Name of the Secret."), true},
                               {"key", secret_key("Key that holds the token.", "token")}})},
              {"users", users_schema()}})
      .rule({"(self.mode == 'Token') == has(self.tokenSecretRef)",
             "tokenSecretRef must be set with mode Token and only then",
             [](const Json& auth, const Json*) {
               return (auth["mode"] == "Token") == auth.contains("tokenSecretRef");
             }})
      .rule({"(self.mode == 'Users') == has(self.users)",
             "users must be set with mode Users and only then", [](const Json& auth, const Json*) {
               return (auth["mode"] == "Users") == auth.contains("users");
             }});
}

Schema service_schema() {
  return Schema::object(
             "The Service clients connect to; it has the cluster's name.",
             {{"enabled", Schema::boolean("Whether to make it.").by_default(true)},
              {"type",
               Schema::string("As in a Kubernetes Service. Headless: the Service that names the "
                              "pods, <cluster>-0.<cluster>, is the client Service too.")
                   .one_of({"ClusterIP", "NodePort", "LoadBalancer", "Headless"})
                   .by_default("ClusterIP")},
              {"annotations",
               Schema::map("For load balancers and the like.", Schema::string("").length(0, 4096))
                   .items(0, 64)},
              {"ports", Schema::object(
                            "Which ports besides the client port it offers.",
                            {{"monitor",
                              Schema::object("The HTTP monitoring port.",
                                             {{"enabled", Schema::boolean("Absent: only with type "
                                                                          "ClusterIP.")}})}})}})
      .rule({"self.enabled || self.type != 'Headless'",
             "the Service cannot be switched off with type Headless, the servers need it",
             [](const Json& service, const Json*) {
               return service["enabled"] == true || service["type"] != "Headless";
             }})
      .rule({"(self.type == 'Headless') == (oldSelf.type == 'Headless')",
             "service.type cannot change to or from Headless on an existing cluster",
             [](const Json& service, const Json* old) {
               return old == nullptr || (service["type"] == "Headless") ==
                                            (old->value("type", "ClusterIP") == "Headless");
             }});
}

Schema budget_schema() {
  return Schema::object(
      "Limits how many servers a voluntary disruption, such as a node drain, may take at once.",
      {{"enabled", Schema::boolean("Whether to make it.").by_default(true)},
       {"maxUnavailable",
        Schema::int_or_string("Number or percentage of servers.")
            .length(1, 4)
            .matching("^[0-9]{1,3}%$", "a number or a percentage such as 34%")
            .by_default(1)
            .rule({"type(self) == string || self >= 0", "maxUnavailable cannot be negative",
                   [](const Json& value, const Json*) {
                     return value.is_string() || value.get<int64_t>() >= 0;
                   }})}});
}

Schema build_spec() {
  const char* kStorageFixed = "storage cannot be added or removed on an existing cluster";
  auto storage_kept = [](const Json& spec, const Json* old) {
    return old == nullptr || spec.contains("storage") == old->contains("storage");
  };
  return Schema::object(
             "What the cluster should be.",
             {{"replicas", Schema::integer("Number of servers.", 1, 100).by_default(3)},
              {"image", image_schema().by_default(Json::object())},
              {"config", config_schema().by_default(Json::object())},
              {"storage", storage_schema()},
              {"auth", auth_schema().by_default(Json::object())},
              {"container", container_schema()},
              {"podTemplate", pod_template_schema()},
              {"service", service_schema().by_default(Json::object())},
              {"podDisruptionBudget", budget_schema().by_default(Json::object())},
              {"networkPolicy", network_policy_schema().by_default(Json::object())},
              {"updateStrategy", update_strategy_schema().by_default(Json::object())},
              {"paused",
               Schema::boolean("True: change nothing; the status stays live and shows the plan.")
                   .by_default(false)}})
      .rule({"has(self.storage) == has(oldSelf.storage)", kStorageFixed, storage_kept})
      .rule({"", "config.merge cannot hold authorization while auth.mode is not None",
             [](const Json& spec, const Json*) {
               if (spec["auth"]["mode"] == "None" || !spec["config"].contains("merge")) return true;
               for (const auto& [key, unused] : spec["config"]["merge"].items()) {
                 if (canonical_key(key) == "authorization") return false;
               }
               return true;
             }})
      .rule({"!has(self.podTemplate) || !has(self.podTemplate.terminationGracePeriodSeconds) || "
             "self.podTemplate.terminationGracePeriodSeconds > "
             "duration(self.config.lameDuck.duration).getSeconds()",
             "podTemplate.terminationGracePeriodSeconds must be longer than "
             "config.lameDuck.duration, or servers are killed before their clients have moved",
             [](const Json& spec, const Json*) {
               const Json grace =
                   spec.value("/podTemplate/terminationGracePeriodSeconds"_json_pointer, Json());
               if (grace.is_null()) return true;
               const auto duration =
                   parse_duration(spec["config"]["lameDuck"]["duration"].get<std::string>());
               return duration.ok() && std::chrono::seconds(grace.get<int64_t>()) > *duration;
             }});
}

}  // namespace

const Schema& spec_schema() {
  static const Schema kSchema = build_spec();
  return kSchema;
}

const std::vector<Rule>& object_rules() {
  static const std::vector<Rule> kRules = {
      {"size(self.metadata.name) <= 50 && "
       "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
       "the name of a NatsCluster becomes the name of Services: at most 50 of a-z, 0-9 and -, "
       "starting with a letter",
       [](const Json& object, const Json*) {
         const std::string name = object["metadata"]["name"].get<std::string>();
         static const std::regex kName("^[a-z]([-a-z0-9]*[a-z0-9])?$");
         return name.size() <= 50 && std::regex_match(name, kName);
       }},
  };
  return kRules;
}

}  // namespace natrix::model
