// The files by which others find a running broker: the pid file and the ports file (wire.md 23.3).
// Used by the main thread.
#pragma once

#include <string>

#include "broker/base/result.h"
#include "broker/main/service.h"

namespace natrix::main {

// Writes the pid, without a line end. The file appears whole.
Result<void> write_pid_file(const std::string& path);
// Removes it if it still holds our pid.
void remove_pid_file(const std::string& path);

// "<folder>/<program>_<pid>.ports"
std::string ports_file_path(const std::string& folder, const std::string& program);
// The JSON of the ports file. A listener on all addresses becomes one URL for each address of this
// machine, loopback first; kinds without a port are left out.
std::string ports_json(const Endpoints& endpoints);
// Writes `text` so that a reader sees the old file or the new one, never a part.
Result<void> write_whole(const std::string& path, const std::string& text);

}  // namespace natrix::main
