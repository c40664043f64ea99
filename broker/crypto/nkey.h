// Nkeys: Ed25519 keys in text form, and the proof that a peer holds the private half (wire.md 3).
//
// The text is base32 without padding of: a byte that says whose key it is, the 32 bytes of the
// public key, their CRC-16 (low byte first); 56 characters, the first of which tells the kind.
// Safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace natrix {

enum class NkeyKind : uint8_t {
  kAccount = 0,         // A
  kServer = 13 << 3,    // N
  kOperator = 14 << 3,  // O
  kUser = 20 << 3,      // U
};

using Ed25519Key = std::array<uint8_t, 32>;

std::string encode_nkey(NkeyKind kind, const Ed25519Key& key);
// The public key in `text`; nothing when it is not well-formed or of another kind.
std::optional<Ed25519Key> decode_nkey(NkeyKind kind, std::string_view text);

// A challenge for a peer, never the same twice: 15 characters. Of these a peer signs the text.
using Nonce = std::array<char, 15>;
Nonce new_nonce();

// Whether `signature` (base64 with the URL alphabet, or the usual one with padding) is that of
// `text` by the private half of `key`. Takes a tenth of a millisecond.
bool signed_by(const Ed25519Key& key, std::string_view text, std::string_view signature);

// CRC-16/XMODEM (polynomial 0x1021, start 0).
uint16_t crc16(std::span<const uint8_t> bytes);

// RFC 4648 base32 without padding.
std::string base32_encode(std::span<const uint8_t> bytes);

}  // namespace natrix
