// Identifiers that a server makes for itself. Safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace natrix {

// A fresh server id: an ed25519 public key in nkey text form, 56 characters starting with 'N'
// (wire.md 1.3). Two calls never give the same one.
std::string new_server_id();

// Whether `text` is a well-formed server id: length, alphabet, prefix and checksum.
bool is_server_id(std::string_view text);

// `length` characters of 0-9A-Za-z from the kernel's random source, for names that need not be
// reproducible (a cluster without a configured name, inbox prefixes).
std::string random_token(size_t length);

}  // namespace natrix
