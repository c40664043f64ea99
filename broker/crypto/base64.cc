#include "broker/crypto/base64.h"

namespace natrix {
namespace {

constexpr std::string_view kCommon =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kUrlTail = "-_";
constexpr std::string_view kStandardTail = "+/";

// The 6 bits that a character stands for; 64: none.
uint32_t value_of(char c, std::string_view tail) {
  size_t at = kCommon.find(c);
  if (at != std::string_view::npos) return static_cast<uint32_t>(at);
  at = tail.find(c);
  return at == std::string_view::npos ? 64 : static_cast<uint32_t>(kCommon.size() + at);
}

// `text` has no padding.
std::optional<std::vector<uint8_t>> decode(std::string_view text, std::string_view tail) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::vector<uint8_t> bytes;
  bytes.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    uint32_t value = value_of(c, tail);
    if (value > 63) return std::nullopt;
    bits = (bits << 6 | value) & 0x3FFF;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<uint8_t>(bits >> count));
    }
  }
  return bytes;
}

}  // namespace

std::string base64_url_encode(std::span<const uint8_t> bytes) {
  std::string text;
  text.reserve((bytes.size() * 8 + 5) / 6);
  uint32_t bits = 0;
  int count = 0;
  auto put = [&](uint32_t value) {
    text += value < kCommon.size() ? kCommon[value] : kUrlTail[value - kCommon.size()];
  };
  for (uint8_t byte : bytes) {
    bits = (bits << 8 | byte) & 0x3FFF;
    for (count += 8; count >= 6; count -= 6) put(bits >> (count - 6) & 63);
  }
  if (count > 0) put(bits << (6 - count) & 63);
  return text;
}

std::optional<std::vector<uint8_t>> base64_url_decode(std::string_view text) {
  return decode(text, kUrlTail);
}

std::optional<std::vector<uint8_t>> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  return decode(text, kStandardTail);
}

}  // namespace natrix
