#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "broker/config/load_parts.h"
#include "broker/crypto/nkey.h"
#include "broker/subject/tokens.h"

namespace natrix::config {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

// "subject", or for subscriptions also "subject queue".
std::string problem_of(std::string_view entry, bool queue_allowed) {
  if (subject::is_valid_pattern(entry)) return "";
  auto invalid = [](std::string_view text, std::string_view what) {
    return fmt::format("{0} \"{1}\" is not a valid {0}", what, text);
  };
  size_t space = entry.find_first_of(" \t");
  if (!queue_allowed || space == std::string_view::npos) return invalid(entry, "subject");
  std::string_view subject = entry.substr(0, space);
  size_t queue_start = entry.find_first_not_of(" \t", space);
  std::string_view queue =
      queue_start == std::string_view::npos ? std::string_view{} : entry.substr(queue_start);
  if (!subject::is_valid_pattern(subject)) return invalid(subject, "subject");
  if (!subject::is_valid_pattern(queue)) return invalid(queue, "queue");
  return "";
}

void read_subjects(const Field& field, std::vector<std::string>& target, bool queue_allowed) {
  std::vector<std::string> subjects;
  if (!field.read(subjects)) return;
  for (const std::string& subject : subjects) {
    if (std::string problem = problem_of(subject, queue_allowed); !problem.empty())
      field.error(problem);
  }
  target = std::move(subjects);
}

// Publish rules and subscribe rules differ in whether an entry may name a queue.
struct PublishRules {
  SubjectPermission& rules;
};
struct SubscribeRules {
  SubjectPermission& rules;
};

template <class Rules>
void read_rules(const Field& field, SubjectPermission& rules) {
  constexpr bool kQueues = std::is_same_v<Rules, SubscribeRules>;
  static constexpr Key<Rules> kKeys[] = {
      {"allow", [](const Field& f, Rules& r) { read_subjects(f, r.rules.allow, kQueues); }},
      {"deny", [](const Field& f, Rules& r) { read_subjects(f, r.rules.deny, kQueues); }},
  };
  rules = {};
  if (!field.value().is(Value::Type::kMap)) {
    read_subjects(field, rules.allow, kQueues);
    return;
  }
  Rules target{rules};
  read_section<Rules>(field.report(), field.value(), kKeys, {}, target);
}

// Zero means the default; negative numbers mean no limit.
constexpr Key<ResponsePermission> kResponseKeys[] = {
    {"max/max_msgs/max_messages/max_responses",
     [](const Field& f, ResponsePermission& r) {
       int64_t max = 0;
       if (f.read(max, {INT32_MIN, INT32_MAX}) && max != 0) r.max_msgs = std::max<int64_t>(max, -1);
     }},
    {"expires/expiration/ttl",
     [](const Field& f, ResponsePermission& r) {
       nanoseconds expires{0};
       if (f.read_text_duration(expires) && expires.count() != 0) r.expires = expires;
     }},
};

void read_responses(const Field& field, std::optional<ResponsePermission>& target) {
  const Value& value = field.value();
  if (value.is(Value::Type::kBool)) {
    if (value.boolean) target = ResponsePermission{};
    return;
  }
  if (!value.is(Value::Type::kMap)) {
    field.wrong_type("true, false or a map with \"max\" and \"expires\"");
    return;
  }
  target = ResponsePermission{};
  read_section<ResponsePermission>(field.report(), value, kResponseKeys, {}, *target);
}

constexpr Key<Permissions> kPermissionKeys[] = {
    {"publish/pub/import",
     [](const Field& f, Permissions& p) { read_rules<PublishRules>(f, p.publish); }},
    {"subscribe/sub/export",
     [](const Field& f, Permissions& p) { read_rules<SubscribeRules>(f, p.subscribe); }},
    {"allow_responses/publish_allow_responses",
     [](const Field& f, Permissions& p) { read_responses(f, p.allow_responses); }},
};

void read_optional_permissions(const Field& field, std::optional<Permissions>& target) {
  target.emplace();
  read_permissions(field, *target);
}

// Those that a client of this server has none of are accepted: nobody gets in that way then.
void read_connection_types(const Field& field, std::vector<std::string>& target) {
  static constexpr std::string_view kKnown[] = {"STANDARD", "WEBSOCKET", "LEAFNODE",  "LEAFNODE_WS",
                                                "MQTT",     "MQTT_WS",   "IN_PROCESS"};
  std::vector<std::string> types;
  if (!field.read(types)) return;
  for (std::string& type : types) {
    std::transform(type.begin(), type.end(), type.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (std::find(std::begin(kKnown), std::end(kKnown), type) == std::end(kKnown))
      field.error(fmt::format("unknown connection type \"{}\"", type));
  }
  target = std::move(types);
}

// As written: what may not stand together is only known at its end.
struct UserEntry {
  User user;
  std::string nkey;
};

constexpr Key<UserEntry> kUserKeys[] = {
    {"user/username", [](const Field& f, UserEntry& u) { f.read(u.user.name); }},
    {"pass/password", [](const Field& f, UserEntry& u) { f.read(u.user.password); }},
    {"nkey", [](const Field& f, UserEntry& u) { f.read(u.nkey); }},
    {"permissions/permission/authorization",
     [](const Field& f, UserEntry& u) { read_optional_permissions(f, u.user.permissions); }},
    {"allowed_connection_types/connection_types/clients",
     [](const Field& f, UserEntry& u) { read_connection_types(f, u.user.connection_types); }},
};
constexpr Absent kUserAbsent[] = {
    {"proxy_required", true},
};

// One user of the list; errors are reported at the entry.
void finish_user(const Field& entry, UserEntry& written, std::set<std::string>& names,
                 std::vector<User>& users) {
  User& user = written.user;
  if (!written.nkey.empty()) {
    if (!decode_nkey(NkeyKind::kUser, written.nkey))
      return entry.error("Not a valid public nkey for a user");
    if (!user.name.empty() || !user.password.empty())
      return entry.error("Nkey users do not take usernames or passwords");
    user.name = written.nkey;
    user.nkey = true;
  }
  if (user.name.empty()) return entry.error("User entry requires a user");
  if (!names.insert(user.name).second) {
    return entry.error(
        fmt::format("Duplicate {} \"{}\" detected", user.nkey ? "nkey" : "user", user.name));
  }
  users.push_back(std::move(user));
}

void read_users(const Field& field, std::vector<User>& users) {
  const Value& list = field.value();
  if (!list.is(Value::Type::kArray)) {
    field.wrong_type("an array of users, [ {user: …, password: …}, … ]");
    return;
  }
  std::set<std::string> names;
  for (const Value& entry : list.items) {
    Field one(field.report(), field.key(), entry);
    if (!entry.is(Value::Type::kMap)) {
      field.report().error(entry, "a user must be a map such as {user: …, password: …}, not " +
                                      std::string(entry.type_name()));
      continue;
    }
    UserEntry written;
    size_t errors_before = field.report().errors.size();
    read_section<UserEntry>(field.report(), entry, kUserKeys, kUserAbsent, written);
    if (field.report().errors.size() == errors_before) finish_user(one, written, names, users);
  }
}

constexpr Key<Authorization> kAuthorizationKeys[] = {
    {"user/username", [](const Field& f, Authorization& a) { f.read(a.user); }},
    {"pass/password", [](const Field& f, Authorization& a) { f.read(a.password); }},
    {"token", [](const Field& f, Authorization& a) { f.read(a.token); }},
    {"timeout", [](const Field& f, Authorization& a) { read_timeout(f, a.timeout); }},
    {"users", [](const Field& f, Authorization& a) { read_users(f, a.users); }},
    {"default_permissions/default_permission/permissions",
     [](const Field& f, Authorization& a) { read_optional_permissions(f, a.default_permissions); }},
};
constexpr Absent kAuthorizationAbsent[] = {
    {"auth_callout/auth_hook"},
    {"proxy_required", true},
};

bool read_block(const Field& field, Authorization& authorization) {
  const Value* map = field.map();
  if (map == nullptr) return false;
  size_t errors_before = field.report().errors.size();
  read_section<Authorization>(field.report(), *map, kAuthorizationKeys, kAuthorizationAbsent,
                              authorization);
  return field.report().errors.size() == errors_before;
}

const Value* find_key(const Value& map, std::string_view spellings) {
  for (size_t i = 0; i < map.keys.size(); ++i) {
    if (is_spelling_of(map.keys[i], spellings)) return &map.items[i];
  }
  return nullptr;
}

// PASS is a popular name for a variable, and keys are the same in any case: a password that stands
// there to be referred to is no password of its own.
void forget_variables(const Value& map, Authorization& authorization) {
  const Value* password = find_key(map, "pass/password");
  if (authorization.user.empty() && password != nullptr && password->used_as_variable)
    authorization.password.clear();
}

}  // namespace

void read_timeout(const Field& field, nanoseconds& target) {
  const Value& value = field.value();
  nanoseconds timeout{0};
  constexpr double kMostSeconds = 365.0 * 24 * 3600;
  if (value.is(Value::Type::kInteger) || value.is(Value::Type::kFloat)) {
    double count =
        value.is(Value::Type::kFloat) ? value.number : static_cast<double>(value.integer);
    if (count < 0 || count > kMostSeconds) {
      field.error(fmt::format("\"timeout\" of {} seconds is out of range", count));
      return;
    }
    timeout = nanoseconds(std::llround(count * 1e9));
  } else if (!field.read_text_duration(timeout)) {
    return;
  }
  if (timeout.count() < 0) {
    field.error("\"timeout\" must not be negative");
    return;
  }
  if (timeout > seconds(60)) {
    field.warning(fmt::format(
        "invalid use of field \"timeout\": {} seconds is high, consider keeping it under 60 "
        "seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example",
        std::chrono::duration_cast<seconds>(timeout).count()));
  }
  if (timeout.count() != 0) target = timeout;
}

void read_permissions(const Field& field, Permissions& permissions) {
  if (const Value* map = field.map())
    read_section<Permissions>(field.report(), *map, kPermissionKeys, {}, permissions);
}

void read_authorization(const Field& field, Authorization& authorization) {
  Authorization fresh;
  if (!read_block(field, fresh)) return;
  forget_variables(field.value(), fresh);
  bool single = !fresh.user.empty() || !fresh.password.empty();
  bool users = find_key(field.value(), "users") != nullptr;
  if (single && !fresh.token.empty()) {
    field.error("Cannot have a user/pass and token; remove one of them");
  } else if (users && single) {
    field.error("Can not have a single user/pass and a users array; add the user to the array");
  } else if (users && !fresh.token.empty()) {
    field.error("Can not have a token and a users array; remove one of them");
  } else if (fresh.user.empty() && !fresh.password.empty()) {
    field.error("a password needs a user; add \"user\"");
  }
  authorization = std::move(fresh);
}

void read_cluster_authorization(const Field& field, Authorization& authorization) {
  Authorization fresh;
  if (!read_block(field, fresh)) return;
  if (find_key(field.value(), "users") != nullptr)
    field.error("Cluster authorization does not allow multiple users; give one user and password");
  if (!fresh.token.empty())
    field.error("Cluster authorization does not support tokens; give a user and a password");
  authorization = std::move(fresh);
}

}  // namespace natrix::config
