// Surroundings that a test makes up.
#pragma once

#include <map>
#include <string>

#include "broker/config/surroundings.h"

namespace natrix::config {

struct FakeWorld {
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> variables;

  // Refers to this object, which must outlive it.
  [[nodiscard]] Surroundings surroundings() const {
    return {[this](const std::string& path) -> Result<std::string> {
              auto found = files.find(path);
              if (found == files.end()) return fail("open " + path + ": no such file");
              return found->second;
            },
            [this](const std::string& name) -> std::optional<std::string> {
              auto found = variables.find(name);
              if (found == variables.end()) return std::nullopt;
              return found->second;
            }};
  }
};

}  // namespace natrix::config
