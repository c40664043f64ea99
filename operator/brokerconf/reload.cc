#include "operator/brokerconf/reload.h"

#include <optional>
#include <utility>

#include "broker/config/load.h"
#include "broker/config/parser.h"
#include "broker/config/reload.h"
#include "operator/brokerconf/render.h"

namespace natrix::brokerconf {

namespace {

Result<config::Value> tree_of(const Files& files, const Variables& variables) {
  config::Surroundings surroundings;
  surroundings.read_file = [&](const std::string& path) -> Result<std::string> {
    const auto found = files.find(path);
    if (found == files.end()) return fail("no file " + path);
    return found->second;
  };
  surroundings.environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  return config::parse_config_file(kMainFile, surroundings);
}

// Takes `key` out of a map; a value of no kind if it is not there.
std::string taken(config::Value& map, const std::string& key) {
  for (size_t i = 0; i < map.keys.size(); ++i) {
    if (map.keys[i] != key) continue;
    std::string text = config_json(map.items[i]);
    map.keys.erase(map.keys.begin() + static_cast<std::ptrdiff_t>(i));
    map.items.erase(map.items.begin() + static_cast<std::ptrdiff_t>(i));
    return text;
  }
  return "";
}

// The tree without what names files of the pod, which cannot be looked at here.
std::string without_tls(config::Value& tree) {
  std::string text = taken(tree, "tls");
  for (size_t i = 0; i < tree.keys.size(); ++i) {
    if (tree.keys[i] == "cluster") text += " " + taken(tree.items[i], "tls");
  }
  return text;
}

}  // namespace

Result<std::string> digest_in_use(const Files& files, const Variables& variables) {
  const Result<config::Value> tree = tree_of(files, variables);
  if (!tree) return fail(tree.error().message);
  return config_digest(*tree);
}

Result<void> can_reload(const Files& now, const Files& next, const Variables& variables) {
  Result<config::Value> from = tree_of(now, variables);
  if (!from) return fail(from.error().message);
  Result<config::Value> to = tree_of(next, variables);
  if (!to) return fail(to.error().message);
  if (without_tls(*from) != without_tls(*to)) return fail("tls is mounted only at start");
  const Result<config::Loaded> current = config::load_options(*from);
  if (!current) return fail(current.error().message);
  const Result<config::Loaded> wanted = config::load_options(*to);
  if (!wanted) return fail(wanted.error().message);
  if (auto fits = check_options(wanted->options); !fits) return fits;
  const Result<config::ReloadPlan> plan = reload_plan(current->options, wanted->options);
  if (!plan) return fail(plan.error().message);
  return {};
}

}  // namespace natrix::brokerconf
