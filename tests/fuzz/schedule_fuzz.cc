// Any bytes as a pattern (and its zone), and as a time zone file. What is accepted fires later than
// it did before, and looking for that ends.
#include <cstdint>
#include <memory>
#include <string_view>

#include "broker/base/assert.h"
#include "broker/jetstream/schedule/schedule.h"

using namespace natrix::jetstream::schedule;

namespace {

constexpr int64_t kNow = 1'800'000'000;  // seconds

void pattern(std::string_view text, std::shared_ptr<const TimeZone> zone) {
  auto schedule = Schedule::parse(text, std::move(zone));
  if (!schedule || !schedule->repeats()) return;
  int64_t at = kNow * 1'000'000'000;
  for (int i = 0; i < 3; ++i) {
    auto next = schedule->next(at, at);
    if (!next) return;
    NATRIX_ASSERT(*next > at - 500'000'000, "time goes on");
    at = *next;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  pattern(input, nullptr);
  static const char* const kPatterns[] = {"0 0 0 * * *", "0 30 2 31 * *",
                                          "*/7 59 */5 1,15 */2 sun"};
  if (auto zone = TimeZone::parse(input); zone) {
    for (int64_t at = -4'000'000'000; at < 8'000'000'000; at += 7'777'777) {
      OffsetSpan span = zone->lookup(at);
      NATRIX_ASSERT(span.offset >= -26 * 3600 * 7 && span.offset <= 26 * 3600 * 7, "an offset");
      (void)zone->local_to_unix(zone->to_local(at));
    }
    auto shared = std::make_shared<const TimeZone>(*zone);
    for (const char* text : kPatterns) pattern(text, shared);
  }
  if (auto rule = PosixRule::parse(input); rule) (void)rule->at(kNow, 0);
  return 0;
}
