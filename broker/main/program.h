// The process around a broker: command line, log, files, signals, exit code (wire.md 23).
#pragma once

#include <string>
#include <vector>

#include "broker/config/surroundings.h"
#include "broker/main/service.h"

namespace natrix::main {

// Does all that `main` has to do and gives back the exit code. `program` is argv[0], `arguments`
// the rest. Blocks signals for the whole process when it runs a broker.
int run_program(const std::string& program, const std::vector<std::string>& arguments,
                const config::Surroundings& surroundings, const ServiceFactory& make_service);

}  // namespace natrix::main
