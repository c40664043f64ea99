#include "broker/protocol/client_parser.h"

#include <cstring>

#include "broker/protocol/scan.h"

namespace natrix::protocol {

namespace {

struct VerbText {
  std::string_view text;  // lower case
  ClientVerb verb;
  bool arguments;
};

constexpr VerbText kVerbs[] = {
    {"pub", ClientVerb::kPub, true},         {"hpub", ClientVerb::kHpub, true},
    {"sub", ClientVerb::kSub, true},         {"unsub", ClientVerb::kUnsub, true},
    {"connect", ClientVerb::kConnect, true}, {"ping", ClientVerb::kPing, false},
    {"pong", ClientVerb::kPong, false},      {"info", ClientVerb::kInfo, true},
    {"+ok", ClientVerb::kOk, false},         {"-err", ClientVerb::kErr, true},
};

// White space around the arguments does not count against max_control_line, but is bounded too.
constexpr size_t kMostSpace = 1024;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// How many leading bytes agree with the verb, ignoring case.
size_t common_prefix(std::string_view verb, const char* data, size_t size) {
  size_t n = 0;
  while (n < verb.size() && n < size && lower(data[n]) == verb[n]) ++n;
  return n;
}

const VerbText* find_verb(const char* data, size_t size, bool& could_become_one) {
  could_become_one = false;
  for (const VerbText& candidate : kVerbs) {
    size_t n = common_prefix(candidate.text, data, size);
    if (n == candidate.text.size()) return &candidate;
    if (n == size) could_become_one = true;
  }
  return nullptr;
}

// "PUB\r\n" is no PUB with too few arguments to nats-server (2.15.2), and it answers accordingly.
bool may_follow(const VerbText& verb, char next) {
  if (verb.arguments) return next == ' ' || next == '\t';
  return static_cast<unsigned char>(next) <= ' ';
}

// The arguments: without the white space before and the CR behind them.
std::string_view arguments(std::string_view line) {
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// `line` is what follows the verb, as far as it has arrived; whether it is too long does not depend
// on how much that is.
bool too_long(std::string_view line, const ParserLimits& limits) {
  if (line.size() <= limits.max_control_line) return false;
  if (line.size() > limits.max_control_line + kMostSpace) return true;
  return arguments(line).size() > limits.max_control_line;
}

// The sizes of a publish line have been read: is the body there and ended properly?
ParseStatus take_body(const char* data, size_t size, size_t line_size, const ParserLimits& limits,
                      ClientOperation& operation, size_t& wanted) {
  PubOperation& pub = operation.pub;
  if (pub.total_size > limits.max_payload) return ParseStatus::kPayloadTooLarge;
  operation.size = line_size + pub.total_size + 2;
  pub.body = data + line_size;
  if (size < operation.size) {
    wanted = operation.size;
    return ParseStatus::kIncomplete;
  }
  const char* end = pub.body + pub.total_size;
  return end[0] == '\r' && end[1] == '\n' ? ParseStatus::kOk : ParseStatus::kBadPayloadEnd;
}

bool set_sizes(PubOperation& pub, int64_t header, int64_t total) {
  if (header < 0 || total < 0 || header > total) return false;
  pub.header_size = static_cast<uint32_t>(header);
  pub.total_size = static_cast<uint32_t>(total);
  return true;
}

// Any spacing, any case.
ParseStatus parse_publish_slowly(std::string_view args, bool headers, PubOperation& pub) {
  std::string_view parts[4];
  size_t count = split_args(args, parts, 4);
  size_t numbers = headers ? 2 : 1;
  if (count != numbers + 1 && count != numbers + 2) return ParseStatus::kBadArguments;
  pub.subject = parts[0];
  pub.reply = count == numbers + 2 ? parts[1] : std::string_view{};
  pub.tail = nullptr;
  int64_t total = parse_size(parts[count - 1]);
  int64_t header = headers ? parse_size(parts[count - 2]) : 0;
  // A size that is a number but too long to be allowed is a size problem, not a syntax problem.
  if (total < 0 && parts[count - 1].size() > 9 &&
      parts[count - 1].find_first_not_of("0123456789") == std::string_view::npos) {
    return ParseStatus::kPayloadTooLarge;
  }
  return set_sizes(pub, header, total) ? ParseStatus::kOk : ParseStatus::kBadArguments;
}

// The form that client libraries write: "<VERB> <subject> [reply] [hdr] <total>\r\n".
bool parse_publish_fast(const char* data, const LineScan& scan, size_t verb_size, bool headers,
                        PubOperation& pub) {
  const uint32_t* s = scan.separators;
  uint32_t numbers = headers ? 2 : 1;
  // Separators: after the verb, after the subject, [after the reply], [after hdr], CR.
  uint32_t parts = scan.count - 1;
  if (scan.overflow || scan.count < 1 || s[0] != verb_size || data[s[0]] != ' ') return false;
  if (parts != numbers + 1 && parts != numbers + 2) return false;
  if (data[s[parts]] != '\r' || s[parts] + 1 != scan.line_feed) return false;
  for (uint32_t i = 1; i <= parts; ++i) {
    if (s[i] == s[i - 1] + 1 || (i < parts && data[s[i]] != ' ')) return false;
  }
  auto part = [&](uint32_t i) { return std::string_view(data + s[i] + 1, s[i + 1] - s[i] - 1); };
  pub.subject = part(0);
  pub.reply = parts == numbers + 2 ? part(1) : std::string_view{};
  pub.tail = data + s[1] + 1;
  int64_t total = parse_size(part(parts - 1));
  int64_t header = headers ? parse_size(part(parts - 2)) : 0;
  return set_sizes(pub, header, total);
}

ParseStatus parse_publish(const char* data, size_t size, const LineScan& scan, size_t verb_size,
                          bool headers, const ParserLimits& limits, ClientOperation& operation,
                          size_t& wanted) {
  std::string_view line(data + verb_size, scan.line_feed - verb_size);
  if (too_long(line, limits)) return ParseStatus::kLineTooLong;
  if (!parse_publish_fast(data, scan, verb_size, headers, operation.pub)) {
    ParseStatus status = parse_publish_slowly(arguments(line), headers, operation.pub);
    if (status != ParseStatus::kOk) return status;
  }
  return take_body(data, size, scan.line_feed + 1, limits, operation, wanted);
}

ParseStatus no_line_yet(const char* data, size_t size, const VerbText* verb,
                        const ParserLimits& limits) {
  if (verb == nullptr) return ParseStatus::kIncomplete;
  size_t verb_size = verb->text.size();
  if (size == verb_size) return ParseStatus::kIncomplete;
  if (!may_follow(*verb, data[verb_size])) return ParseStatus::kUnknownVerb;
  std::string_view line(data + verb_size, size - verb_size);
  return too_long(line, limits) ? ParseStatus::kLineTooLong : ParseStatus::kIncomplete;
}

}  // namespace

ParseStatus parse_client(const char* data, size_t size, const ParserLimits& limits,
                         ClientOperation& operation, size_t& wanted) {
  wanted = 0;
  if (size == 0) return ParseStatus::kIncomplete;
  LineScan scan;
  bool line = scan_line(data, size, scan);
  if (line && size >= 4 && std::memcmp(data, "PUB ", 4) == 0) {
    operation.verb = ClientVerb::kPub;
    return parse_publish(data, size, scan, 3, false, limits, operation, wanted);
  }
  bool could_become_one = false;
  const VerbText* verb = find_verb(data, size, could_become_one);
  if (verb == nullptr && !could_become_one) return ParseStatus::kUnknownVerb;
  if (!line) return no_line_yet(data, size, verb, limits);
  if (verb == nullptr) return ParseStatus::kUnknownVerb;
  size_t verb_size = verb->text.size();
  if (!may_follow(*verb, data[verb_size])) return ParseStatus::kUnknownVerb;
  operation.verb = verb->verb;
  if (verb->verb == ClientVerb::kPub || verb->verb == ClientVerb::kHpub) {
    return parse_publish(data, size, scan, verb_size, verb->verb == ClientVerb::kHpub, limits,
                         operation, wanted);
  }
  std::string_view rest(data + verb_size, scan.line_feed - verb_size);
  if (too_long(rest, limits)) return ParseStatus::kLineTooLong;
  operation.args = arguments(rest);
  operation.size = scan.line_feed + 1;
  return ParseStatus::kOk;
}

}  // namespace natrix::protocol
