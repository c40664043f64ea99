// natrix-operator local: the same controller and reconciler as on Kubernetes, wired to an API
// server in memory, the built-in controllers and a node agent that runs pods as processes of this
// machine.
#pragma once

#include "operator/base/log.h"
#include "operator/main/options.h"
#include "operator/main/stop.h"

namespace natrix::operator_main {

// Returns the exit code: 0 after SIGINT or SIGTERM, 2 when the program cannot start as it was told
// to. Nothing it has started outlives it, however it ends. What the user needs to know goes to
// stdout, the log to `log`.
int run_local(const Options& options, StopRequest& stop, ops::Log& log);

}  // namespace natrix::operator_main
