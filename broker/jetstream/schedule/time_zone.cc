#include "broker/jetstream/schedule/time_zone.h"

#include <algorithm>
#include <chrono>

namespace natrix::jetstream::schedule {

namespace {

constexpr std::string_view kMagic = "TZif";
constexpr size_t kHeaderBytes = 44;
constexpr size_t kTypeBytes = 6;
// No zone has a tenth of that.
constexpr size_t kMaxEntries = 100'000;

uint64_t big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

}  // namespace

// One block of the file: header, then the tables its numbers announce.
struct TimeZone::Reader {
  std::string_view rest;
  size_t utc_flags = 0;
  size_t standard_flags = 0;
  size_t leap_seconds = 0;
  size_t times = 0;
  size_t types = 0;
  size_t letters = 0;

  bool take(size_t bytes, std::string_view& out) {
    if (bytes > rest.size()) return false;
    out = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
    return true;
  }

  bool header(char& version) {
    std::string_view bytes;
    if (!take(kHeaderBytes, bytes) || !bytes.starts_with(kMagic)) return false;
    version = bytes[4];
    size_t* counts[] = {&utc_flags, &standard_flags, &leap_seconds, &times, &types, &letters};
    for (size_t i = 0; i < 6; ++i) {
      *counts[i] = big_endian(bytes.substr(20 + 4 * i, 4));
      if (*counts[i] > kMaxEntries) return false;
    }
    return true;
  }

  bool skip(size_t time_bytes) {
    std::string_view ignored;
    return take(times * (time_bytes + 1) + types * kTypeBytes + letters +
                    leap_seconds * (time_bytes + 4) + standard_flags + utc_flags,
                ignored);
  }

  bool tables(size_t time_bytes, TimeZone& zone) {
    std::string_view whens;
    std::string_view indexes;
    std::string_view described;
    std::string_view ignored;
    if (!take(times * time_bytes, whens) || !take(times, indexes) ||
        !take(types * kTypeBytes, described) ||
        !take(letters + leap_seconds * (time_bytes + 4) + standard_flags + utc_flags, ignored)) {
      return false;
    }
    if (types == 0) return false;
    zone.types_.clear();
    for (size_t i = 0; i < types; ++i) {
      std::string_view type = described.substr(i * kTypeBytes, kTypeBytes);
      auto offset = static_cast<int32_t>(big_endian(type.substr(0, 4)));
      // RFC 8536 3.2: within -25 and 26 hours.
      if (offset < -25 * 3600 || offset > 26 * 3600) return false;
      zone.types_.push_back({offset, type[4] != 0});
    }
    for (size_t i = 0; i < times; ++i) {
      uint64_t raw = big_endian(whens.substr(i * time_bytes, time_bytes));
      int64_t when = time_bytes == 4 ? static_cast<int32_t>(raw) : static_cast<int64_t>(raw);
      auto type = static_cast<uint8_t>(indexes[i]);
      if (type >= types) return false;
      if (!zone.transitions_.empty() && when <= zone.transitions_.back().when) return false;
      zone.transitions_.push_back({when, type});
    }
    return true;
  }
};

Result<TimeZone> TimeZone::parse(std::string_view tzif) {
  TimeZone zone;
  Reader in{tzif};
  char version = 0;
  if (!in.header(version)) return fail("not a time zone file");
  bool wide = version >= '2';  // a second block with 64 bits follows
  if (wide && (!in.skip(4) || !in.header(version))) return fail("time zone file cut short");
  if (!in.tables(wide ? 8 : 4, zone)) return fail("time zone file cut short or malformed");
  if (wide && in.rest.starts_with('\n')) {
    size_t end = in.rest.find('\n', 1);
    if (end != std::string_view::npos && end > 1) {
      zone.rule_ = PosixRule::parse(in.rest.substr(1, end - 1));
      if (!zone.rule_) return fail("time zone file with a malformed rule");
    }
  }
  return zone;
}

// What held before the table begins: the first type if no transition leads to it, else the last
// standard time before the first transition's type, else the first standard time.
const TimeZone::Type& TimeZone::first_type() const {
  bool used = std::any_of(transitions_.begin(), transitions_.end(),
                          [](const Transition& t) { return t.type == 0; });
  if (!used) return types_.front();
  if (size_t first = transitions_.front().type; types_[first].summer) {
    for (size_t i = first; i-- > 0;) {
      if (!types_[i].summer) return types_[i];
    }
  }
  auto standard =
      std::find_if(types_.begin(), types_.end(), [](const Type& type) { return !type.summer; });
  return standard == types_.end() ? types_.front() : *standard;
}

OffsetSpan TimeZone::lookup(int64_t unix_seconds) const {
  auto after =
      std::upper_bound(transitions_.begin(), transitions_.end(), unix_seconds,
                       [](int64_t seconds, const Transition& t) { return seconds < t.when; });
  if (after == transitions_.begin()) {
    if (transitions_.empty() && rule_) return rule_->at(unix_seconds, INT64_MIN);
    return {first_type().offset, INT64_MIN, after == transitions_.end() ? INT64_MAX : after->when};
  }
  auto current = std::prev(after);
  if (after == transitions_.end() && rule_) return rule_->at(unix_seconds, current->when);
  return {types_[current->type].offset, current->when,
          after == transitions_.end() ? INT64_MAX : after->when};
}

Civil TimeZone::to_local(int64_t unix_seconds) const {
  std::chrono::sys_seconds local(std::chrono::seconds(unix_seconds + lookup(unix_seconds).offset));
  auto day = std::chrono::floor<std::chrono::days>(local);
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss time(local - day);
  return {static_cast<int>(date.year()),
          static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>(time.hours().count()),
          static_cast<int>(time.minutes().count()),
          static_cast<int>(time.seconds().count())};
}

int64_t TimeZone::local_to_unix(const Civil& local) const {
  int months = local.year * 12 + local.month - 1;
  std::chrono::year_month first(std::chrono::year(months / 12),
                                std::chrono::month(static_cast<unsigned>(months % 12 + 1)));
  int64_t days = std::chrono::sys_days(first / 1).time_since_epoch().count() + local.day - 1;
  int64_t as_utc = days * 86400 + local.hour * 3600 + local.minute * 60 + local.second;
  // A first guess with the offset that holds when the clock of UTC shows this time; if it does not
  // hold there, the one that does, whatever it is.
  OffsetSpan guess = lookup(as_utc);
  if (guess.offset == 0) return as_utc;
  int64_t unix_seconds = as_utc - guess.offset;
  if (unix_seconds >= guess.start && unix_seconds < guess.end) return unix_seconds;
  return as_utc - lookup(unix_seconds).offset;
}

}  // namespace natrix::jetstream::schedule
