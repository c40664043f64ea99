// The `tls` blocks: options of a listener or of routes, and the files they name (wire.md 22.2).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "broker/base/duration.h"
#include "broker/base/time_format.h"
#include "broker/config/load_parts.h"
#include "broker/tls/suites.h"

namespace natrix::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// How long "auto" waits for a client that begins with the handshake.
constexpr auto kAutoFallback = milliseconds(50);

struct Block {
  tls::Options options;
  TlsUse use;
  tls::KeyPair single;  // cert_file and key_file
  bool has_list = false;
  bool allow_insecure_suites = false;
};

void read_list(const Field& field, std::vector<std::string>& target) {
  if (!field.value().is(Value::Type::kArray)) return field.wrong_type("an array of names");
  if (field.value().items.empty())
    return field.error(fmt::format("error parsing tls config, '{}' cannot be empty", field.key()));
  std::vector<std::string> names;
  if (field.read(names)) target = std::move(names);
}

void read_suites(const Field& field, Block& block) {
  read_list(field, block.options.cipher_suites);
  for (const std::string& name : block.options.cipher_suites) {
    const tls::Suite* suite = tls::find_suite(name);
    if (suite == nullptr)
      field.error("unrecognized cipher " + name);
    else if (!tls::available(*suite))
      field.error(
          fmt::format("cipher suite {} is not in the OpenSSL of this system; remove it", name));
  }
}

void read_curves(const Field& field, Block& block) {
  read_list(field, block.options.curves);
  for (const std::string& name : block.options.curves) {
    const tls::Curve* curve = tls::find_curve(name);
    if (curve == nullptr)
      field.error("unrecognized curve preference " + name);
    else if (curve->openssl.empty())
      field.error(fmt::format("curve {} is not in the OpenSSL of this system; remove it", name));
  }
}

void read_min_version(const Field& field, tls::Version& target) {
  std::string text;
  if (!field.read(text)) return;
  if (text == "1.2" || text == "1.3")
    target = text == "1.3" ? tls::Version::k13 : tls::Version::k12;
  else if (text == "1.0" || text == "1.1")
    field.error(fmt::format("unsupported TLS version: TLS {}; use \"1.2\" or \"1.3\"", text));
  else
    field.error(fmt::format("unknown TLS version \"{}\"; use \"1.2\" or \"1.3\"", text));
}

void read_pinned(const Field& field, std::set<std::string>& target) {
  std::vector<std::string> keys;
  if (!field.value().is(Value::Type::kArray))
    return field.wrong_type("a list of hex-encoded sha256 of DER encoded SubjectPublicKeyInfo");
  if (!field.read(keys)) return;
  target.clear();
  for (std::string& key : keys) {
    bool hex = key.size() == 64 && key.find_first_not_of("0123456789abcdefABCDEF") == key.npos;
    std::transform(key.begin(), key.end(), key.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (hex)
      target.insert(key);
    else
      field.error(
          fmt::format("error parsing tls config, 'pinned_certs' key {} does not look like "
                      "hex-encoded sha256 of DER encoded SubjectPublicKeyInfo",
                      key));
  }
}

// true, false, "auto" or how long to wait for clients that begin with the handshake.
void read_handshake_first(const Field& field, Block& block) {
  tls::Options& options = block.options;
  options.fallback = nanoseconds(0);
  if (field.value().is(Value::Type::kBool)) {
    options.handshake_first = field.value().boolean;
  } else if (!field.value().is(Value::Type::kString)) {
    return field.wrong_type("true, false, \"auto\" or a duration");
  } else if (is_spelling_of(field.value().text, "true/on")) {
    options.handshake_first = true;
  } else if (is_spelling_of(field.value().text, "false/off")) {
    options.handshake_first = false;
  } else if (is_spelling_of(field.value().text, "auto/auto_fallback")) {
    options.handshake_first = true;
    options.fallback = kAutoFallback;
  } else if (Result<nanoseconds> wait = parse_duration(field.value().text); wait) {
    options.handshake_first = true;
    options.fallback = std::max(*wait, nanoseconds(0));
  } else {
    return field.error(
        fmt::format("field \"{}\"'s value \"{}\" is invalid", field.key(), field.value().text));
  }
  if (options.handshake_first && block.use == TlsUse::kRoutes)
    field.error(
        fmt::format("\"{}\" is for clients; routes begin with the handshake anyway, "
                    "remove the line",
                    field.key()));
}

constexpr Key<tls::KeyPair> kPairKeys[] = {
    {"cert_file", [](const Field& f, tls::KeyPair& p) { f.read(p.cert_file); }},
    {"key_file", [](const Field& f, tls::KeyPair& p) { f.read(p.key_file); }},
};

void read_pairs(const Field& field, Block& block) {
  if (!field.value().is(Value::Type::kArray))
    return field.wrong_type("an array of {cert_file: …, key_file: …}");
  block.has_list = true;
  for (const Value& item : field.value().items) {
    Field one(field.report(), field.key(), item);
    const Value* map = one.map();
    if (map == nullptr) continue;
    tls::KeyPair pair;
    read_section<tls::KeyPair>(field.report(), *map, kPairKeys, {}, pair);
    if (pair.cert_file.empty() || pair.key_file.empty())
      one.error(
          "error parsing certificates config: both 'cert_file' and 'key_file' options are "
          "required");
    block.options.certificates.push_back(std::move(pair));
  }
}

// What is meant for one kind of connection only; false and 0 are what others have anyway.
template <class T>
void read_only_for(TlsUse use, const char* whom, const Field& field, Block& block, T& target) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!field.read(target)) return;
  } else {
    if (!field.read(target, Range{0, INT32_MAX})) return;
  }
  if (target != T{} && block.use != use)
    field.error(fmt::format("\"{}\" is for {} only; remove the line", field.key(), whom));
}

constexpr Key<Block> kTlsKeys[] = {
    {"cert_file", [](const Field& f, Block& b) { f.read(b.single.cert_file); }},
    {"key_file", [](const Field& f, Block& b) { f.read(b.single.key_file); }},
    {"certs/certificates", [](const Field& f, Block& b) { read_pairs(f, b); }},
    {"ca_file", [](const Field& f, Block& b) { f.read(b.options.ca_file); }},
    {"verify", [](const Field& f, Block& b) { f.read(b.options.verify); }},
    {"verify_and_map", [](const Field& f, Block& b) { f.read(b.options.map); }},
    {"verify_cert_and_check_known_urls",
     [](const Field& f, Block& b) {
       read_only_for(TlsUse::kRoutes, "routes", f, b, b.options.check_known_urls);
     }},
    {"insecure",
     [](const Field& f, Block& b) {
       read_only_for(TlsUse::kRoutes, "connections that this server makes (routes)", f, b,
                     b.options.insecure);
     }},
    {"connection_rate_limit",
     [](const Field& f, Block& b) {
       read_only_for(TlsUse::kClients, "the listener for clients", f, b,
                     b.options.connection_rate_limit);
     }},
    {"timeout", [](const Field& f, Block& b) { read_timeout(f, b.options.timeout); }},
    {"cipher_suites", [](const Field& f, Block& b) { read_suites(f, b); }},
    {"allow_insecure_cipher_suites",
     [](const Field& f, Block& b) { f.read(b.allow_insecure_suites); }},
    {"curve_preferences", [](const Field& f, Block& b) { read_curves(f, b); }},
    {"min_version", [](const Field& f, Block& b) { read_min_version(f, b.options.min_version); }},
    {"pinned_certs", [](const Field& f, Block& b) { read_pinned(f, b.options.pinned_certs); }},
    {"handshake_first/first/immediate",
     [](const Field& f, Block& b) { read_handshake_first(f, b); }},
};
constexpr Absent kTlsAbsent[] = {
    {"ocsp_peer", true}, {"cert_store"},     {"cert_match_by"},
    {"cert_match"},      {"ca_certs_match"}, {"cert_match_skip_invalid", true},
};

void check_suites(const Field& field, const Block& block) {
  std::vector<std::string> insecure;
  for (const std::string& name : block.options.cipher_suites) {
    const tls::Suite* suite = tls::find_suite(name);
    if (suite != nullptr && suite->insecure) insecure.push_back(name);
  }
  if (!insecure.empty() && !block.allow_insecure_suites)
    field.error(
        fmt::format("insecure cipher suites configured without 'allow_insecure_cipher_suites' "
                    "option set: {}",
                    fmt::join(insecure, ", ")));
}

void take_certificates(const Field& field, Block& block) {
  const tls::KeyPair& single = block.single;
  if (block.has_list && !single.cert_file.empty())
    return field.error(
        "error parsing tls config, cannot combine 'cert_file' option with 'certs' option");
  if (single.cert_file.empty() && !single.key_file.empty())
    return field.error("missing 'cert_file' in TLS configuration");
  if (!single.cert_file.empty() && single.key_file.empty())
    return field.error("missing 'key_file' in TLS configuration");
  if (!single.cert_file.empty()) block.options.certificates.push_back(single);
  if (block.options.certificates.empty())
    field.error("missing 'cert_file' and 'key_file' in TLS configuration");
}

}  // namespace

void read_tls(const Field& field, TlsUse use, std::shared_ptr<const tls::Context>& target) {
  const Value* map = field.map();
  if (map == nullptr) return;
  Block block;
  block.use = use;
  size_t errors_before = field.report().errors.size();
  read_section<Block>(field.report(), *map, kTlsKeys, kTlsAbsent, block);
  check_suites(field, block);
  take_certificates(field, block);
  if (field.report().errors.size() != errors_before) return;
  tls::Options& options = block.options;
  if (options.map || options.check_known_urls || use == TlsUse::kRoutes) options.verify = true;
  Result<std::shared_ptr<const tls::Context>> context = tls::Context::make(options);
  if (!context) return field.error(context.error().message);
  target = std::move(*context);
  auto now = std::chrono::system_clock::now();
  if (target->certificate().not_after < now)
    field.warning(fmt::format("the certificate {} expired on {}; peers will refuse it",
                              options.certificates.front().cert_file,
                              format_rfc3339(target->certificate().not_after)));
}

}  // namespace natrix::config
