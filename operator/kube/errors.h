// From what went wrong to what the caller should do. Pure.
#pragma once

#include <string>
#include <string_view>

#include "operator/kube/api.h"
#include "operator/kube/transport.h"

namespace natrix::kube {

// "NotFound", "Conflict", ... for logs and metrics.
std::string_view to_string(Errc code);

// From an HTTP answer that is not a success. `what` ("get services shop/orders") prefixes the API
// server's message. Retry-After comes from the header or the Status object, at most five minutes.
ApiError error_from_response(std::string_view what, const HttpResponse& response);
// From the Status object inside a watch's ERROR event.
ApiError error_from_status(std::string_view what, const Json& status);
ApiError error_from_transport(std::string_view what, const TransportError& error);

}  // namespace natrix::kube
