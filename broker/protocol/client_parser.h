// The client protocol, server side of reading (wire.md 1.1): bytes in, one operation out. Pure;
// views point into the caller's bytes. Input must be followed by kScanSlack readable bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace natrix::protocol {

enum class ClientVerb : uint8_t {
  kPub,
  kHpub,
  kSub,
  kUnsub,
  kConnect,
  kPing,
  kPong,
  kInfo,
  kOk,
  kErr,
};

struct PubOperation {
  std::string_view subject;
  std::string_view reply;
  uint32_t header_size = 0;
  uint32_t total_size = 0;  // header and payload
  const char* body = nullptr;
  // When the line was written with single spaces: everything behind "<subject> ", through the CRLF
  // that ends the payload, which is just what follows "<sid> " in MSG. Else null.
  const char* tail = nullptr;
};

struct ClientOperation {
  ClientVerb verb = ClientVerb::kPing;
  std::string_view args;  // all verbs but PUB and HPUB
  PubOperation pub;
  size_t size = 0;  // bytes of the whole operation
};

enum class ParseStatus : uint8_t {
  kOk,
  kIncomplete,  // `wanted` tells the whole size when known
  kUnknownVerb,
  kLineTooLong,
  kBadArguments,
  kPayloadTooLarge,
  kBadPayloadEnd,  // no CRLF behind the payload
};

struct ParserLimits {
  size_t max_control_line = 4096;
  size_t max_payload = 1 << 20;
};

// `wanted` is set with kIncomplete when the operation's size is known.
ParseStatus parse_client(const char* data, size_t size, const ParserLimits& limits,
                         ClientOperation& operation, size_t& wanted);

}  // namespace natrix::protocol
