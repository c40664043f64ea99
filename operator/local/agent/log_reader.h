// Reads a LogFile the way `kubectl logs` asks for it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "operator/local/agent/log_file.h"
#include "operator/local/http_front/log_source.h"

namespace natrix::agent {

// The part of `lines` (as LogFile keeps them) that the request selects, before its limit of bytes;
// without `timestamps` their times are cut off. Pure.
std::string select_lines(std::string_view lines, const http_front::LogRequest& request,
                         std::chrono::system_clock::time_point now);

// An error when the request cannot be understood.
memory_api::Outcome<std::unique_ptr<http_front::LogReader>> make_log_reader(
    std::shared_ptr<LogFile> log, http_front::LogRequest request,
    std::chrono::system_clock::time_point now);

}  // namespace natrix::agent
