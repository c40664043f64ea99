#include "broker/config/flags.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "broker/base/duration.h"
#include "broker/config/address.h"

namespace natrix::config {
namespace {

enum class Kind : uint8_t { kBool, kInteger, kString };

// The value of a flag, of the kind its row says.
struct FlagValue {
  std::string_view name;  // as written
  bool boolean;
  int64_t integer;
  const std::string& text;
};

using Apply = Result<void> (*)(const FlagValue& value, Options& options);
using Note = void (*)(const FlagValue& value, CommandLine& line);

// One option with its spellings, separated by '/' and compared exactly. Either `apply` (it sets
// options) or `note` (it steers the program).
struct FlagRow {
  std::string_view spellings;
  Kind kind;
  Apply apply;
  Note note = nullptr;
};

Result<void> absent(const FlagValue& value) {
  return fail(fmt::format("--{} is not supported by this version of natrix-broker; remove the flag",
                          value.name));
}

Result<void> refuse_nonzero(const FlagValue& value, Options&) {
  return value.integer != 0 ? absent(value) : Result<void>{};
}

Result<void> ranged(const FlagValue& value, int64_t low, int64_t high) {
  if (value.integer >= low && value.integer <= high) return {};
  return fail(
      fmt::format("--{}: {} is out of range, want {} to {}", value.name, value.integer, low, high));
}

Result<void> set_port(const FlagValue& value, int& target, int when_zero) {
  Result<void> fits = ranged(value, -1, 65535);
  if (fits) target = value.integer == 0 ? when_zero : static_cast<int>(value.integer);
  return fits;
}

Result<void> set_advertise(const FlagValue& value, std::string& target) {
  if (!value.text.empty()) {
    Result<HostPort> address = parse_advertise(value.text);
    if (!address) return fail(fmt::format("--{}: {}", value.name, address.error().message));
  }
  target = value.text;
  return {};
}

// "nats://user:password@host:port"; empty switches clustering off. Without a user the credentials
// of the file are dropped, as the flag describes the whole listener.
Result<void> set_cluster(const FlagValue& value, Options& options) {
  ClusterOptions& cluster = options.cluster;
  if (value.text.empty()) {
    cluster.port = kNoPort;
    return {};
  }
  Result<Url> url = parse_listen_url(value.text);
  if (!url) return fail(fmt::format("--{}: {}", value.name, url.error().message));
  if (!url->user.empty() && url->password.empty())
    return fail("expected cluster password to be set");
  if (!url->host.empty()) cluster.host = url->host;
  cluster.port = url->port;
  cluster.authorization.user = url->user;
  cluster.authorization.password = url->password;
  return {};
}

Result<void> set_routes(const FlagValue& value, Options& options) {
  Result<std::vector<Url>> urls = parse_urls(value.text);
  if (!urls) return fail(fmt::format("--{}: {}", value.name, urls.error().message));
  options.cluster.routes = std::move(*urls);
  return {};
}

using V = const FlagValue&;
using O = Options&;

// clang-format off
constexpr FlagRow kFlags[] = {
    {"p/port", Kind::kInteger, [](V v, O o) { return set_port(v, o.port, Options{}.port); }},
    {"a/addr/net", Kind::kString, [](V v, O o) { if (!v.text.empty()) o.host = v.text; return Result<void>{}; }},
    {"n/name/server_name", Kind::kString, [](V v, O o) { o.server_name = v.text; return Result<void>{}; }},
    {"client_advertise", Kind::kString, [](V v, O o) { return set_advertise(v, o.client_advertise); }},
    {"m/http_port", Kind::kInteger, [](V v, O o) { return set_port(v, o.http_port, kNoPort); }},
    {"ms/https_port", Kind::kInteger, [](V v, O o) { return set_port(v, o.https_port, kNoPort); }},
    {"P/pid", Kind::kString, [](V v, O o) { o.pid_file = v.text; return Result<void>{}; }},
    {"ports_file_dir", Kind::kString, [](V v, O o) { o.ports_file_dir = v.text; return Result<void>{}; }},
    {"natrix_shards", Kind::kInteger, [](V v, O o) { o.shards = static_cast<int>(v.integer); return ranged(v, 0, 1024); }},

    {"D/debug", Kind::kBool, [](V v, O o) { o.log.debug = v.boolean; return Result<void>{}; }},
    {"V/trace", Kind::kBool, [](V v, O o) { o.log.trace = v.boolean; return Result<void>{}; }},
    {"VV", Kind::kBool, [](V v, O o) { o.log.trace = o.trace_verbose = v.boolean; return Result<void>{}; }},
    {"DV", Kind::kBool, [](V v, O o) { o.log.debug = o.log.trace = v.boolean; return Result<void>{}; }},
    {"DVV", Kind::kBool, [](V v, O o) { o.log.debug = o.log.trace = o.trace_verbose = v.boolean; return Result<void>{}; }},
    {"T/logtime", Kind::kBool, [](V v, O o) { o.log.time = v.boolean; return Result<void>{}; }},
    {"logtime_utc", Kind::kBool, [](V v, O o) { o.log.time_utc = v.boolean; return Result<void>{}; }},
    {"l/log", Kind::kString, [](V v, O o) { o.log.file = v.text; return Result<void>{}; }},
    {"log_size_limit", Kind::kInteger, [](V v, O o) { o.log.file_size_limit_bytes = v.integer; return ranged(v, 0, INT64_MAX); }},
    {"s/syslog", Kind::kBool, [](V v, O o) { o.log.syslog = v.boolean; return Result<void>{}; }},
    {"r/remote_syslog", Kind::kString, [](V v, O o) { o.log.remote_syslog = v.text; return Result<void>{}; }},
    {"max_traced_msg_len", Kind::kInteger, [](V v, O o) { o.max_traced_msg_len = v.integer; return ranged(v, 0, INT32_MAX); }},

    {"user", Kind::kString, [](V v, O o) { o.authorization.user = v.text; return Result<void>{}; }},
    {"pass", Kind::kString, [](V v, O o) { o.authorization.password = v.text; return Result<void>{}; }},
    {"auth", Kind::kString, [](V v, O o) { o.authorization.token = v.text; return Result<void>{}; }},

    // Read together, see apply_tls().
    {"tls", Kind::kBool, [](V, O) { return Result<void>{}; }},
    {"tlsverify", Kind::kBool, [](V, O) { return Result<void>{}; }},
    {"tlscert", Kind::kString, [](V, O) { return Result<void>{}; }},
    {"tlskey", Kind::kString, [](V, O) { return Result<void>{}; }},
    {"tlscacert", Kind::kString, [](V, O) { return Result<void>{}; }},

    {"cluster/cluster_listen", Kind::kString, set_cluster},
    {"cluster_name", Kind::kString, [](V v, O o) { o.cluster.name = v.text; return Result<void>{}; }},
    {"cluster_advertise", Kind::kString, [](V v, O o) { return set_advertise(v, o.cluster.advertise); }},
    {"no_advertise", Kind::kBool, [](V v, O o) { o.cluster.no_advertise = v.boolean; return Result<void>{}; }},
    {"connect_retries", Kind::kInteger, [](V v, O o) { o.cluster.connect_retries = static_cast<int>(v.integer); return ranged(v, 0, INT32_MAX); }},
    {"routes", Kind::kString, set_routes},

    {"js/jetstream", Kind::kBool, [](V v, O o) { o.jetstream.enabled = v.boolean; return Result<void>{}; }},
    // Alone it does nothing, as in nats-server.
    {"sd/store_dir", Kind::kString, [](V v, O o) { o.jetstream.store_dir = v.text; return Result<void>{}; }},

    // Absent features.
    {"profile", Kind::kInteger, refuse_nonzero},

    {"c/config", Kind::kString, nullptr, [](V v, CommandLine& l) { l.config_file = v.text; }},
    {"t", Kind::kBool, nullptr, [](V v, CommandLine& l) { l.test_config = v.boolean; }},
    {"test_reload", Kind::kString, nullptr, [](V v, CommandLine& l) { l.test_reload = v.text; }},
    {"sl/signal", Kind::kString, nullptr, [](V v, CommandLine& l) { l.signal = v.text; }},
    {"h/help", Kind::kBool, nullptr, [](V v, CommandLine& l) { l.help = v.boolean; }},
    {"help_tls", Kind::kBool, nullptr, [](V v, CommandLine& l) { l.help_tls = v.boolean; }},
    {"v/version", Kind::kBool, nullptr, [](V v, CommandLine& l) { l.version = v.boolean; }},
};
// clang-format on

bool spelled(std::string_view name, std::string_view spellings) {
  for (;;) {
    size_t slash = spellings.find('/');
    if (name == spellings.substr(0, slash)) return true;
    if (slash == std::string_view::npos) return false;
    spellings.remove_prefix(slash + 1);
  }
}

std::optional<size_t> find_flag(std::string_view name) {
  for (size_t i = 0; i < std::size(kFlags); ++i) {
    if (spelled(name, kFlags[i].spellings)) return i;
  }
  return std::nullopt;
}

std::optional<bool> parse_bool(std::string_view text) {
  for (std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::optional<int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Interprets what parse_command_line() has checked.
FlagValue value_of(const CommandLine::Setting& setting) {
  FlagValue value{setting.name, false, 0, setting.value};
  Kind kind = kFlags[setting.flag].kind;
  if (kind == Kind::kBool) value.boolean = parse_bool(setting.value).value_or(false);
  if (kind == Kind::kInteger) value.integer = parse_integer(setting.value).value_or(0);
  return value;
}

Result<void> check_kind(const CommandLine::Setting& setting) {
  Kind kind = kFlags[setting.flag].kind;
  if (kind == Kind::kBool && !parse_bool(setting.value)) {
    return fail(fmt::format("invalid boolean value \"{}\" for -{}: parse error", setting.value,
                            setting.name));
  }
  if (kind == Kind::kInteger && !parse_integer(setting.value)) {
    return fail(
        fmt::format("invalid value \"{}\" for flag -{}: parse error", setting.value, setting.name));
  }
  return {};
}

// Takes the flag at the front of `rest`.
Result<CommandLine::Setting> take_flag(std::span<const std::string>& rest) {
  const std::string& argument = rest.front();
  rest = rest.subspan(1);
  std::string_view body = argument;
  body.remove_prefix(body.starts_with("--") ? 2 : 1);
  if (body.empty() || body.front() == '-' || body.front() == '=')
    return fail(fmt::format("bad flag syntax: {}", argument));
  size_t equals = body.find('=');
  CommandLine::Setting setting{0, std::string(body.substr(0, equals)), ""};
  std::optional<size_t> flag = find_flag(setting.name);
  if (!flag) return fail(fmt::format("flag provided but not defined: -{}", setting.name));
  setting.flag = *flag;
  if (equals != std::string_view::npos) {
    setting.value = body.substr(equals + 1);
  } else if (kFlags[*flag].kind == Kind::kBool) {
    setting.value = "true";
  } else if (rest.empty()) {
    return fail(fmt::format("flag needs an argument: -{}", setting.name));
  } else {
    setting.value = rest.front();
    rest = rest.subspan(1);
  }
  if (Result<void> fits = check_kind(setting); !fits) return fail(fits.error().message);
  return setting;
}

// The flags of TLS describe the whole block and replace that of the file; --tls=false switches TLS
// off whatever else is said.
Result<void> apply_tls(const CommandLine& line, Options& options) {
  tls::Options wanted;
  tls::KeyPair pair;
  bool any = false;
  for (const CommandLine::Setting& setting : line.settings) {
    FlagValue value = value_of(setting);
    if (!setting.name.starts_with("tls")) continue;
    if (setting.name == "tls" && !value.boolean) {
      options.tls = nullptr;
      return {};
    }
    bool switched = kFlags[setting.flag].kind == Kind::kBool;
    any |= switched ? value.boolean : !value.text.empty();
    if (setting.name == "tlsverify") wanted.verify = value.boolean;
    if (setting.name == "tlscert") pair.cert_file = value.text;
    if (setting.name == "tlskey") pair.key_file = value.text;
    if (setting.name == "tlscacert") wanted.ca_file = value.text;
  }
  if (!any) return {};
  if (pair.cert_file.empty())
    return fail("TLS Server certificate must be present and valid; add --tlscert");
  if (pair.key_file.empty())
    return fail("TLS Server private key must be present and valid; add --tlskey");
  wanted.certificates.push_back(pair);
  Result<std::shared_ptr<const tls::Context>> context = tls::Context::make(wanted);
  if (!context) return fail("--tls: " + context.error().message);
  options.tls = std::move(*context);
  return {};
}

}  // namespace

Result<CommandLine> parse_command_line(std::span<const std::string> arguments) {
  CommandLine line;
  std::span<const std::string> rest = arguments;
  while (!rest.empty() && rest.front().size() > 1 && rest.front().front() == '-') {
    if (rest.front() == "--") {
      rest = rest.subspan(1);
      break;
    }
    Result<CommandLine::Setting> setting = take_flag(rest);
    if (!setting) return fail(setting.error().message);
    if (Note note = kFlags[setting->flag].note)
      note(value_of(*setting), line);
    else
      line.settings.push_back(std::move(*setting));
  }
  line.words.assign(rest.begin(), rest.end());
  return line;
}

Result<void> apply_flags(const CommandLine& line, Options& options) {
  for (const CommandLine::Setting& setting : line.settings) {
    Result<void> applied = kFlags[setting.flag].apply(value_of(setting), options);
    if (!applied) return applied;
  }
  return apply_tls(line, options);
}

namespace {

Result<void> read_environment(const Surroundings& surroundings, Options& options) {
  const std::optional<std::string> text = surroundings.environment(kReloadIntervalVariable);
  if (!text || text->empty()) return {};
  const Result<std::chrono::nanoseconds> interval = parse_duration(*text);
  if (!interval || *interval < std::chrono::milliseconds(100) || *interval > std::chrono::hours(1))
    return fail(fmt::format("environment variable {}=\"{}\": must be a duration from 100ms to 1h",
                            kReloadIntervalVariable, *text));
  options.reload_interval = *interval;
  return {};
}

}  // namespace

Result<Loaded> load_configuration(const CommandLine& line, const Surroundings& surroundings) {
  Loaded loaded;
  if (!line.config_file.empty()) {
    Result<Loaded> file = load_options_file(line.config_file, surroundings);
    if (!file) return file;
    loaded = std::move(*file);
  }
  if (Result<void> set = apply_flags(line, loaded.options); !set) return fail(set.error().message);
  if (Result<void> read = read_environment(surroundings, loaded.options); !read)
    return fail(read.error().message);
  if (Result<void> fits = check_options(loaded.options); !fits) return fail(fits.error().message);
  return loaded;
}

}  // namespace natrix::config
