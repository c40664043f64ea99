#include "broker/protocol/route_parser.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "broker/protocol/scan.h"

namespace natrix::protocol {

namespace {

struct VerbText {
  std::string_view text;  // lower case
  RouteVerb verb;
};

constexpr VerbText kVerbs[] = {
    {"rmsg", RouteVerb::kRmsg},     {"hmsg", RouteVerb::kHmsg}, {"lmsg", RouteVerb::kLmsg},
    {"rs+", RouteVerb::kSub},       {"rs-", RouteVerb::kUnsub}, {"ls+", RouteVerb::kLeafSub},
    {"ls-", RouteVerb::kLeafUnsub}, {"info", RouteVerb::kInfo}, {"connect", RouteVerb::kConnect},
    {"ping", RouteVerb::kPing},     {"pong", RouteVerb::kPong}, {"-err", RouteVerb::kErr},
    {"+ok", RouteVerb::kOk},
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

const VerbText* find_verb(const char* data, size_t size, bool& could_become_one) {
  could_become_one = false;
  for (const VerbText& candidate : kVerbs) {
    size_t n = 0;
    while (n < candidate.text.size() && n < size && lower(data[n]) == candidate.text[n]) ++n;
    if (n == candidate.text.size()) return &candidate;
    if (n == size) could_become_one = true;
  }
  return nullptr;
}

bool is_message(RouteVerb verb) {
  return verb == RouteVerb::kRmsg || verb == RouteVerb::kHmsg || verb == RouteVerb::kLmsg;
}

// What stands where in the arguments of a message.
struct MessageForm {
  size_t front;    // parts before the subject: origin, account
  size_t numbers;  // sizes at the end
};

// "[origin] [account] subject" and then nothing, a reply, "+ reply queues" or "| queues", then
// sizes.
ParseStatus interpret(std::span<const std::string_view> parts, const MessageForm& form,
                      bool account_in_line, RouteMessage& message) {
  size_t count = parts.size();
  size_t at = form.front;
  if (count < at + 1 + form.numbers) return ParseStatus::kBadArguments;
  message.account = account_in_line ? parts[at - 1] : std::string_view{};
  message.origin = form.front > (account_in_line ? 1U : 0U) ? parts[0] : std::string_view{};
  message.subject = parts[at++];
  message.reply = {};
  message.queues.clear();
  size_t between = count - at - form.numbers;
  if (between == 1) {
    message.reply = parts[at];
  } else if (between > 1) {
    std::string_view indicator = parts[at++];
    if (indicator == "+") {
      message.reply = parts[at++];
    } else if (indicator != "|") {
      return ParseStatus::kBadArguments;
    }
    message.queues.assign(parts.begin() + static_cast<std::ptrdiff_t>(at),
                          parts.end() - static_cast<std::ptrdiff_t>(form.numbers));
  }
  std::string_view last = parts[count - 1];
  int64_t total = parse_size(last);
  int64_t header = form.numbers == 2 ? parse_size(parts[count - 2]) : 0;
  if (total < 0 && last.size() > 9 &&
      last.find_first_not_of("0123456789") == std::string_view::npos) {
    return ParseStatus::kPayloadTooLarge;
  }
  if (header < 0 || total < 0 || header > total) return ParseStatus::kBadArguments;
  message.header_size = static_cast<uint32_t>(header);
  message.total_size = static_cast<uint32_t>(total);
  return ParseStatus::kOk;
}

// The parts of a line as servers write it, with single spaces; 0 for any other line.
size_t split_fast(const char* data, const LineScan& scan, size_t verb_size,
                  std::string_view* parts) {
  const uint32_t* s = scan.separators;
  if (scan.overflow || scan.count < 2 || s[0] != verb_size || data[s[0]] != ' ') return 0;
  size_t count = scan.count - 1;
  if (data[s[count]] != '\r' || s[count] + 1 != scan.line_feed) return 0;
  for (size_t i = 1; i <= count; ++i) {
    if (s[i] == s[i - 1] + 1 || (i < count && data[s[i]] != ' ')) return 0;
    parts[i - 1] = std::string_view(data + s[i - 1] + 1, s[i] - s[i - 1] - 1);
  }
  return count;
}

// Where what follows the subject in MSG and HMSG begins, if that is in one piece; LMSG may hold a
// header size of 0, which those never do.
const char* find_tail(std::span<const std::string_view> parts, size_t numbers,
                      const RouteMessage& message) {
  if (numbers == 2 && message.header_size == 0) {
    return message.reply.empty() ? parts.back().data() : nullptr;
  }
  if (message.reply.empty()) return parts[parts.size() - numbers].data();
  return message.queues.empty() ? message.reply.data() : nullptr;
}

ParseStatus parse_message(const char* data, size_t size, const LineScan& scan, size_t verb_size,
                          const RouteParserLimits& limits, RouteOperation& operation,
                          size_t& wanted) {
  RouteMessage& message = operation.message;
  bool leaf = operation.verb == RouteVerb::kLmsg;
  MessageForm form{(leaf ? 1U : 0U) + (limits.account_in_line ? 1U : 0U),
                   operation.verb == RouteVerb::kRmsg ? 1U : 2U};
  if (scan.line_feed - verb_size > limits.max_control_line) return ParseStatus::kLineTooLong;
  std::string_view parts[LineScan::kMax];
  size_t count = split_fast(data, scan, verb_size, parts);
  ParseStatus status = ParseStatus::kOk;
  if (count != 0) {
    status = interpret({parts, count}, form, limits.account_in_line, message);
    if (status != ParseStatus::kOk) return status;
    message.tail = find_tail({parts, count}, form.numbers, message);
  } else {
    size_t end = scan.line_feed;
    if (end > verb_size && data[end - 1] == '\r') --end;
    std::string_view args(data + verb_size, end - verb_size);
    std::vector<std::string_view> all(split_args(args, nullptr, 0));
    split_args(args, all.data(), all.size());
    status = interpret(all, form, limits.account_in_line, message);
    if (status != ParseStatus::kOk) return status;
    message.tail = nullptr;
  }
  if (message.total_size > limits.max_payload) return ParseStatus::kPayloadTooLarge;
  size_t line_size = scan.line_feed + 1;
  operation.size = line_size + message.total_size + 2;
  message.body = data + line_size;
  if (size < operation.size) {
    wanted = operation.size;
    return ParseStatus::kIncomplete;
  }
  const char* end = message.body + message.total_size;
  return end[0] == '\r' && end[1] == '\n' ? ParseStatus::kOk : ParseStatus::kBadPayloadEnd;
}

}  // namespace

ParseStatus parse_route(const char* data, size_t size, const RouteParserLimits& limits,
                        RouteOperation& operation, size_t& wanted) {
  wanted = 0;
  if (size == 0) return ParseStatus::kIncomplete;
  LineScan scan;
  bool line = scan_line(data, size, scan);
  if (line && size >= 5 && std::memcmp(data, "RMSG ", 5) == 0) {
    operation.verb = RouteVerb::kRmsg;
    return parse_message(data, size, scan, 4, limits, operation, wanted);
  }
  bool could_become_one = false;
  const VerbText* verb = find_verb(data, size, could_become_one);
  if (verb == nullptr && (line || !could_become_one)) return ParseStatus::kUnknownVerb;
  size_t verb_size = verb == nullptr ? 0 : verb->text.size();
  if (verb != nullptr && size > verb_size && static_cast<unsigned char>(data[verb_size]) > ' ') {
    return ParseStatus::kUnknownVerb;
  }
  if (!line) {
    bool too_long = size - verb_size > limits.max_control_line;
    return too_long ? ParseStatus::kLineTooLong : ParseStatus::kIncomplete;
  }
  operation.verb = verb->verb;
  if (is_message(verb->verb)) {
    return parse_message(data, size, scan, verb_size, limits, operation, wanted);
  }
  size_t end = scan.line_feed;
  if (end > verb_size && data[end - 1] == '\r') --end;
  std::string_view args(data + verb_size, end - verb_size);
  while (!args.empty() && (args.front() == ' ' || args.front() == '\t')) args.remove_prefix(1);
  if (args.size() > limits.max_control_line) return ParseStatus::kLineTooLong;
  operation.args = args;
  operation.size = scan.line_feed + 1;
  return ParseStatus::kOk;
}

bool parse_route_interest(std::string_view args, const RouteInterestForm& form,
                          RouteInterest& interest) {
  std::string_view parts[5];
  size_t count = split_args(args, parts, 5);
  size_t at = (form.origin_in_line ? 1U : 0U) + (form.account_in_line ? 1U : 0U);
  size_t with_queue = at + (form.adds ? 3U : 2U);
  if (count != at + 1 && count != with_queue) return false;
  interest = {};
  if (form.origin_in_line) interest.origin = parts[0];
  if (form.account_in_line) interest.account = parts[at - 1];
  interest.subject = parts[at];
  if (count != with_queue) return true;
  interest.queue = parts[at + 1];
  if (!form.adds) return true;
  int64_t weight = parse_size(parts[at + 2]);
  if (weight < 0) return false;
  interest.weight = static_cast<int32_t>(std::max<int64_t>(1, weight));
  return true;
}

}  // namespace natrix::protocol
