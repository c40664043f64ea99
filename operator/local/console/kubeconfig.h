// The kubeconfig of the embedded API server.
#pragma once

#include <string>

#include "broker/base/result.h"

namespace natrix::console {

// Writes it to `path` in one step, so that a reader never sees half of it.
Result<void> write_kubeconfig(const std::string& path, const std::string& server_url);

}  // namespace natrix::console
