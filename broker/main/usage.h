// The texts of --help and --help_tls.
#pragma once

#include <string>

namespace natrix::main {

std::string usage(const std::string& program);
std::string tls_usage();

}  // namespace natrix::main
