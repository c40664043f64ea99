// Standard base64 with padding, as the data fields of a kubeconfig and of Secrets carry it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace natrix::kube {

std::string base64_encode(std::string_view bytes);
// Whitespace between characters is allowed; nothing for malformed text.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace natrix::kube
