// What a Secret with a certificate holds, told apart before servers are asked to use it. Pure.
#pragma once

#include <chrono>
#include <string>

#include "broker/base/result.h"

namespace natrix::brokerconf {

struct CertificateFacts {
  std::string serial;  // lower case hex, as servers show theirs
  std::chrono::system_clock::time_point not_before, not_after;
};

// PEM texts; `authority` may be empty. The error says which of them is wrong and how: no
// certificate, no key or one with a passphrase, a key that is not the certificate's. Whether the
// certificate has expired is not judged here.
Result<CertificateFacts> read_certificate(const std::string& certificate, const std::string& key,
                                          const std::string& authority);

}  // namespace natrix::brokerconf
