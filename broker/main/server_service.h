// The real broker behind the interface that the process drives.
#pragma once

#include <memory>

#include "broker/main/service.h"

namespace natrix::main {

std::unique_ptr<Service> make_server_service(const config::Options& options, Logger& log);

}  // namespace natrix::main
