#include "broker/protocol/server_parser.h"

#include <charconv>

#include "broker/protocol/scan.h"

namespace natrix::protocol {

namespace {

ParseStatus parse_message(std::string_view data, std::string_view args, size_t line_size,
                          bool headers, ServerOperation& operation) {
  std::string_view parts[5];
  size_t count = split_args(args, parts, 5);
  size_t numbers = headers ? 2 : 1;
  if (count != 2 + numbers && count != 3 + numbers) return ParseStatus::kBadArguments;
  operation.subject = parts[0];
  operation.sid = parts[1];
  operation.reply = count == 3 + numbers ? parts[2] : std::string_view{};
  int64_t total = parse_size(parts[count - 1]);
  int64_t header = headers ? parse_size(parts[count - 2]) : 0;
  if (total < 0 || header < 0 || header > total) return ParseStatus::kBadArguments;
  auto size = static_cast<size_t>(total);
  operation.size = line_size + size + 2;
  if (data.size() < operation.size) return ParseStatus::kIncomplete;
  std::string_view body = data.substr(line_size, size);
  if (data.substr(line_size + size, 2) != "\r\n") return ParseStatus::kBadPayloadEnd;
  operation.header = body.substr(0, static_cast<size_t>(header));
  operation.payload = body.substr(static_cast<size_t>(header));
  return ParseStatus::kOk;
}

std::string_view trim(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

ParseStatus parse_server(std::string_view data, ServerOperation& operation) {
  size_t line_end = data.find('\n');
  if (line_end == std::string_view::npos) return ParseStatus::kIncomplete;
  std::string_view line = data.substr(0, line_end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  size_t space = line.find_first_of(" \t");
  std::string_view verb = line.substr(0, space);
  std::string_view args =
      space == std::string_view::npos ? std::string_view{} : trim(line.substr(space));
  operation = {};
  operation.size = line_end + 1;
  operation.args = args;
  if (verb == "MSG") {
    operation.verb = ServerVerb::kMsg;
    return parse_message(data, args, line_end + 1, false, operation);
  }
  if (verb == "HMSG") {
    operation.verb = ServerVerb::kHmsg;
    return parse_message(data, args, line_end + 1, true, operation);
  }
  if (verb == "INFO") {
    operation.verb = ServerVerb::kInfo;
  } else if (verb == "PING") {
    operation.verb = ServerVerb::kPing;
  } else if (verb == "PONG") {
    operation.verb = ServerVerb::kPong;
  } else if (verb == "+OK") {
    operation.verb = ServerVerb::kOk;
  } else if (verb == "-ERR") {
    operation.verb = ServerVerb::kErr;
  } else {
    return ParseStatus::kUnknownVerb;
  }
  return ParseStatus::kOk;
}

bool parse_header_block(std::string_view block, HeaderBlock& header) {
  constexpr std::string_view kVersion = "NATS/1.0";
  size_t end = block.find("\r\n");
  if (end == std::string_view::npos || !block.starts_with(kVersion)) return false;
  std::string_view status = trim(block.substr(kVersion.size(), end - kVersion.size()));
  if (status.size() >= 3) std::from_chars(status.data(), status.data() + 3, header.status);
  block.remove_prefix(end + 2);
  while (!block.starts_with("\r\n")) {
    end = block.find("\r\n");
    if (end == std::string_view::npos) return false;
    std::string_view line = block.substr(0, end);
    size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    header.fields.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
    block.remove_prefix(end + 2);
  }
  return true;
}

}  // namespace natrix::protocol
