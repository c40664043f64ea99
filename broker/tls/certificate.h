// What is read out of a certificate: for monitoring, for pinning, and to find the user it stands
// for. Plain values; pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "broker/tls/distinguished_name.h"

struct x509_st;

namespace natrix::tls {

// As /connz shows it.
struct PeerCertificate {
  std::string subject;      // RFC 2253, as Go prints it
  std::string spki_sha256;  // lower case hex, of the public key
  std::string cert_sha256;
};

// Our own, as log and metrics show it.
struct CertificateFacts {
  std::string subject;
  std::string serial;  // lower case hex
  std::chrono::system_clock::time_point not_before, not_after;
};

// All that may name a user.
struct PeerNames {
  std::vector<std::string> emails, dns_names, uris;  // of the alternative names
  std::optional<DistinguishedName> subject;  // none: it has attributes that have no short name
  // The subject as text: as it is, and followed by its domain components if it has any.
  std::string subject_text;
  std::string subject_text_with_domain;
};

PeerCertificate describe_peer(x509_st* certificate);
CertificateFacts facts_of(x509_st* certificate);
PeerNames names_of(x509_st* certificate);

}  // namespace natrix::tls
