// What OpenSSL says went wrong; for broker/tls alone.
#pragma once

#include <string>

namespace natrix::tls {

// The last error of the calling thread's queue as text; empties the queue.
std::string openssl_error();

}  // namespace natrix::tls
