#include "broker/jetstream/schedule/schedule.h"

#include <array>
#include <utility>

#include "broker/base/duration.h"
#include "broker/jetstream/schedule/rfc3339.h"

namespace natrix::jetstream::schedule {

namespace {

constexpr int64_t kSecond = 1'000'000'000;

constexpr std::pair<std::string_view, std::string_view> kNamed[] = {
    {"@yearly", "0 0 0 1 1 *"}, {"@annually", "0 0 0 1 1 *"}, {"@monthly", "0 0 0 1 * *"},
    {"@weekly", "0 0 0 * * 0"}, {"@daily", "0 0 0 * * *"},    {"@midnight", "0 0 0 * * *"},
    {"@hourly", "0 0 * * * *"},
};

int64_t floor_seconds(int64_t nanos) {
  int64_t seconds = nanos / kSecond;
  return nanos % kSecond < 0 ? seconds - 1 : seconds;
}

// The nearest whole second, half a second upwards; nothing beyond 64 bits.
std::optional<int64_t> rounded_plus(int64_t nanos, int64_t more) {
  int64_t sum = 0;
  if (__builtin_add_overflow(nanos, kSecond / 2, &sum) ||
      __builtin_add_overflow(floor_seconds(sum) * kSecond, more, &sum)) {
    return std::nullopt;
  }
  return sum;
}

std::optional<int64_t> to_nanos(std::optional<int64_t> seconds) {
  int64_t nanos = 0;
  if (!seconds || __builtin_mul_overflow(*seconds, kSecond, &nanos)) return std::nullopt;
  return nanos;
}

}  // namespace

Result<Schedule> Schedule::parse(std::string_view pattern, std::shared_ptr<const TimeZone> zone) {
  constexpr std::string_view kAt = "@at ";
  constexpr std::string_view kEvery = "@every ";
  if (pattern.starts_with(kAt) || pattern.starts_with(kEvery)) {
    if (zone) return fail("a time zone goes with cron patterns only");
  }
  if (pattern.starts_with(kAt)) {
    auto time = parse_rfc3339(pattern.substr(kAt.size()));
    if (!time) return fail("@at wants a time in the form of RFC 3339");
    return Schedule(At{*time});
  }
  if (pattern.starts_with(kEvery)) {
    auto interval = parse_duration(pattern.substr(kEvery.size()));
    if (!interval) return fail(interval.error().message);
    if (interval->count() < kSecond) return fail("@every wants at least a second");
    return Schedule(Every{interval->count()});
  }
  for (const auto& [name, meaning] : kNamed) {
    if (pattern == name) pattern = meaning;
  }
  auto cron = Cron::parse(pattern);
  if (!cron) return fail(cron.error().message);
  if (!zone) zone = std::make_shared<const TimeZone>();
  return Schedule(Clock{*std::move(cron), std::move(zone)});
}

std::optional<int64_t> Schedule::next(int64_t after, int64_t now) const {
  if (const At* at = std::get_if<At>(&when_)) return at->time;
  if (const Every* every = std::get_if<Every>(&when_)) {
    auto time = rounded_plus(after, every->interval);
    return time && *time < now ? rounded_plus(now, every->interval) : time;
  }
  const Clock& clock = std::get<Clock>(when_);
  auto time = to_nanos(clock.cron.next(floor_seconds(after), *clock.zone));
  if (!time || *time >= now) return time;
  auto rounded = rounded_plus(now, 0);
  return rounded ? to_nanos(clock.cron.next(floor_seconds(*rounded), *clock.zone)) : std::nullopt;
}

std::optional<int64_t> Schedule::resume(int64_t stored, int64_t now) const {
  const Every* every = std::get_if<Every>(&when_);
  if (every == nullptr) return next(stored, now);
  auto time = rounded_plus(stored, every->interval);
  if (!time || *time >= now) return time;
  int64_t missed = (now - *time) / every->interval;
  int64_t resumed = *time + missed * every->interval;
  return resumed < now ? resumed + every->interval : resumed;
}

}  // namespace natrix::jetstream::schedule
