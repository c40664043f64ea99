// What reading a configuration needs of the world: files and environment variables. Kept behind a
// value so that everything else of this folder stays pure and can be fuzzed.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "broker/base/result.h"

namespace natrix::config {

struct Surroundings {
  // The bytes of a file; the error names the file and the reason.
  std::function<Result<std::string>(const std::string& path)> read_file;
  std::function<std::optional<std::string>(const std::string& name)> environment;
};

// The real ones. Files beyond kMaxFileBytes are refused.
Surroundings process_surroundings();

inline constexpr size_t kMaxFileBytes = 64 * 1024 * 1024;

}  // namespace natrix::config
