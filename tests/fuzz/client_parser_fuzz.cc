// Any bytes as a client's stream. The first two choose limits and a cut. Three properties:
//   - how the stream is cut does not change what comes out of it;
//   - views lie inside the input, sizes agree with each other;
//   - a publish line parsed the quick way means the same when its spacing forces the slow way.
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/assert.h"
#include "tests/support/client_stream.h"

namespace {

using namespace natrix;
using protocol::ClientOperation;
using protocol::ClientVerb;
using protocol::ParserLimits;
using protocol::ParseStatus;

bool inside(std::string_view part, const std::string& bytes) {
  return part.empty() ||
         (part.data() >= bytes.data() && part.data() + part.size() <= bytes.data() + bytes.size());
}

void check_publish(const ClientOperation& operation, const std::string& bytes, size_t at,
                   const ParserLimits& limits) {
  const protocol::PubOperation& pub = operation.pub;
  NATRIX_ASSERT(!pub.subject.empty(), "a publish has a subject");
  NATRIX_ASSERT(inside(pub.subject, bytes) && inside(pub.reply, bytes), "views lie in the input");
  NATRIX_ASSERT(pub.header_size <= pub.total_size, "headers are part of the whole");
  NATRIX_ASSERT(pub.total_size <= limits.max_payload, "the limit holds");
  NATRIX_ASSERT(pub.body + pub.total_size + 2 == bytes.data() + at + operation.size,
                "the body ends the operation");
  if (pub.tail == nullptr) return;
  std::string_view tail(pub.tail, static_cast<size_t>(pub.body + pub.total_size + 2 - pub.tail));
  std::string before = pub.reply.empty() ? "" : std::string(pub.reply) + " ";
  NATRIX_ASSERT(tail.starts_with(before), "the tail begins with the reply");

  // Once more with two spaces behind the verb.
  std::string_view line(bytes.data() + at, operation.size);
  size_t verb = line.find(' ');
  std::string slow = std::string(line.substr(0, verb)) + " " + std::string(line.substr(verb));
  std::string again = slow + std::string(protocol::kScanSlack, '\0');
  ClientOperation other;
  size_t wanted = 0;
  ParseStatus status = protocol::parse_client(again.data(), slow.size(), limits, other, wanted);
  NATRIX_ASSERT(status == ParseStatus::kOk, "spacing does not matter");
  NATRIX_ASSERT(other.pub.tail == nullptr, "the slow way was taken");
  NATRIX_ASSERT(tests::describe(other) == tests::describe(operation), "both ways agree");
}

void check_operations(std::string_view stream, const ParserLimits& limits) {
  std::string bytes(stream);
  bytes.append(protocol::kScanSlack, '\0');
  for (size_t at = 0;;) {
    ClientOperation operation;
    size_t wanted = 0, left = stream.size() - at;
    ParseStatus status = protocol::parse_client(bytes.data() + at, left, limits, operation, wanted);
    NATRIX_ASSERT(wanted == 0 || (status == ParseStatus::kIncomplete && wanted > left),
                  "more is wanted only when something is missing");
    if (status != ParseStatus::kOk) return;
    NATRIX_ASSERT(operation.size > 0 && operation.size <= left, "an operation is what has arrived");
    if (operation.verb == ClientVerb::kPub || operation.verb == ClientVerb::kHpub) {
      check_publish(operation, bytes, at, limits);
    } else {
      NATRIX_ASSERT(inside(operation.args, bytes), "views lie in the input");
      NATRIX_ASSERT(operation.args.size() <= limits.max_control_line, "the limit holds");
    }
    at += operation.size;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  ParserLimits limits{data[0] < 128 ? size_t{4096} : size_t{data[0]}, size_t{data[0]} * 4};
  size_t cut = data[1];
  std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  check_operations(stream, limits);
  tests::ParsedStream whole = tests::parse_stream(stream, {}, limits);
  std::vector<size_t> cuts;
  for (size_t at = cut; at < stream.size(); at += 1 + cut) cuts.push_back(at);
  NATRIX_ASSERT(tests::parse_stream(stream, cuts, limits) == whole, "cuts do not matter");
  return 0;
}
