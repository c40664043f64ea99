// The route protocol, reading side (wire.md 5): bytes in, one operation out. Pure; views point into
// the caller's bytes, which must be followed by kScanSlack readable ones.
//
// Messages of leaf clusters (LMSG, LS+, LS-) are understood, so that servers with leaf nodes can be
// in the same cluster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/protocol/client_parser.h"

namespace natrix::protocol {

enum class RouteVerb : uint8_t {
  kRmsg,
  kHmsg,
  kLmsg,
  kSub,        // RS+
  kUnsub,      // RS-
  kLeafSub,    // LS+
  kLeafUnsub,  // LS-
  kInfo,
  kConnect,
  kPing,
  kPong,
  kErr,
  kOk,
};

// RMSG, HMSG or LMSG.
struct RouteMessage {
  std::string_view origin;   // LMSG: the leaf cluster it came from
  std::string_view account;  // empty on a route dedicated to one account
  std::string_view subject;
  std::string_view reply;
  std::vector<std::string_view> queues;  // the groups its origin chose; capacity is reused
  uint32_t header_size = 0;
  uint32_t total_size = 0;  // header and payload
  const char* body = nullptr;
  // When the bytes allow it: "[reply ][hdr ]<total>\r\n<body>\r\n" in one piece. Else null.
  const char* tail = nullptr;
};

struct RouteOperation {
  RouteVerb verb = RouteVerb::kPing;
  std::string_view args;  // all verbs but the messages
  RouteMessage message;
  size_t size = 0;  // bytes of the whole operation
};

struct RouteParserLimits {
  size_t max_control_line = 16 * 4096;
  size_t max_payload = 64 << 20;
  bool account_in_line = true;  // false on a route dedicated to one account
};

// `wanted` is set with kIncomplete when the operation's size is known. `operation` is to be reused
// from call to call.
ParseStatus parse_route(const char* data, size_t size, const RouteParserLimits& limits,
                        RouteOperation& operation, size_t& wanted);

// The arguments of RS+, RS-, LS+ and LS-.
struct RouteInterest {
  std::string_view origin;
  std::string_view account;
  std::string_view subject;
  std::string_view queue;
  int32_t weight = 1;  // of a queue in RS+ and LS+, at least 1
};

struct RouteInterestForm {
  bool origin_in_line = false;
  bool account_in_line = true;
  bool adds = true;  // RS+, LS+: a queue is followed by its weight
};

// False: the line is malformed.
bool parse_route_interest(std::string_view args, const RouteInterestForm& form,
                          RouteInterest& interest);

}  // namespace natrix::protocol
