#include "broker/config/surroundings.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace natrix::config {
namespace {

Result<std::string> read_file(const std::string& path) {
  auto error = [&](const char* reason) {
    return fail(fmt::format("error opening config file: open {}: {}", path, reason));
  };
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (!file) return error(std::strerror(errno));
  std::string text;
  char chunk[64 * 1024];
  while (size_t size = std::fread(chunk, 1, sizeof chunk, file.get())) {
    text.append(chunk, size);
    if (text.size() > kMaxFileBytes) return error("file too large, at most 64 MB are read");
  }
  if (std::ferror(file.get()) != 0) return error(std::strerror(errno));
  return text;
}

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace

Surroundings process_surroundings() {
  return {read_file, environment};
}

}  // namespace natrix::config
