#include "operator/local/agent/images.h"

#include <fmt/format.h>

namespace natrix::agent {

namespace {

std::string last_part(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

bool is_broker(const std::string& name) {
  return name == "nats" || name == "nats-server" || name == "natrix-broker" || name == "natrix";
}

}  // namespace

Result<std::string> Images::program(const std::string& image) const {
  std::string name = last_part(image.substr(0, image.find('@')));
  name = name.substr(0, name.find(':'));
  const auto found = others.find(name);
  if (found != others.end()) return found->second;
  if (is_broker(name)) return broker;
  return fail(
      fmt::format("no program is known for image \"{}\": start natrix-operator local with "
                  "--image {}=PATH",
                  image, name));
}

std::string Images::command_program(const std::string& word) const {
  const std::string name = last_part(word);
  if (name == "nats-server" || name == "natrix-broker") return broker;
  const auto found = others.find(name);
  return found == others.end() ? word : found->second;
}

}  // namespace natrix::agent
