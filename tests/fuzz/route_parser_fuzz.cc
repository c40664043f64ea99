// Any bytes: the route parser must stay inside them, make progress, and point only into them.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "broker/protocol/route_parser.h"
#include "broker/protocol/scan.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_inside(std::string_view view, const char* begin, const char* end) {
  if (!view.empty()) require(view.data() >= begin && view.data() + view.size() <= end);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace natrix::protocol;
  if (size == 0) return 0;
  RouteParserLimits limits;
  limits.max_control_line = 1024;
  limits.max_payload = 4096;
  limits.account_in_line = (data[0] & 1) != 0;
  std::vector<char> bytes(size - 1 + kScanSlack);
  std::memcpy(bytes.data(), data + 1, size - 1);
  const char* end = bytes.data() + size - 1;
  RouteOperation operation;
  RouteInterest interest;
  for (const char* at = bytes.data(); at < end;) {
    size_t wanted = 0;
    auto status = parse_route(at, static_cast<size_t>(end - at), limits, operation, wanted);
    if (status != ParseStatus::kOk) {
      require(status != ParseStatus::kIncomplete || wanted == 0 ||
              wanted > static_cast<size_t>(end - at));
      break;
    }
    require(operation.size > 0 && operation.size <= static_cast<size_t>(end - at));
    bool message = operation.verb == RouteVerb::kRmsg || operation.verb == RouteVerb::kHmsg ||
                   operation.verb == RouteVerb::kLmsg;
    if (message) {
      const RouteMessage& m = operation.message;
      for (std::string_view view : {m.origin, m.account, m.subject, m.reply}) {
        check_inside(view, at, at + operation.size);
      }
      for (std::string_view name : m.queues) check_inside(name, at, at + operation.size);
      require(m.header_size <= m.total_size && m.body + m.total_size + 2 == at + operation.size);
      require(m.tail == nullptr || (m.tail > at && m.tail < m.body));
      require(!m.subject.empty());
    } else {
      check_inside(operation.args, at, at + operation.size);
      for (bool adds : {true, false}) {
        for (bool origin : {true, false}) {
          RouteInterestForm form{origin, limits.account_in_line, adds};
          if (parse_route_interest(operation.args, form, interest)) {
            require(!interest.subject.empty() && interest.weight >= 1);
          }
        }
      }
    }
    at += operation.size;
  }
  return 0;
}
