#include "operator/model/config_merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <regex>

namespace natrix::model {

namespace {

constexpr int kMaxDepth = 32;

using Refused = std::map<std::string, std::string>;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Key -> what to use instead. The spellings are those of wire.md 22.2.
const Refused& refused_at_top() {
  static const std::string kClientPort = "use config.nats.port; servers listen on all addresses";
  static const std::string kMonitor = "use config.monitor; probes and status need this port";
  static const std::string kName = "use config.serverNamePrefix; the name is that of the pod";
  static const std::string kDuck = "use config.lameDuck; the pod's termination grace depends on it";
  static const std::string kPid = "the operator sets it; the lame duck hook needs the file";
  static const std::string kLog = "the container's log is what kubectl logs shows";
  static const Refused kKeys = {
      {"listen", kClientPort},
      {"host", kClientPort},
      {"net", kClientPort},
      {"port", kClientPort},
      {"server_name", kName},
      {"http", kMonitor},
      {"https", kMonitor},
      {"http_port", kMonitor},
      {"monitor_port", kMonitor},
      {"https_port", kMonitor},
      {"http_base_path", kMonitor},
      {"lame_duck_duration", kDuck},
      {"lame_duck_grace_period", kDuck},
      {"pidfile", kPid},
      {"pid_file", kPid},
      {"logfile", kLog},
      {"log_file", kLog},
      {"syslog", kLog},
      {"remote_syslog", kLog},
      {"include", "an included file would not be mounted; write its content here"},
  };
  return kKeys;
}

const Refused& refused_in_cluster() {
  static const std::string kPort = "use config.cluster.port; the other servers connect to it";
  static const std::string kRoutes = "the operator lists every server of the cluster";
  static const std::string kCredentials = "use config.cluster.routeURLs.credentialsSecretRef";
  static const Refused kKeys = {
      {"listen", kPort},
      {"host", kPort},
      {"net", kPort},
      {"port", kPort},
      {"routes", kRoutes},
      {"authorization", kCredentials},
      {"name", "use config.cluster.name"},
      {"include", "an included file would not be mounted; write its content here"},
  };
  return kKeys;
}

class MergeCheck {
 public:
  std::vector<FieldError> errors;

  void keys(const Json& map, const Refused& refused, const std::string& path) {
    for (const auto& [key, unused] : map.items()) {
      const auto found = refused.find(lower(key));
      if (found != refused.end()) {
        errors.push_back({path + "." + key, "cannot be set here: " + found->second});
      }
    }
  }

  // Two spellings of one key: which one a server takes is chance.
  void spellings(const Json& map, const std::string& path) {
    std::map<std::string, std::string> seen;
    for (const auto& [key, unused] : map.items()) {
      const auto [it, fresh] = seen.emplace(canonical_key(key), key);
      if (!fresh) {
        errors.push_back({path + "." + key, fmt::format("is the same key as {}", it->second)});
      }
    }
  }

  void values(const Json& value, const std::string& path, int depth) {
    if (depth > kMaxDepth) {
      errors.push_back({path, fmt::format("is nested deeper than {} levels", kMaxDepth)});
      return;
    }
    if (value.is_object()) {
      for (const auto& [key, item] : value.items()) {
        if (!writable(key)) {
          errors.push_back(
              {path, "has a key that is empty or holds quotes, \\ or control characters"});
        }
        values(item, path + "." + key, depth + 1);
      }
    } else if (value.is_array()) {
      for (size_t i = 0; i < value.size(); ++i) {
        if (value[i].is_null()) {
          errors.push_back({fmt::format("{}[{}]", path, i), "a list cannot hold null"});
        } else {
          values(value[i], fmt::format("{}[{}]", path, i), depth + 1);
        }
      }
    } else if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) {
      errors.push_back({path, "is larger than servers can read"});
    } else if (value.is_string()) {
      text(value.get_ref<const std::string&>(), path);
    }
  }

 private:
  // Quoted keys have no escapes in the servers' language.
  static bool writable(const std::string& key) {
    return !key.empty() && std::none_of(key.begin(), key.end(), [](unsigned char c) {
      return c == '"' || c == '\\' || c < 0x20 || c == 0x7f;
    });
  }

  void text(const std::string& value, const std::string& path) {
    if (value.rfind("<<", 0) == 0 && !is_raw(value)) {
      errors.push_back(
          {path, "an unquoted value must be one word, such as << $NAME >> or << 1GB >>"});
    }
  }
};

}  // namespace

bool is_raw(const std::string& value) {
  // One word without anything that could end the value: the text cannot smuggle in further keys.
  static const std::regex kRaw("^<<[ \\t]*[^\\s{}\\[\\]()<>#;:=,\"'\\\\]{1,200}[ \\t]*>>$");
  return value.size() <= 256 && std::regex_match(value, kRaw);
}

std::string raw_text(const std::string& value) {
  const size_t from = value.find_first_not_of(" \t", 2);
  const size_t to = value.find_last_not_of(" \t", value.size() - 3);
  return value.substr(from, to - from + 1);
}

std::string canonical_key(const std::string& key) {
  static const std::map<std::string, std::string> kAliases = {
      {"max_conn", "max_connections"},
      {"max_subs", "max_subscriptions"},
      {"cluster_advertise", "advertise"},
  };
  std::string name = lower(key);
  const auto alias = kAliases.find(name);
  return alias == kAliases.end() ? name : alias->second;
}

std::vector<FieldError> check_merge(const Json& merge, const std::string& path) {
  MergeCheck check;
  check.keys(merge, refused_at_top(), path);
  check.spellings(merge, path);
  for (const auto& [key, value] : merge.items()) {
    if (lower(key) != "cluster") continue;
    if (!value.is_object()) {
      check.errors.push_back({path + "." + key, "must be an object"});
    } else {
      check.keys(value, refused_in_cluster(), path + "." + key);
      check.spellings(value, path + "." + key);
    }
  }
  check.values(merge, path, 0);
  return std::move(check.errors);
}

}  // namespace natrix::model
