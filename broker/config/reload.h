// What a reload of the configuration changes (wire.md 22.3). Pure.
#pragma once

#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/config/options.h"

namespace natrix::config {

struct ReloadPlan {
  // "max_payload: old=1000, new=2000" for every field that changes; secrets are not shown.
  std::vector<std::string> changes;

  bool log = false;            // the logger must be configured anew
  bool pid_file = false;       // another pid file
  bool ports_file = false;     // another folder for the ports file
  bool authorization = false;  // clients must be checked again
  bool client_info = false;    // what INFO tells has changed
  std::vector<Url> routes_added;
  std::vector<Url> routes_removed;

  [[nodiscard]] bool empty() const { return changes.empty(); }
};

// Compares the options a server runs with, as configured, with those it should run with. The error
// is "config reload not supported for <field>: old=…, new=…", the first such field; then nothing
// may be applied.
Result<ReloadPlan> reload_plan(const Options& current, const Options& next);

}  // namespace natrix::config
