// Base64 as Secrets carry it (RFC 4648, padded). Pure; safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace natrix::model {

std::string base64_encode(std::string_view bytes);
// Nothing for a text that is not base64.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace natrix::model
