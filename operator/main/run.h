// natrix-operator run: everything wired together against a real API server.
#pragma once

#include "operator/base/log.h"
#include "operator/main/options.h"
#include "operator/main/stop.h"

namespace natrix::operator_main {

// Returns the exit code: 0 after SIGINT or SIGTERM, 1 when leadership was lost, 2 when the program
// cannot start as it was told to.
int run(const Options& options, StopRequest& stop, ops::Log& log);

}  // namespace natrix::operator_main
