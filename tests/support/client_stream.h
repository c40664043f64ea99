// Parses a stream of client operations the way a connection does: whatever has arrived is offered,
// whole operations are taken, the rest is offered again with more behind it. The outcome is text,
// so that tests and fuzzers can compare streams that were cut differently.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "broker/protocol/client_parser.h"
#include "broker/protocol/scan.h"

namespace natrix::tests {

inline std::string_view name(protocol::ParseStatus status) {
  using protocol::ParseStatus;
  switch (status) {
    case ParseStatus::kOk:
      return "ok";
    case ParseStatus::kIncomplete:
      return "incomplete";
    case ParseStatus::kUnknownVerb:
      return "unknown verb";
    case ParseStatus::kLineTooLong:
      return "line too long";
    case ParseStatus::kBadArguments:
      return "bad arguments";
    case ParseStatus::kPayloadTooLarge:
      return "payload too large";
    case ParseStatus::kBadPayloadEnd:
      return "bad payload end";
  }
  return "?";
}

inline std::string describe(const protocol::ClientOperation& operation) {
  using protocol::ClientVerb;
  const protocol::PubOperation& pub = operation.pub;
  switch (operation.verb) {
    case ClientVerb::kPub:
      return fmt::format("PUB {}|{}|{}", pub.subject, pub.reply,
                         std::string_view(pub.body, pub.total_size));
    case ClientVerb::kHpub:
      return fmt::format(
          "HPUB {}|{}|{}|{}", pub.subject, pub.reply, std::string_view(pub.body, pub.header_size),
          std::string_view(pub.body + pub.header_size, pub.total_size - pub.header_size));
    case ClientVerb::kSub:
      return fmt::format("SUB {}", operation.args);
    case ClientVerb::kUnsub:
      return fmt::format("UNSUB {}", operation.args);
    case ClientVerb::kConnect:
      return fmt::format("CONNECT {}", operation.args);
    case ClientVerb::kPing:
      return "PING";
    case ClientVerb::kPong:
      return "PONG";
    case ClientVerb::kInfo:
      return fmt::format("INFO {}", operation.args);
    case ClientVerb::kOk:
      return "+OK";
    case ClientVerb::kErr:
      return fmt::format("-ERR {}", operation.args);
  }
  return "?";
}

// What came out of a stream: its operations, then the status that ended it (kIncomplete at a clean
// end or in the middle of an operation).
struct ParsedStream {
  std::vector<std::string> operations;
  protocol::ParseStatus end = protocol::ParseStatus::kIncomplete;
  bool operator==(const ParsedStream&) const = default;
};

// Offers the pieces of `stream` that end at `cuts` (ascending) and at its end, one after the other.
inline ParsedStream parse_stream(std::string_view stream, const std::vector<size_t>& cuts,
                                 const protocol::ParserLimits& limits) {
  ParsedStream result;
  size_t taken = 0;
  std::vector<size_t> ends = cuts;
  ends.push_back(stream.size());
  for (size_t end : ends) {
    // A buffer of its own, so that a sanitizer sees a read beyond the promised slack.
    std::vector<char> bytes(stream.begin() + static_cast<std::ptrdiff_t>(taken),
                            stream.begin() + static_cast<std::ptrdiff_t>(end));
    size_t size = bytes.size();
    bytes.resize(size + protocol::kScanSlack, '\n');  // a tempting byte behind the end
    for (size_t at = 0;;) {
      protocol::ClientOperation operation;
      size_t wanted = 0;
      protocol::ParseStatus status =
          protocol::parse_client(bytes.data() + at, size - at, limits, operation, wanted);
      if (status == protocol::ParseStatus::kIncomplete) break;
      if (status != protocol::ParseStatus::kOk) {
        result.end = status;
        return result;
      }
      result.operations.push_back(describe(operation));
      at += operation.size;
      taken += operation.size;
    }
  }
  return result;
}

}  // namespace natrix::tests
