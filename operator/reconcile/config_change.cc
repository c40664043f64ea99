#include "operator/reconcile/config_change.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/base/timestamp.h"
#include "operator/model/base64.h"
#include "operator/model/digest.h"
#include "operator/model/labels.h"
#include "operator/reconcile/certificates.h"
#include "operator/resource/builders.h"
#include "operator/resource/names.h"

namespace natrix::reconcile {

namespace {

using brokerconf::Files;

// Marks a second start with a configuration that was meanwhile replaced by a reload.
constexpr const char* kAgain = ".again";

bool started_with(const std::string& annotation, const std::string& revision) {
  return annotation == revision || annotation == revision + kAgain;
}

Files wanted_files(const brokerconf::Rendered& rendered) {
  Files out = {{brokerconf::kMainFile, rendered.nats_conf},
               {brokerconf::kClusterFile, rendered.cluster_conf}};
  if (!rendered.auth_conf.empty()) out[brokerconf::kAuthFile] = rendered.auth_conf;
  return out;
}

// What the pods are given now, or will be as soon as the kubelets have noticed.
Files live_files(const ConfigInput& input) {
  Files out;
  const std::string name = resource::config_name(input.cluster);
  for (const resource::Kind kind : {resource::Kind::kConfigMap, resource::Kind::kSecret}) {
    const auto object = input.live.find({kind, name});
    if (object == input.live.end()) continue;
    for (const auto& [key, value] : member(object->second, "data").items()) {
      if (!value.is_string()) continue;
      const std::string& text = value.get_ref<const std::string&>();
      out[key] = kind == resource::Kind::kSecret ? model::base64_decode(text).value_or("") : text;
    }
  }
  return out;
}

std::string template_annotation(const ConfigInput& input) {
  const auto set = input.live.find({resource::Kind::kStatefulSet, input.cluster.name});
  if (set == input.live.end()) return "";
  return string_at(set->second,
                   {"spec", "template", "metadata", "annotations", model::kConfigAnnotation});
}

// Whether a server shows that it runs these files. Scaling changes the list of routes, which
// servers reload in their own time, so one of a few servers more or less counts as well.
bool shows(const ConfigInput& input, const Pod& pod, Files files) {
  constexpr int kNear = 8;
  const auto report = input.reports.find(pod.name);
  if (report == input.reports.end() || report->second.config_digest.empty()) return false;
  const auto variables = resource::known_variables(input.cluster, pod.name);
  const auto matches = [&] {
    const auto digest = brokerconf::digest_in_use(files, variables);
    return digest && *digest == report->second.config_digest;
  };
  if (matches()) return true;
  const int replicas = input.cluster.spec.replicas;
  for (int servers = std::max(1, replicas - kNear); servers <= replicas + kNear; ++servers) {
    files[brokerconf::kClusterFile] = input.cluster_conf(servers);
    if (matches()) return true;
  }
  return false;
}

// Why the servers cannot be left to reload; empty: they can.
std::string why_not_reload(const ConfigInput& input) {
  if (!input.cluster.spec.config.monitor.enabled) return "without monitoring nobody could see it";
  const Files now = live_files(input);
  int asked = 0;
  for (const Pod& pod : input.pods) {
    if (!pod.ready || pod.deleting) continue;
    const auto report = input.reports.find(pod.name);
    if (report == input.reports.end()) return fmt::format("server {} did not answer", pod.name);
    if (!report->second.reloads_by_itself)
      return fmt::format("server {} does not reload by itself", pod.name);
    if (!shows(input, pod, now))
      return fmt::format("server {} does not show that it runs the present configuration",
                         pod.name);
    ++asked;
  }
  if (asked == 0) return "no server is ready";
  const auto possible =
      brokerconf::can_reload(now, wanted_files(input.rendered),
                             resource::known_variables(input.cluster, input.cluster.name));
  return possible ? "" : possible.error().message;
}

// A server that has had the time to reload, and says that it has not.
std::string late_server(const ConfigInput& input, const ConfigChange& change) {
  const auto since = ops::parse_time(change.since);
  if (!since || input.now - *since < kReloadTime) return "";
  const std::set<std::string> done = configured_pods(input, change);
  for (const Pod& pod : input.pods) {
    const bool answered = input.reports.count(pod.name) != 0;
    if (answered && pod.ready && !pod.deleting && done.count(pod.name) == 0) return pod.name;
  }
  return "";
}

}  // namespace

std::string config_revision(const brokerconf::Rendered& rendered,
                            const std::vector<WantedCertificate>& certificates) {
  if (certificates.empty()) return "sha256:" + rendered.restart_digest;
  return "sha256:" +
         model::digest_of(Json::array({rendered.restart_digest, serials_of(certificates)}));
}

ConfigChange decide_config(const ConfigInput& input) {
  static const Json kNothing;
  ConfigChange out;
  out.revision = config_revision(input.rendered, input.certificates);
  out.started_with = out.revision;
  const std::string live = template_annotation(input);
  if (live.empty()) return out;
  const Json& before = input.previous == nullptr ? kNothing : member(*input.previous, "config");
  const std::string known = string_at(before, {"revision"});
  const bool by_reload = string_at(before, {"method"}) == "Reload";
  const bool decided = known == out.revision;
  const auto restart = [&](std::string why) {
    out.reload = false;
    out.since.clear();
    out.why = std::move(why);
    if (live == out.revision) out.started_with = out.revision + kAgain;
    return out;
  };
  if (started_with(live, out.revision) && !by_reload) {
    if (decided) out.why = string_at(before, {"why"});
    out.started_with = live;
    return out;
  }
  if (decided && !by_reload) {
    out.why = string_at(before, {"why"});
    return out;
  }
  if (!decided && !started_with(live, out.revision)) {
    if (std::string why = why_not_reload(input); !why.empty()) return restart(std::move(why));
  }
  out.reload = true;
  out.started_with = live;
  if (live_files(input) == wanted_files(input.rendered)) {
    out.since = decided ? string_at(before, {"since"}) : "";
    if (out.since.empty()) out.since = ops::format_time(input.now);
  }
  const std::string late = late_server(input, out);
  if (!late.empty()) return restart(fmt::format("server {} did not take it up by a reload", late));
  return out;
}

std::set<std::string> configured_pods(const ConfigInput& input, const ConfigChange& change) {
  const Files files = wanted_files(input.rendered);
  std::set<std::string> out;
  for (const Pod& pod : input.pods) {
    if (pod.deleting) continue;
    const bool started = !change.reload && started_with(pod.config_digest, change.revision);
    const auto report = input.reports.find(pod.name);
    const bool reloaded = change.reload && report != input.reports.end() &&
                          shows(input, pod, files) && serves(report->second, input.certificates);
    if (started || reloaded) out.insert(pod.name);
  }
  return out;
}

}  // namespace natrix::reconcile
