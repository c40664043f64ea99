#include "broker/monitor/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "broker/monitor/http_request.h"
#include "broker/monitor/text.h"

namespace natrix::monitor {
namespace {

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

template <class Integer>
Result<Integer> parse_integer(std::string_view name, std::string_view text, const char* type,
                              const char* remedy) {
  if (text.empty()) return Integer{0};
  std::string_view digits = text;
  if (std::is_signed_v<Integer> && digits.size() > 1 && digits.front() == '+') {
    digits.remove_prefix(1);
  }
  Integer value{};
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) {
    return fail(
        fmt::format("Error decoding {} for '{}': {} is out of range", type, name, in_quotes(text)));
  }
  if (error != std::errc{} || end != digits.data() + digits.size()) {
    return fail(fmt::format("Error decoding {} for '{}': {} is not {}", type, name, in_quotes(text),
                            remedy));
  }
  return value;
}

}  // namespace

QueryParams::QueryParams(std::string_view query) {
  while (!query.empty()) {
    size_t end = query.find('&');
    std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (pair.find(';') != std::string_view::npos) continue;  // an old separator, ambiguous
    size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (name && value && !name->empty()) params_.emplace_back(std::move(*name), std::move(*value));
  }
}

const std::string& QueryParams::text(std::string_view name) const {
  static const std::string kAbsent;
  auto found = std::find_if(params_.begin(), params_.end(),
                            [&](const auto& param) { return param.first == name; });
  return found == params_.end() ? kAbsent : found->second;
}

Result<bool> QueryParams::boolean(std::string_view name) const {
  const std::string& value = text(name);
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (value == yes) return true;
  }
  for (const char* no : {"", "0", "f", "F", "false", "FALSE", "False"}) {
    if (value == no) return false;
  }
  return fail(fmt::format("Error decoding boolean for '{}': {} is neither true nor false", name,
                          in_quotes(value)));
}

Result<int64_t> QueryParams::integer(std::string_view name) const {
  return parse_integer<int64_t>(name, text(name), "int", "a whole number");
}

Result<uint64_t> QueryParams::unsigned_integer(std::string_view name) const {
  return parse_integer<uint64_t>(name, text(name), "uint64", "a whole number of 0 or more");
}

Result<ListSubs> QueryParams::subs() const {
  if (lower(text("subs")) == "detail") return ListSubs::kDetail;
  Result<bool> listed = boolean("subs");
  if (!listed) return fail(listed.error().message + ", or \"detail\"");
  return *listed ? ListSubs::kSubjects : ListSubs::kNo;
}

Result<ConnState> QueryParams::state() const {
  std::string value = lower(text("state"));
  if (value.empty() || value == "open") return ConnState::kOpen;
  if (value == "closed") return ConnState::kClosed;
  if (value == "any" || value == "all") return ConnState::kAll;
  return fail(fmt::format("Error decoding state for {}: use open, closed or all",
                          in_quotes(text("state"))));
}

Result<int64_t> QueryParams::offset() const {
  Result<int64_t> value = integer("offset");
  if (value) return std::max<int64_t>(*value, 0);
  return value;
}

Result<int64_t> QueryParams::limit() const {
  Result<int64_t> value = integer("limit");
  if (!value) return value;
  return *value <= 0 ? kDefaultPageEntries : std::min(*value, kMaxPageEntries);
}

}  // namespace natrix::monitor
