// The client protocol as a client reads it (wire.md 1.1): bytes in, one operation out. Pure; views
// point into the caller's bytes, which need not be followed by slack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/protocol/client_parser.h"

namespace natrix::protocol {

enum class ServerVerb : uint8_t { kMsg, kHmsg, kInfo, kPing, kPong, kOk, kErr };

struct ServerOperation {
  ServerVerb verb = ServerVerb::kPing;
  std::string_view args;  // INFO and -ERR
  std::string_view subject, sid, reply;
  std::string_view header;  // block of HMSG
  std::string_view payload;
  size_t size = 0;
};

// kOk, kIncomplete or an error; never kLineTooLong or kPayloadTooLarge: a server is trusted.
ParseStatus parse_server(std::string_view data, ServerOperation& operation);

struct HeaderBlock {
  int status = 0;  // of the first line, 0: none
  std::vector<std::pair<std::string_view, std::string_view>> fields;
};

// False: not a header block.
bool parse_header_block(std::string_view block, HeaderBlock& header);

}  // namespace natrix::protocol
