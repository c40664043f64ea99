// Base64 as NATS uses it: written with the URL alphabet and without padding (RFC 4648 5).
// Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace natrix {

std::string base64_url_encode(std::span<const uint8_t> bytes);

// Nothing: characters outside the alphabet, an impossible length, padding where none belongs.
std::optional<std::vector<uint8_t>> base64_url_decode(std::string_view text);
// The usual alphabet, with padding (RFC 4648 4).
std::optional<std::vector<uint8_t>> base64_decode(std::string_view text);

}  // namespace natrix
