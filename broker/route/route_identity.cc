#include "broker/route/route_identity.h"

#include <algorithm>
#include <cctype>

namespace natrix::route {

namespace {

std::vector<std::string> labels_of(const std::string& name) {
  std::vector<std::string> labels(1);
  for (unsigned char c : name) {
    if (c == '.') {
      labels.emplace_back();
    } else {
      labels.back() += static_cast<char>(std::tolower(c));
    }
  }
  return labels;
}

}  // namespace

bool dns_name_matches(const std::string& pattern, const std::string& host) {
  std::vector<std::string> wanted = labels_of(pattern), labels = labels_of(host);
  if (wanted.size() != labels.size()) return false;
  if (wanted.front() == "*") labels.front() = "*";
  return wanted == labels;
}

bool certificate_accepted(const tls::Options& options, const tls::PeerNames& names,
                          const std::string& user, const std::vector<std::string>& known_hosts) {
  auto known = [&](const std::string& name) {
    return std::any_of(known_hosts.begin(), known_hosts.end(),
                       [&](const std::string& host) { return dns_name_matches(name, host); });
  };
  auto is_user = [&](const std::string& name) { return !name.empty() && name == user; };
  if (options.check_known_urls &&
      std::any_of(names.dns_names.begin(), names.dns_names.end(), known)) {
    return true;
  }
  if (!options.map) return false;
  for (const auto* kind : {&names.emails, &names.dns_names, &names.uris}) {
    if (std::any_of(kind->begin(), kind->end(), is_user)) return true;
  }
  return is_user(names.subject_text_with_domain) || is_user(names.subject_text);
}

}  // namespace natrix::route
