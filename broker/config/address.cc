#include "broker/config/address.h"

#include <fmt/format.h>

#include <charconv>

namespace natrix::config {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// "%40" becomes "@"; nothing if a '%' is not followed by two hexadecimal digits.
std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return std::nullopt;
    unsigned byte = 0;
    std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

// What may stand in the user part of a URL as it is; the rest is percent-escaped.
std::string escaped(std::string_view text) {
  constexpr std::string_view kPlain = "-_.~!$&'()*+,;=";
  std::string out;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 kPlain.find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// A URL without what may be a password, for messages.
std::string shown(std::string_view url) {
  size_t at = url.rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  size_t scheme = url.find("://");
  size_t start = scheme == std::string_view::npos || scheme > at ? 0 : scheme + 3;
  return fmt::format("{}[REDACTED]{}", url.substr(0, start), url.substr(at));
}

// The two halves at the last colon that is not inside brackets.
bool split(std::string_view text, std::string_view& host, std::string_view& port) {
  if (text.starts_with('[')) {
    size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return false;
    host = text.substr(1, bracket - 1);
    std::string_view rest = text.substr(bracket + 1);
    if (!rest.starts_with(':')) return false;
    port = rest.substr(1);
    return true;
  }
  size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
    return false;
  host = text.substr(0, colon);
  port = text.substr(colon + 1);
  return true;
}

}  // namespace

Result<int> parse_port(std::string_view text) {
  int port = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc() || end != text.data() + text.size() || port < -1 || port > 65535)
    return fail(
        fmt::format("could not parse port \"{}\", want a number from 0 to 65535, or -1 for "
                    "a random one",
                    text));
  return port;
}

Result<HostPort> parse_host_port(std::string_view text) {
  std::string_view host, port;
  if (!split(trimmed(text), host, port)) {
    return fail(
        fmt::format("could not parse address string \"{}\", want host:port (an IPv6 address "
                    "in brackets)",
                    text));
  }
  Result<int> number = parse_port(port);
  if (!number) return fail(number.error().message);
  return HostPort{std::string(host), *number};
}

Result<HostPort> parse_advertise(std::string_view text) {
  std::string_view plain = trimmed(text);
  bool bare_host = !plain.empty() && plain.find(':') == std::string_view::npos;
  bool bare_ipv6 = plain.starts_with('[') && plain.ends_with(']');
  if (bare_host) return HostPort{std::string(plain), 0};
  if (bare_ipv6) return HostPort{std::string(plain.substr(1, plain.size() - 2)), 0};
  Result<HostPort> address = parse_host_port(plain);
  if (address && address->host.empty())
    return fail(fmt::format("the address to advertise \"{}\" has no host", text));
  if (address && address->port == kRandomPort) address->port = 0;
  return address;
}

namespace {

Result<Url> read_url(std::string_view plain, bool host_needed) {
  auto invalid = [&](std::string_view why) {
    return fail(
        fmt::format("error parsing url \"{}\": {}, want nats://host:port", shown(plain), why));
  };
  size_t scheme_end = plain.find("://");
  if (scheme_end == std::string_view::npos || scheme_end == 0) return invalid("it has no scheme");
  Url url;
  url.scheme = plain.substr(0, scheme_end);
  std::string_view rest = plain.substr(scheme_end + 3);
  size_t at = rest.rfind('@');
  if (at != std::string_view::npos) {
    std::string_view who = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    size_t colon = who.find(':');
    std::optional<std::string> user = unescaped(who.substr(0, colon));
    std::optional<std::string> password = std::string();
    if (colon != std::string_view::npos) password = unescaped(who.substr(colon + 1));
    if (!user || !password) return invalid("'%' must be followed by two hexadecimal digits");
    url.user = *user;
    url.password = *password;
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  std::string_view host, port;
  if (!split(rest, host, port)) return invalid("it has no port");
  Result<int> number = parse_port(port);
  if (!number) return invalid(number.error().message);
  if (host.empty() && host_needed) return invalid("it has no host");
  url.host = host;
  url.port = *number;
  return url;
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  return read_url(trimmed(text), true);
}

Result<Url> parse_listen_url(std::string_view text) {
  return read_url(trimmed(text), false);
}

Result<std::vector<Url>> parse_urls(std::string_view text) {
  std::vector<Url> urls;
  while (!text.empty()) {
    size_t comma = text.find(',');
    std::string_view one = trimmed(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    if (one.empty()) continue;
    Result<Url> url = parse_url(one);
    if (!url) return fail(url.error().message);
    urls.push_back(std::move(*url));
  }
  return urls;
}

std::string Url::text(bool with_password) const {
  std::string who;
  if (!user.empty() || !password.empty()) {
    who = escaped(user);
    if (!password.empty()) who += ":" + (with_password ? escaped(password) : "xxxxx");
    who += "@";
  }
  bool ipv6 = host.find(':') != std::string::npos;
  return ipv6 ? fmt::format("{}://{}[{}]:{}", scheme, who, host, port)
              : fmt::format("{}://{}{}:{}", scheme, who, host, port);
}

}  // namespace natrix::config
