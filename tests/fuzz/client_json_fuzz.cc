// Any bytes as the JSON of CONNECT and of INFO: refused with a reason, or taken; what was taken and
// is written again reads back the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/assert.h"
#include "broker/protocol/info.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace natrix;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Result<protocol::Connect> connect = protocol::decode_connect(text);
  NATRIX_ASSERT(connect.ok() || !connect.error().message.empty(), "a refusal says why");
  if (connect) {
    std::string line = protocol::encode_route_connect(*connect);
    NATRIX_ASSERT(line.find("\r\n") == line.size() - 2, "one line");
    Result<protocol::Connect> back = protocol::decode_connect(std::string_view(line).substr(8));
    NATRIX_ASSERT(back.ok() && protocol::encode_route_connect(*back) == line,
                  "reads back the same");
  }
  Result<protocol::Info> info = protocol::decode_info(text);
  NATRIX_ASSERT(info.ok() || !info.error().message.empty(), "a refusal says why");
  if (info) {
    std::string line = protocol::encode(*info);
    NATRIX_ASSERT(line.find("\r\n") == line.size() - 2, "one line");
    Result<protocol::Info> back = protocol::decode_info(std::string_view(line).substr(5));
    NATRIX_ASSERT(back.ok() && protocol::encode(*back) == line, "reads back the same");
  }
  return 0;
}
