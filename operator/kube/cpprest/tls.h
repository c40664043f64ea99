// TLS settings of an endpoint, applied to each new connection's context.
#pragma once

#include <boost/asio/ssl/context.hpp>

#include "operator/kube/transport.h"

namespace natrix::kube {

// Throws std::exception with a sentence that names the bad part (CA, certificate or key).
void configure_tls(boost::asio::ssl::context& context, const Endpoint& endpoint);

}  // namespace natrix::kube
