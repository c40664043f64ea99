// Whether the certificate of an accepted route is one of our cluster (verify_and_map,
// verify_cert_and_check_known_urls). Pure.
#pragma once

#include <string>
#include <vector>

#include "broker/tls/certificate.h"
#include "broker/tls/options.h"

namespace natrix::route {

// With `map` a name in the certificate must be `user`; with `check_known_urls` one of its DNS names
// must be that of a known host. Either suffices.
bool certificate_accepted(const tls::Options& options, const tls::PeerNames& names,
                          const std::string& user, const std::vector<std::string>& known_hosts);

// RFC 6125: the same labels whatever their case; "*" stands for the whole first label.
bool dns_name_matches(const std::string& pattern, const std::string& host);

}  // namespace natrix::route
