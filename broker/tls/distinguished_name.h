// DistinguishedName: the subject of a certificate, or a user name of the configuration that is one
// (RFC 4514), compared as nats-server does (wire.md 3, TLS map). Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/result.h"

namespace natrix::tls {

struct DistinguishedName {
  struct Attribute {
    std::string type;  // "CN"
    std::string value;
    // The case of the type does not matter.
    bool operator==(const Attribute& other) const;
  };
  // Attributes of one relative name; their order does not matter.
  using Relative = std::vector<Attribute>;

  std::vector<Relative> parts;  // most significant last, as they are written

  // Same parts at the same places.
  [[nodiscard]] bool equals(const DistinguishedName& other) const;
  // Same parts in any order.
  [[nodiscard]] bool matches(const DistinguishedName& other) const;
};

// "CN=alice,OU=one+O=acme". Values in BER ("#04…") are not supported.
Result<DistinguishedName> parse_distinguished_name(std::string_view text);

}  // namespace natrix::tls
