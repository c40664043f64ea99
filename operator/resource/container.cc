#include "operator/brokerconf/render.h"
#include "operator/resource/builders.h"
#include "operator/resource/names.h"
#include "operator/resource/tls.h"

namespace natrix::resource {

namespace {

constexpr const char* kConfigDirectory = "/etc/nats";
constexpr const char* kPidDirectory = "/var/run/nats";
constexpr const char* kPidFile = "/var/run/nats/nats.pid";
// How often a server looks whether its configuration or certificates have changed, to reload them.
// Servers that do not know the variable have to be restarted, which the operator notices.
constexpr const char* kReloadVariable = "NATRIX_RELOAD_INTERVAL";
constexpr const char* kReloadInterval = "2s";

Json container_port(const char* name, int port) {
  return {{"name", name}, {"containerPort", port}, {"protocol", "TCP"}};
}

Json ports(const model::Config& config) {
  Json out = Json::array(
      {container_port("nats", config.nats.port), container_port("cluster", config.cluster.port)});
  if (config.monitor.enabled) out.push_back(container_port("monitor", config.monitor.port));
  return out;
}

Json environment(const model::Cluster& cluster) {
  Json out = Json::array(
      {{{"name", "POD_NAME"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.name"}}}}}},
       {{"name", "SERVER_NAME"}, {"value", cluster.spec.config.server_name_prefix + "$(POD_NAME)"}},
       // All addresses, so that port forwarding and probes from inside the pod reach the server.
       {{"name", "LISTEN_ADDRESS"}, {"value", brokerconf::kListenAddress}},
       {{"name", kReloadVariable}, {"value", kReloadInterval}}});
  for (const Json& variable : cluster.spec.container.env) out.push_back(variable);
  return out;
}

Json volume_mounts(const model::Cluster& cluster) {
  Json out = Json::array({{{"name", "config"}, {"mountPath", kConfigDirectory}, {"readOnly", true}},
                          {{"name", "pid"}, {"mountPath", kPidDirectory}}});
  if (cluster.spec.storage) {
    out.push_back({{"name", kDataVolume}, {"mountPath", cluster.spec.storage->mount_path}});
  }
  Json volumes;
  add_tls(cluster.spec.config, volumes, out);
  return out;
}

Json default_security_context() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", Json::array({"ALL"})}}}};
}

}  // namespace

std::string image_reference(const model::Image& image, const std::string& default_image) {
  if (image.repository.empty()) return default_image;
  std::string out = image.registry.empty() ? "" : image.registry + "/";
  out += image.repository;
  if (!image.tag.empty()) out += ":" + image.tag;
  if (!image.digest.empty()) out += "@" + image.digest;
  return out;
}

std::map<std::string, std::string> known_variables(const model::Cluster& cluster,
                                                   const std::string& pod) {
  std::map<std::string, std::string> out = {
      {"POD_NAME", pod},
      {"SERVER_NAME", cluster.spec.config.server_name_prefix + pod},
      {"LISTEN_ADDRESS", brokerconf::kListenAddress},
      {kReloadVariable, kReloadInterval}};
  for (const Json& variable : cluster.spec.container.env) {
    const auto value = variable.find("value");
    if (value == variable.end()) continue;
    const std::string text = value->get<std::string>();
    if (text.find('$') == std::string::npos) out[variable["name"]] = text;
  }
  return out;
}

Json server_container(const model::Cluster& cluster, const Options& options) {
  const model::Container& wanted = cluster.spec.container;
  const Probes probes = server_probes(cluster);
  Json out = {
      {"name", kContainerName},
      {"image", image_reference(cluster.spec.image, options.default_image)},
      {"imagePullPolicy", cluster.spec.image.pull_policy},
      // Flags only: the entry points of all NATS images put the server's name before them.
      {"args", Json::array({"--config", std::string(kConfigDirectory) + "/" + brokerconf::kMainFile,
                            "--pid", kPidFile})},
      {"ports", ports(cluster.spec.config)},
      {"env", environment(cluster)},
      {"volumeMounts", volume_mounts(cluster)},
      {"securityContext", wanted.security_context.value_or(default_security_context())},
      {"startupProbe", probes.startup},
      {"livenessProbe", probes.liveness},
      {"readinessProbe", probes.readiness},
      // Tells the clients to go elsewhere. The SIGTERM that follows at once is ignored by a server
      // that is already leaving; it exits by itself when the lame duck time is over.
      {"lifecycle",
       {{"preStop",
         {{"exec",
           {{"command", Json::array({"nats-server", std::string("-sl=ldm=") + kPidFile})}}}}}}},
  };
  if (!wanted.resources.empty()) out["resources"] = wanted.resources;
  return out;
}

}  // namespace natrix::resource
