// The names of cipher suites and curves that a `tls` block may use: those nats-server knows.
// Pure, safe from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"

namespace natrix::tls {

struct Suite {
  std::string_view name;  // as registered
  bool insecure = false;  // only with allow_insecure_cipher_suites
  bool tls13 = false;
};

struct Curve {
  std::string_view name;     // as in the configuration
  std::string_view openssl;  // empty: known, but this OpenSSL has it not
};

std::span<const Suite> suites();
std::span<const Curve> curves();
// Null: no such name.
const Suite* find_suite(std::string_view name);
const Curve* find_curve(std::string_view name);
// Whether the OpenSSL that runs implements it: it dropped some that are broken.
bool available(const Suite& suite);

}  // namespace natrix::tls
