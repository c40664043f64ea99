// The certificates that listeners show: what the Secrets hold against what the servers serve. Pure.
#pragma once

#include <string>
#include <vector>

#include "operator/reconcile/events.h"
#include "operator/reconcile/status.h"

namespace natrix::reconcile {

// Identifies the certificates in the configuration's revision; empty without any.
std::string serials_of(const std::vector<WantedCertificate>& wanted);

// Whether a server shows all of these certificates.
bool serves(const brokerapi::ServerReport& report, const std::vector<WantedCertificate>& wanted);

Condition certificates_condition(const StatusInput& input);

// status.certificates
Json certificates_json(const StatusInput& input);

// One for every certificate that took the place of another since `previous` was written.
std::vector<Event> renewal_events(const Json* previous,
                                  const std::vector<WantedCertificate>& wanted);

}  // namespace natrix::reconcile
