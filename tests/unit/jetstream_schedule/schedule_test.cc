// Schedules of every form, when they fire, and which patterns are refused.
#include "broker/jetstream/schedule/schedule.h"

#include <gtest/gtest.h>

#include "broker/jetstream/schedule/rfc3339.h"
#include "tests/unit/jetstream_schedule/zone_file.h"

namespace natrix::jetstream::schedule {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

int64_t at(std::string_view rfc3339) {
  auto nanos = parse_rfc3339(rfc3339);
  EXPECT_TRUE(nanos) << rfc3339;
  return nanos.value_or(0);
}

Schedule parsed(std::string_view pattern, std::shared_ptr<const TimeZone> zone = nullptr) {
  auto schedule = Schedule::parse(pattern, std::move(zone));
  EXPECT_TRUE(schedule.ok()) << pattern;
  return *schedule;
}

TEST(Rfc3339Test, ReadsWhatGoReads) {
  EXPECT_EQ(at("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(at("1970-01-01T01:00:01+01:00"), kSecond);
  EXPECT_EQ(at("1969-12-31T19:00:00.25-05:00"), kSecond / 4);
  EXPECT_EQ(at("1970-01-01T0:00:00,000000001Z"), 1);
  EXPECT_EQ(at("1970-01-01T00:00:00.123456789999Z"), 123456789);
  EXPECT_EQ(at("2024-02-29T23:59:59Z"), 1709251199 * kSecond);
  EXPECT_EQ(at("1969-12-31T23:59:59.5Z"), -kSecond / 2);
  EXPECT_EQ(at("2262-04-11T23:47:16.854775807Z"), INT64_MAX);
}

TEST(Rfc3339Test, RefusesOtherTexts) {
  for (const char* text : {"",
                           "now",
                           "2026-01-01",
                           "2026-01-01T00:00:00",
                           "2026-01-01 00:00:00Z",
                           "2026-01-01t00:00:00Z",
                           "2026-01-01T00:00:00z",
                           "2026-1-01T00:00:00Z",
                           "2026-01-1T00:00:00Z",
                           "26-01-01T00:00:00Z",
                           "2026-01-01T00:0:00Z",
                           "2026-01-01T24:00:00Z",
                           "2026-01-01T00:60:00Z",
                           "2026-01-01T00:00:60Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-02-29T00:00:00Z",
                           "2026-04-31T00:00:00Z",
                           "2026-01-00T00:00:00Z",
                           "2026-01-01T00:00:00.Z",
                           "2026-01-01T00:00:00Z ",
                           "2026-01-01T00:00:00+1:00",
                           "2026-01-01T00:00:00+0100",
                           "2026-01-01T00:00:00+25:00",
                           "2026-01-01T00:00:00",
                           "2262-04-11T23:47:16.854775808Z",
                           "9999-01-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(ScheduleTest, AtFiresOnce) {
  Schedule schedule = parsed("@at 2027-12-24T18:00:00+01:00");
  EXPECT_FALSE(schedule.repeats());
  EXPECT_EQ(schedule.next(0, 0), at("2027-12-24T17:00:00Z"));
  // Also when it is past: the message goes out at once.
  EXPECT_EQ(schedule.next(0, at("2030-01-01T00:00:00Z")), at("2027-12-24T17:00:00Z"));
}

TEST(ScheduleTest, EveryCountsFromTheWholeSecond) {
  Schedule schedule = parsed("@every 1m30s");
  EXPECT_TRUE(schedule.repeats());
  EXPECT_EQ(schedule.next(at("2027-01-01T00:00:00.4Z"), 0), at("2027-01-01T00:01:30Z"));
  EXPECT_EQ(schedule.next(at("2027-01-01T00:00:00.5Z"), 0), at("2027-01-01T00:01:31Z"));
  EXPECT_EQ(parsed("@every 1.5s").next(10 * kSecond, 0), 11 * kSecond + kSecond / 2);
}

TEST(ScheduleTest, MissedTimesAreLeftOut) {
  int64_t now = at("2027-06-15T10:20:30.7Z");
  EXPECT_EQ(parsed("@every 10s").next(at("2027-01-01T00:00:00Z"), now), at("2027-06-15T10:20:41Z"));
  EXPECT_EQ(parsed("@hourly").next(at("2027-01-01T00:00:00Z"), now), at("2027-06-15T11:00:00Z"));
  // Not missed yet.
  EXPECT_EQ(parsed("@every 10s").next(now - 5 * kSecond, now), at("2027-06-15T10:20:36Z"));
  EXPECT_EQ(parsed("@hourly").next(now - 3600 * kSecond, at("2027-06-15T10:00:00Z")),
            at("2027-06-15T10:00:00Z"));
}

TEST(ScheduleTest, Names) {
  int64_t after = at("2027-06-16T10:20:30Z");  // a Wednesday
  for (auto [name, expected] : {std::pair{"@yearly", "2028-01-01T00:00:00Z"},
                                {"@annually", "2028-01-01T00:00:00Z"},
                                {"@monthly", "2027-07-01T00:00:00Z"},
                                {"@weekly", "2027-06-20T00:00:00Z"},
                                {"@daily", "2027-06-17T00:00:00Z"},
                                {"@midnight", "2027-06-17T00:00:00Z"},
                                {"@hourly", "2027-06-16T11:00:00Z"}}) {
    EXPECT_EQ(parsed(name).next(after, 0), at(expected)) << name;
    EXPECT_TRUE(parsed(name).repeats());
  }
}

TEST(ScheduleTest, NamesAndCronFollowTheZone) {
  auto berlin = testing::zone_of("CET-1CEST,M3.5.0,M10.5.0/3");
  int64_t after = at("2027-06-16T10:20:30Z");
  EXPECT_EQ(parsed("@daily", berlin).next(after, 0), at("2027-06-17T00:00:00+02:00"));
  EXPECT_EQ(parsed("0 0 9 * 12 *", berlin).next(after, 0), at("2027-12-01T09:00:00+01:00"));
  EXPECT_FALSE(Schedule::parse("@every 5s", berlin).ok());
  EXPECT_FALSE(Schedule::parse("@at 2027-12-24T18:00:00Z", berlin).ok());
}

TEST(ScheduleTest, RefusesOtherPatterns) {
  for (const char* pattern :
       {"", "@", "@at", "@at ", "@at tomorrow", "@every", "@every ", "@every 999ms", "@every -5s",
        "@every 0s", "@every 5", "@every 5d", "@every 1s ", "@at  2027-12-24T18:00:00Z", "@Daily",
        "@daily ", "@reboot", "@every 999999999999h", "* * * * *"}) {
    EXPECT_FALSE(Schedule::parse(pattern, nullptr).ok()) << pattern;
  }
}

TEST(ScheduleTest, ResumesAsIfItHadNeverStopped) {
  int64_t stored = at("2027-06-15T10:00:00Z");
  Schedule daily = parsed("@every 24h");
  EXPECT_EQ(daily.resume(stored, stored + 3600 * kSecond), at("2027-06-16T10:00:00Z"));
  EXPECT_EQ(daily.resume(stored, at("2027-06-18T09:00:00Z")), at("2027-06-18T10:00:00Z"));
  EXPECT_EQ(daily.resume(stored, at("2027-06-18T10:00:00Z")), at("2027-06-18T10:00:00Z"));
  EXPECT_EQ(daily.resume(stored, at("2027-06-18T11:00:00Z")), at("2027-06-19T10:00:00Z"));
  EXPECT_EQ(parsed("@hourly").resume(stored, at("2027-06-18T10:30:00Z")),
            at("2027-06-18T11:00:00Z"));
  EXPECT_EQ(parsed("@at 2027-06-16T00:00:00Z").resume(stored, at("2027-06-18T00:00:00Z")),
            at("2027-06-16T00:00:00Z"));
}

TEST(ScheduleTest, NothingBeyondTheEndOfTime) {
  EXPECT_EQ(parsed("@every 1h").next(INT64_MAX - 100, 0), std::nullopt);
  EXPECT_EQ(parsed("@yearly").next(INT64_MAX - 100, 0), std::nullopt);
  EXPECT_EQ(parsed("0 0 0 30 2 *").next(0, 0), std::nullopt);
}

}  // namespace
}  // namespace natrix::jetstream::schedule
