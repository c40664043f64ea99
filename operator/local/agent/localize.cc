#include "operator/local/agent/localize.h"

#include <algorithm>

namespace natrix::agent {

namespace {

constexpr std::string_view kAnyAddress = "0.0.0.0";

bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool path_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

bool word_starts(std::string_view text, size_t at) {
  return at == 0 || !path_char(text[at - 1]);
}

// The mount among `paths` that the text at `at` names; the longest one, for a volume may be mounted
// below another.
const std::pair<std::string, std::string>* find_mount(
    std::string_view text, size_t at,
    const std::vector<std::pair<std::string, std::string>>& paths) {
  if (at > 0 && text[at - 1] == '/') return nullptr;
  const std::string_view rest = text.substr(at);
  const std::pair<std::string, std::string>* found = nullptr;
  for (const auto& path : paths) {
    const size_t size = path.first.size();
    if (!rest.starts_with(path.first) || (rest.size() > size && path_char(rest[size]))) continue;
    if (found == nullptr || size > found->first.size()) found = &path;
  }
  return found;
}

// Splits the name that starts at `at`: labels up to and after ".svc". Returns its end, `at` when
// it is no name of the cluster.
size_t split_name(std::string_view text, size_t at, std::vector<std::string>& labels) {
  size_t end = at;
  while (end < text.size() && (name_char(text[end]) || text[end] == '.')) ++end;
  while (end > at && text[end - 1] == '.') --end;
  const std::string_view name = text.substr(at, end - at);
  for (size_t start = 0; start <= name.size();) {
    const size_t dot = std::min(name.find('.', start), name.size());
    const std::string_view label = name.substr(start, dot - start);
    if (label.empty()) return at;
    if (label == "svc") return labels.size() == 2 || labels.size() == 3 ? end : at;
    labels.emplace_back(label);
    if (labels.size() > 3) return at;
    start = dot + 1;
  }
  return at;
}

}  // namespace

std::string Localizer::apply(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    if (!word_starts(text, at)) {
      out += text[at++];
      continue;
    }
    const std::string_view rest = text.substr(at);
    if (rest.starts_with(kAnyAddress) &&
        (rest.size() == kAnyAddress.size() || !path_char(rest[kAnyAddress.size()]))) {
      out += address;
      at += kAnyAddress.size();
      continue;
    }
    const auto* mount = find_mount(text, at, paths);
    if (mount != nullptr) {
      out += mount->second;
      at += mount->first.size();
      continue;
    }
    std::vector<std::string> labels;
    if (const size_t end = split_name(text, at, labels); end > at) {
      const std::string found = labels.size() == 3 ? pod_address(labels[2], labels[0])
                                                   : service_address(labels[1], labels[0]);
      out += found.empty() ? text.substr(at, end - at) : found;
      at = end;
      continue;
    }
    out += text[at++];
  }
  return out;
}

}  // namespace natrix::agent
