#include "operator/reconcile/certificates.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/base/timestamp.h"
#include "operator/reconcile/conditions.h"

namespace natrix::reconcile {

namespace {

using model::ConditionType;
using model::Reason;

// What renews certificates does so long before: with less than this part of the lifetime left,
// nobody did.
constexpr int kLastPart = 10;

const char* name_of(Listener listener) {
  return listener == Listener::kClients ? "client" : "cluster";
}

const brokerapi::ServedCertificate& served(const brokerapi::ServerReport& report,
                                           Listener listener) {
  return listener == Listener::kClients ? report.client_certificate : report.route_certificate;
}

bool serves_one(const brokerapi::ServerReport& report, const WantedCertificate& wanted) {
  return served(report, wanted.listener).serial == wanted.facts.serial;
}

int serving(const StatusInput& input, const WantedCertificate& wanted) {
  int count = 0;
  for (const Pod& pod : input.pods) {
    const auto report = input.reports.find(pod.name);
    if (report != input.reports.end() && serves_one(report->second, wanted)) ++count;
  }
  return count;
}

std::string text_of(const WantedCertificate& wanted) {
  return fmt::format("the certificate in Secret {} (listener {}, serial {})", wanted.secret,
                     name_of(wanted.listener), wanted.facts.serial);
}

Condition say(bool holds, Reason reason, std::string message) {
  return make_condition(ConditionType::kCertificatesValid, holds, reason, std::move(message));
}

bool uses_tls(const model::Cluster& cluster) {
  return cluster.spec.config.nats.tls.enabled || cluster.spec.config.cluster.tls.enabled;
}

// The wanted certificates cannot be had.
Condition unknown_certificates(const StatusInput& input) {
  for (const Problem& problem : input.problems) {
    if (problem.reason == Reason::kCertificateInvalid)
      return say(false, problem.reason, problem.message);
  }
  const Reason reason = input.problems.empty() ? Reason::kCreating : input.problems.front().reason;
  Condition out = say(false, reason, "the certificates are not known");
  out.status = "Unknown";
  return out;
}

}  // namespace

std::string serials_of(const std::vector<WantedCertificate>& wanted) {
  std::string out;
  for (const WantedCertificate& one : wanted)
    out += fmt::format("{}={};", name_of(one.listener), one.facts.serial);
  return out;
}

bool serves(const brokerapi::ServerReport& report, const std::vector<WantedCertificate>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](const WantedCertificate& one) { return serves_one(report, one); });
}

Condition certificates_condition(const StatusInput& input) {
  if (input.certificates.empty()) {
    const bool missing = input.cluster == nullptr || uses_tls(*input.cluster);
    if (missing) return unknown_certificates(input);
    return say(true, Reason::kNoCertificates, "no listener uses TLS");
  }
  const auto by_end = [](const WantedCertificate& a, const WantedCertificate& b) {
    return a.facts.not_after < b.facts.not_after;
  };
  const WantedCertificate& first =
      *std::min_element(input.certificates.begin(), input.certificates.end(), by_end);
  const std::string end = ops::format_time(first.facts.not_after);
  if (first.facts.not_after <= input.now)
    return say(false, Reason::kCertificateExpired, text_of(first) + " expired on " + end);
  for (const WantedCertificate& one : input.certificates) {
    if (one.facts.not_before > input.now)
      return say(false, Reason::kCertificateInvalid,
                 text_of(one) + " is not valid before " + ops::format_time(one.facts.not_before));
  }
  if ((first.facts.not_after - input.now) * kLastPart <
      first.facts.not_after - first.facts.not_before)
    return say(true, Reason::kCertificateExpiring, text_of(first) + " expires on " + end);
  for (const WantedCertificate& one : input.certificates) {
    const int count = serving(input, one);
    if (count < static_cast<int>(input.pods.size()))
      return say(true, Reason::kRenewing,
                 fmt::format("{} of {} servers are known to show {}", count, input.pods.size(),
                             text_of(one)));
  }
  return say(true, Reason::kAsExpected,
             fmt::format(
                 "all servers show the certificates of the Secrets; the first expires on {}", end));
}

Json certificates_json(const StatusInput& input) {
  Json out = Json::array();
  for (const WantedCertificate& one : input.certificates) {
    out.push_back({{"listener", name_of(one.listener)},
                   {"secretName", one.secret},
                   {"serial", one.facts.serial},
                   {"notAfter", ops::format_time(one.facts.not_after)},
                   {"servers", serving(input, one)}});
  }
  return out;
}

std::vector<Event> renewal_events(const Json* previous,
                                  const std::vector<WantedCertificate>& wanted) {
  std::vector<Event> out;
  if (previous == nullptr) return out;
  for (const Json& before : member(*previous, "certificates")) {
    for (const WantedCertificate& now : wanted) {
      if (string_at(before, {"listener"}) != name_of(now.listener) ||
          string_at(before, {"serial"}) == now.facts.serial)
        continue;
      out.push_back(
          {false, "CertificateRenewed", "ReloadServers",
           fmt::format("{}, valid until {}, takes the place of serial {}", text_of(now),
                       ops::format_time(now.facts.not_after), string_at(before, {"serial"})),
           now.facts.serial});
    }
  }
  return out;
}

}  // namespace natrix::reconcile
