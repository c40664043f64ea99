// What a client wants to get and what it sent: Accept and Content-Type. Pure.
#pragma once

#include <string>

#include "broker/base/result.h"
#include "operator/kube/api.h"
#include "operator/local/http_front/message.h"

namespace natrix::http_front {

using kube::Json;

enum class Form { kObject, kTable, kMetadata };

// The first form of the Accept header that is understood.
Form wanted_form(const std::string& accept);

// The body as a document: JSON or YAML by its content type. The error is for the client.
Result<Json> parse_body(const Request& request);

}  // namespace natrix::http_front
