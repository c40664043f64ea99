#include "operator/main/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "broker/base/version.h"

namespace natrix::operator_main {
namespace {

void add_log_flags(CLI::App& app, Options& options) {
  const std::map<std::string, ops::LogFormat> formats{{"logfmt", ops::LogFormat::kLogfmt},
                                                      {"json", ops::LogFormat::kJson}};
  const std::map<std::string, ops::Level> levels{{"debug", ops::Level::kDebug},
                                                 {"info", ops::Level::kInfo},
                                                 {"warn", ops::Level::kWarn},
                                                 {"error", ops::Level::kError}};
  app.add_option("--log-format", options.log_format, "logfmt or json")
      ->transform(CLI::Transformer(formats))
      ->default_str("logfmt");
  app.add_option("--log-level", options.log_level, "debug, info, warn or error")
      ->transform(CLI::Transformer(levels))
      ->default_str("info");
}

void add_run_flags(CLI::App& app, Options& options) {
  app.add_option("--kubeconfig", options.kubeconfig,
                 "kubeconfig file (default: $KUBECONFIG, the pod's service account, "
                 "~/.kube/config)");
  app.add_option("--context", options.context, "context of the kubeconfig to use");
  app.add_option("-n,--namespace", options.ns,
                 "manage the NatsClusters of this namespace only (default: all)");
  app.add_option("--metrics-addr", options.metrics_address,
                 "where /metrics, /healthz and /readyz are served; off: nowhere")
      ->capture_default_str();
  app.add_flag("--leader-elect", options.leader_elect,
               "act only while holding the Lease natrix-operator, for several replicas");
  app.add_option("--leader-elect-namespace", options.leader_elect_namespace,
                 "namespace of the Lease (default: the operator's own)");
  app.add_option("--workers", options.workers, "clusters worked on at the same time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option(
      "--broker-image", options.broker_image,
      "image of clusters whose spec names none (default: natrix-broker of this version)");
  app.add_option("--resync", options.resync_seconds,
                 "seconds after which a cluster gets a pass although nothing happened")
      ->check(CLI::Range(10, 86400))
      ->capture_default_str();
  app.add_option("--api-qps", options.api_qps,
                 "requests a second to the Kubernetes API, 0: no limit")
      ->check(CLI::Range(0.0, 10000.0))
      ->capture_default_str();
  app.add_option("--api-burst", options.api_burst, "requests that may be saved up")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  add_log_flags(app, options);
}

// What the user's programs keep between runs (XDG base directory specification).
std::string default_data_directory() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state && *state) {
    return std::string(state) + "/natrix/local";
  }
  const char* home = std::getenv("HOME");
  return std::string(home && *home ? home : ".") + "/.local/state/natrix/local";
}

std::string default_broker() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "natrix-broker" : (self.parent_path() / "natrix-broker").string();
}

void add_local_flags(CLI::App& app, Options& options) {
  LocalOptions& local = options.local;
  local.data_directory = default_data_directory();
  local.broker = default_broker();
  app.add_option("-f,--filename", local.manifests,
                 "manifest to apply at the start; may be given more than once")
      ->check(CLI::ExistingFile);
  app.add_option("--port", local.api_port,
                 "port of the Kubernetes API on 127.0.0.1, 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--data-dir", local.data_directory,
                 "where volumes of claims are kept; one program at a time")
      ->capture_default_str();
  app.add_option("--broker", local.broker, "program that NATS images stand for")
      ->check(CLI::ExistingFile)
      ->capture_default_str();
  app.add_option("--image", local.images,
                 "NAME=PATH: program that images with this name stand for, whatever their registry "
                 "and tag; may be given more than once");
  app.add_option("--metrics-addr", local.metrics_address,
                 "where the operator serves /metrics, /healthz and /readyz; off: nowhere (default: "
                 "port 8080 on a loopback address of its own)");
  app.add_option("--workers", options.workers, "clusters worked on at the same time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  add_log_flags(app, options);
}

// Flags of `run` may stand without that word, but before other words they would do nothing.
std::string misplaced_flag(const CLI::App& app, const CLI::App& run) {
  if (app.get_subcommands().empty() || run.parsed()) return "";
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 0) return option->get_name();
  }
  return "";
}

}  // namespace

Options parse_command_line(int argc, char** argv) {
  Options options;
  CLI::App app{"Runs clusters of NATS servers on Kubernetes from NatsCluster objects.",
               "natrix-operator"};
  app.set_version_flag("--version", "natrix-operator " + std::string(kVersion));
  app.require_subcommand(0, 1);
  CLI::App* run = app.add_subcommand("run",
                                     "manage the NatsClusters of a Kubernetes API server "
                                     "(what happens without a command)");
  CLI::App* local = app.add_subcommand(
      "local",
      "run clusters on this machine, without Kubernetes: the same operator, an API server "
      "in memory, pods as processes");
  CLI::App* crd =
      app.add_subcommand("crd", "print the CustomResourceDefinition, for kubectl apply");
  CLI::App* version = app.add_subcommand("version", "print the version");
  // The same flags with and without the word `run`.
  add_run_flags(app, options);
  add_run_flags(*run, options);
  add_local_flags(*local, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    options.command = Command::kExit;
    options.exit_code = app.exit(error) == 0 ? 0 : 2;
    return options;
  }
  if (const std::string flag = misplaced_flag(app, *run); !flag.empty()) {
    fmt::print(stderr, "{}: put it after \"{}\"\n", flag,
               app.get_subcommands().front()->get_name());
    options.command = Command::kExit;
    options.exit_code = 2;
    return options;
  }
  if (local->parsed()) options.command = Command::kLocal;
  if (crd->parsed()) options.command = Command::kCrd;
  if (version->parsed()) options.command = Command::kVersion;
  return options;
}

}  // namespace natrix::operator_main
