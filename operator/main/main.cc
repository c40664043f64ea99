// natrix-operator: the Kubernetes operator for NatsCluster.
#include <fmt/format.h>
#include <malloc.h>

#include <cstdio>

#include "broker/base/version.h"
#include "operator/main/local.h"
#include "operator/main/options.h"
#include "operator/main/run.h"
#include "operator/model/crd.h"

int main(int argc, char** argv) {
  using natrix::operator_main::Command;
  // Threads here wait more than they compute; an arena for each would only spread the heap.
  ::mallopt(M_ARENA_MAX, 2);
  natrix::operator_main::Options options = natrix::operator_main::parse_command_line(argc, argv);
  switch (options.command) {
    case Command::kExit:
      return options.exit_code;
    case Command::kVersion:
      fmt::print("natrix-operator {}\n", natrix::kVersion);
      return 0;
    case Command::kCrd:
      fmt::print("{}", natrix::model::to_yaml(natrix::model::cluster_crd()));
      return 0;
    case Command::kRun:
    case Command::kLocal:
      break;
  }
  natrix::operator_main::StopRequest stop;
  natrix::ops::Log log;
  log.set_format(options.log_format);
  log.set_level(options.log_level);
  if (options.command == Command::kLocal) {
    return natrix::operator_main::run_local(options, stop, log);
  }
  return natrix::operator_main::run(options, stop, log);
}
