// The command line of natrix-operator.
#pragma once

#include <string>
#include <vector>

#include "operator/base/log.h"

namespace natrix::operator_main {

enum class Command { kRun, kLocal, kCrd, kVersion, kExit };

// Of `natrix-operator local`.
struct LocalOptions {
  std::vector<std::string> manifests;
  int api_port = 0;                 // 0: any free one
  std::string data_directory;       // default: $XDG_STATE_HOME/natrix/local
  std::string broker;               // default: natrix-broker beside this program
  std::vector<std::string> images;  // NAME=PATH
  std::string metrics_address;      // empty: port 8080 on the address of this run
};

struct Options {
  Command command = Command::kRun;
  int exit_code = 0;  // of kExit: help was shown, or the arguments were wrong

  std::string kubeconfig;  // empty: discovered
  std::string context;
  std::string ns;  // empty: all namespaces
  std::string metrics_address = ":8080";
  bool leader_elect = false;
  std::string leader_elect_namespace;  // empty: the one the operator runs in
  int workers = 4;
  std::string broker_image;  // empty: the one released with this operator
  int resync_seconds = 300;  // a pass for every cluster at least this often
  double api_qps = 20;
  int api_burst = 30;
  LocalOptions local;
  ops::LogFormat log_format = ops::LogFormat::kLogfmt;
  ops::Level log_level = ops::Level::kInfo;
};

// Prints help and errors itself.
Options parse_command_line(int argc, char** argv);

}  // namespace natrix::operator_main
