// Any bytes as the body, the sources, the source header and the increment of a counter, in lines.
// What is accepted can be added to again.
#include <array>
#include <cstdint>
#include <string_view>

#include "broker/base/assert.h"
#include "broker/jetstream/counter/counter.h"

using namespace natrix::jetstream::counter;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::array<std::string_view, 4> lines;
  for (auto& line : lines) {
    line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() == rest.size() ? rest.size() : line.size() + 1);
  }
  Last last{lines[0], lines[1]};
  for (auto& change : {add(last, lines[2]), add_sourced(last, lines[3], lines[2], lines[0])}) {
    if (!change) continue;
    NATRIX_ASSERT(total_of(change->body) == change->total, "the body says the total");
    auto again = add(Last{change->body, change->sources}, "-1");
    NATRIX_ASSERT(again.ok() && again->total - change->total == *Number::parse("-1"), "goes on");
    NATRIX_ASSERT(Number::parse(change->increment).has_value(), "the increment is a number");
  }
  return 0;
}
