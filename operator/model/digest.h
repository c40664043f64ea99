// SHA-256 of texts and documents, to tell whether something changed. Pure; safe from any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace natrix::model {

// 64 hexadecimal digits.
std::string sha256_hex(std::string_view text);

// Of the canonical text of a document (keys in order, no spaces).
std::string digest_of(const nlohmann::json& document);

}  // namespace natrix::model
