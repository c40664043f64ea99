#include "operator/reconcile/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "operator/model/labels.h"
#include "operator/model/text.h"
#include "operator/model/units.h"

namespace natrix::reconcile {

namespace {

// By which members server-side apply tells the items of a list apart, for the lists that the
// operator writes. Lists that are not here are replaced as a whole.
const std::map<std::string, std::vector<const char*>>& list_keys() {
  static const std::map<std::string, std::vector<const char*>> kKeys = {
      {"containers", {"name"}},
      {"volumes", {"name"}},
      {"env", {"name"}},
      {"imagePullSecrets", {"name"}},
      {"volumeMounts", {"mountPath"}},
      {"ownerReferences", {"uid"}},
      {"topologySpreadConstraints", {"topologyKey", "whenUnsatisfiable"}},
  };
  return kKeys;
}

std::vector<const char*> keys_of(const std::string& list, const Json& item) {
  if (list == "ports") {
    const bool container = item.contains("containerPort");
    return {container ? "containerPort" : "port", "protocol"};
  }
  const auto found = list_keys().find(list);
  return found == list_keys().end() ? std::vector<const char*>() : found->second;
}

std::string join(const std::string& path, const std::string& name) {
  if (name.find_first_of("./") != std::string::npos) return path + "[" + name + "]";
  return path.empty() ? name : path + "." + name;
}

std::string item_name(const Json& item, const std::vector<const char*>& keys) {
  std::string out;
  for (const char* key : keys) {
    const Json& value = member(item, key);
    if (value.is_null()) continue;
    out += (out.empty() ? "" : "/") + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return out;
}

bool same_key(const Json& a, const Json& b, const std::vector<const char*>& keys) {
  for (const char* key : keys) {
    if (member(a, key) != member(b, key)) return false;
  }
  return true;
}

std::string amount(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// API servers leave empty values out.
bool same_as_absent(const Json& wanted) {
  return wanted.is_null() || (wanted.is_structured() && wanted.empty()) || wanted == "";
}

class Walk {
 public:
  std::vector<Difference> found;

  // `name` is the member's own name, for the semantics of lists; `quantity` is set below resources.
  void compare(const Json& wanted, const Json& live, const std::string& path,
               const std::string& name, bool quantity) {
    if (wanted.is_object() && live.is_object()) {
      for (const auto& [key, value] : wanted.items()) {
        compare(value, member(live, key.c_str()), join(path, key), key,
                quantity || name == "resources");
      }
    } else if (wanted.is_array() && live.is_array()) {
      lists(wanted, live, path, name);
    } else if (wanted != live && !(live.is_null() && same_as_absent(wanted)) &&
               !(quantity && !live.is_null() &&
                 model::same_quantity(amount(wanted), amount(live)))) {
      found.push_back({path, live, wanted});
    }
  }

 private:
  void lists(const Json& wanted, const Json& live, const std::string& path,
             const std::string& name) {
    const std::vector<const char*> keys =
        wanted.empty() ? std::vector<const char*>() : keys_of(name, wanted[0]);
    if (keys.empty()) {
      if (wanted.size() != live.size()) {
        found.push_back({path, live, wanted});
        return;
      }
      for (size_t i = 0; i < wanted.size(); ++i) {
        compare(wanted[i], live[i], fmt::format("{}[{}]", path, i), "", false);
      }
      return;
    }
    for (const Json& item : wanted) {
      const std::string item_path = path + "[" + item_name(item, keys) + "]";
      const Json* match = nullptr;
      for (const Json& candidate : live) {
        if (same_key(item, candidate, keys)) match = &candidate;
      }
      if (match == nullptr) {
        found.push_back({item_path, nullptr, item});
      } else {
        compare(item, *match, item_path, "", false);
      }
    }
  }
};

// Walks fieldsV1 of managedFields: "f:name" is a member, "k:{...}" an item of a list by its keys,
// "v:..." an item of a set, "." the object itself.
class DroppedFields {
 public:
  std::vector<Difference> found;

  void walk(const Json& fields, const Json& wanted, const Json& live, const std::string& path) {
    for (const auto& [key, below] : fields.items()) {
      if (key.rfind("f:", 0) == 0) {
        const std::string name = key.substr(2);
        step(below, member(wanted, name.c_str()), member(live, name.c_str()), join(path, name));
      } else if (key.rfind("k:", 0) == 0) {
        const Json keys = Json::parse(key.substr(2), nullptr, false);
        if (!keys.is_object()) continue;
        step(below, item(wanted, keys), item(live, keys), path + "[" + names(keys) + "]");
      }
    }
  }

 private:
  void step(const Json& below, const Json& wanted, const Json& live, const std::string& path) {
    if (live.is_null()) return;
    if (wanted.is_null()) {
      found.push_back({path, live, nullptr});
    } else if (below.is_object()) {
      walk(below, wanted, live, path);
    }
  }

  static const Json& item(const Json& list, const Json& keys) {
    static const Json kNull;
    if (!list.is_array()) return kNull;
    for (const Json& candidate : list) {
      bool same = true;
      // Protocol may be left out of a manifest; the keys then hold its default.
      for (const auto& [name, value] : keys.items()) {
        const Json& have = member(candidate, name.c_str());
        same = same && (have == value || (have.is_null() && name == "protocol"));
      }
      if (same) return candidate;
    }
    return kNull;
  }

  static std::string names(const Json& keys) {
    std::string out;
    for (const auto& [name, value] : keys.items()) out += (out.empty() ? "" : "/") + amount(value);
    return out;
  }
};

std::vector<Difference> dropped_fields(const Json& wanted, const Json& live) {
  DroppedFields dropped;
  const Json& managers = at(live, {"metadata", "managedFields"});
  if (!managers.is_array()) return {};
  for (const Json& manager : managers) {
    if (string_at(manager, {"manager"}) != model::kManager ||
        string_at(manager, {"operation"}) != "Apply" || !member(manager, "subresource").is_null()) {
      continue;
    }
    const Json& fields = member(manager, "fieldsV1");
    if (fields.is_object()) dropped.walk(fields, wanted, live, "");
  }
  return std::move(dropped.found);
}

// Of two texts of several lines, the first lines that are not the same.
std::pair<Json, Json> where_they_differ(const Json& a, const Json& b) {
  if (!a.is_string() || !b.is_string()) return {a, b};
  const auto& left = a.get_ref<const std::string&>();
  const auto& right = b.get_ref<const std::string&>();
  const auto at = static_cast<size_t>(
      std::mismatch(left.begin(), left.end(), right.begin(), right.end()).first - left.begin());
  const size_t before = at == 0 ? std::string::npos : left.rfind('\n', at - 1);
  const size_t line = before == std::string::npos ? 0 : before + 1;
  const auto rest = [line](const std::string& text) {
    return text.substr(line, text.find('\n', line) - line);
  };
  if (line == 0 && left.find('\n') == std::string::npos) return {a, b};
  return {rest(left), rest(right)};
}

std::string shown(const Json& value) {
  constexpr size_t kShown = 60;
  if (value.is_null()) return "absent";
  std::string text = value.is_string() ? value.get<std::string>()
                                       : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return model::shortened(std::move(text), kShown);
}

}  // namespace

std::vector<Difference> differences(const Json& wanted, const Json& live) {
  Walk walk;
  walk.compare(wanted, live, "", "", false);
  for (Difference& dropped : dropped_fields(wanted, live)) walk.found.push_back(std::move(dropped));
  return std::move(walk.found);
}

std::string text_of(const Difference& difference, bool secret) {
  if (secret && is_below(difference.path, "data")) return difference.path + ": changed";
  const auto [live, wanted] = where_they_differ(difference.live, difference.wanted);
  return fmt::format("{}: {} -> {}", difference.path, shown(live), shown(wanted));
}

bool is_below(const std::string& path, const std::string& root) {
  if (path.rfind(root, 0) != 0) return false;
  return path.size() == root.size() || path[root.size()] == '.' || path[root.size()] == '[';
}

}  // namespace natrix::reconcile
