// Any bytes as what a client sends to the monitoring port. However they are cut into pieces, the
// same requests (and the same refusal) must come out, and what comes out must be safe to look up.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/assert.h"
#include "broker/monitor/http_request.h"
#include "broker/monitor/query.h"

namespace {

using natrix::monitor::HttpRequest;
using natrix::monitor::QueryParams;
using natrix::monitor::RequestReader;

constexpr size_t kMaxHeadBytes = 1024;

void check(const HttpRequest& request) {
  const std::string& path = request.path;
  NATRIX_ASSERT(path.starts_with('/'), "a path starts at the root");
  NATRIX_ASSERT(path.find("//") == std::string::npos, "a path is clean");
  NATRIX_ASSERT((path + "/").find("/../") == std::string::npos, "a path does not climb");
  QueryParams params(request.query);
  (void)params.limit();
  (void)params.unsigned_integer("cid");
  if (auto subs = params.subs(); !subs) {
    NATRIX_ASSERT(subs.error().message.size() < 512, "an error does not repeat the request");
  }
}

// Every request and the final refusal as one text.
std::string read_all(std::string_view input, size_t piece) {
  RequestReader reader(kMaxHeadBytes);
  std::string seen;
  while (true) {
    auto next = reader.next();
    if (!next) return seen + "refused " + std::to_string(next.error().status);
    if (*next) {
      check(**next);
      seen += (*next)->path + "?" + (*next)->query + ((*next)->keep_alive ? " keep\n" : " close\n");
    } else if (input.empty()) {
      return seen;
    } else {
      reader.append(input.substr(0, piece));
      input.remove_prefix(std::min(piece, input.size()));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string whole = read_all(input, size + 1);
  for (size_t piece : {1, 2, 7, 64}) {
    NATRIX_ASSERT(read_all(input, piece) == whole, "the cut into pieces makes no difference");
  }
  return 0;
}
