// Time zone files: tables, rules, what is refused; local times that do not exist or exist twice;
// the database of the system.
#include "broker/jetstream/schedule/time_zone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "broker/jetstream/schedule/zone_database.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/jetstream_schedule/zone_file.h"

namespace natrix::jetstream::schedule {
namespace {

using testing::block;
using ::testing::HasSubstr;
using testing::zone_file;
using testing::zone_of;

TEST(TimeZoneTest, UtcHasNoOffset) {
  TimeZone utc;
  EXPECT_EQ(utc.lookup(0), (OffsetSpan{0, INT64_MIN, INT64_MAX}));
  EXPECT_EQ(utc.to_local(951827696), (Civil{2000, 2, 29, 12, 34, 56}));
  EXPECT_EQ(utc.local_to_unix({2000, 2, 29, 12, 34, 56}), 951827696);
  EXPECT_EQ(utc.to_local(-1), (Civil{1969, 12, 31, 23, 59, 59}));
  // Out of range is carried over.
  EXPECT_EQ(utc.local_to_unix({1999, 14, 29, 12, 34, 56}), 951827696);
  EXPECT_EQ(utc.local_to_unix({2000, 3, 0, 12, 34, 56}), 951827696);
}

TEST(TimeZoneTest, ReadsTablesOfBothWidths) {
  std::vector<testing::ZoneType> types = {{3000}, {3600}, {7200, true}};
  std::vector<testing::ZoneTransition> transitions = {{1000, 1}, {2000, 2}, {3000, 1}};
  for (auto& file : {block('\0', 4, types, transitions), zone_file(types, transitions, "")}) {
    auto zone = TimeZone::parse(file);
    ASSERT_TRUE(zone.ok());
    EXPECT_EQ(zone->lookup(999), (OffsetSpan{3000, INT64_MIN, 1000}));
    EXPECT_EQ(zone->lookup(1000), (OffsetSpan{3600, 1000, 2000}));
    EXPECT_EQ(zone->lookup(2999), (OffsetSpan{7200, 2000, 3000}));
    EXPECT_EQ(zone->lookup(3000), (OffsetSpan{3600, 3000, INT64_MAX}));
  }
  // Times that need 64 bits.
  auto far = TimeZone::parse(zone_file({{0}, {60}}, {{int64_t{1} << 40, 1}}, ""));
  EXPECT_EQ(far->lookup(int64_t{1} << 40).offset, 60);
  // The first type is used later: before the table the last standard time before summer holds.
  auto used = TimeZone::parse(zone_file({{0}, {3600, true}}, {{1000, 1}, {2000, 0}}, ""));
  EXPECT_EQ(used->lookup(0).offset, 0);
}

TEST(TimeZoneTest, FollowsTheRuleAfterTheTable) {
  auto zone = TimeZone::parse(
      zone_file({{-18000}, {-14400, true}}, {{1'000'000'000, 0}}, "EST5EDT,M3.2.0,M11.1.0"));
  ASSERT_TRUE(zone.ok());
  EXPECT_EQ(zone->to_local(1805007599), (Civil{2027, 3, 14, 1, 59, 59}));
  EXPECT_EQ(zone->to_local(1805007600), (Civil{2027, 3, 14, 3, 0, 0}));
  EXPECT_EQ(zone->to_local(1825567199), (Civil{2027, 11, 7, 1, 59, 59}));
  EXPECT_EQ(zone->to_local(1825567200), (Civil{2027, 11, 7, 1, 0, 0}));
}

TEST(TimeZoneTest, RulesOfAllForms) {
  auto offset = [](std::string_view rule, int64_t at) {
    auto parsed = PosixRule::parse(rule);
    EXPECT_TRUE(parsed) << rule;
    return parsed ? parsed->at(at, 0).offset : -1;
  };
  constexpr int64_t kMarch1 = 1835481600;  // 2028-03-01 00:00 UTC, a leap year
  EXPECT_EQ(offset("UTC0", 0), 0);
  EXPECT_EQ(offset("<+0545>-5:45", 0), 20700);
  EXPECT_EQ(offset("ABC1:02:03", 0), -3723);
  // March 1 is day 60 without leap days and day 60 counted from 0 in a leap year.
  EXPECT_EQ(offset("AAA0BBB,J60/0,J365/0", kMarch1 - 1), 0);
  EXPECT_EQ(offset("AAA0BBB,J60/0,J365/0", kMarch1), 3600);
  EXPECT_EQ(offset("AAA0BBB,60/0,364/0", kMarch1 - 1), 0);
  EXPECT_EQ(offset("AAA0BBB-2,60/0,364/0", kMarch1), 7200);
  // The south: standard time lies within the year.
  EXPECT_EQ(offset("AEST-10AEDT,M10.1.0,M4.1.0/3", kMarch1), 39600);
  EXPECT_EQ(offset("AEST-10AEDT,M10.1.0,M4.1.0/3", kMarch1 + 90 * 86400), 36000);
  // Always summer.
  EXPECT_EQ(offset("XXX3EDT4,0/0,J365/23", kMarch1), -14400);
}

TEST(TimeZoneTest, RefusesOtherRules) {
  for (const char* rule :
       {"", "A0", "AAA", "<AAA0", "AAA0BBB", "AAA0BBB,", "AAA0BBB,M3.2.0", "AAA0BBB,M13.2.0,M4.1.0",
        "AAA0BBB,M3.6.0,M4.1.0", "AAA0BBB,M3.2.7,M4.1.0", "AAA0BBB,M3.2,M4.1.0", "AAA0BBB,J0,J1",
        "AAA0BBB,J366,J1", "AAA0BBB,366,1", "AAA0BBB,M3.2.0/,M4.1.0", "AAA0BBB,M3.2.0,M4.1.0x",
        "AAA999", "AAA0:60", "AAA0,"}) {
    EXPECT_FALSE(PosixRule::parse(rule)) << rule;
  }
}

TEST(TimeZoneTest, RefusesOtherFiles) {
  std::string good = zone_file({{0}, {3600}}, {{1000, 1}, {2000, 0}}, "CET-1");
  ASSERT_TRUE(TimeZone::parse(good).ok());
  for (size_t size = 0; size < good.find("\nCET"); ++size) {
    EXPECT_FALSE(TimeZone::parse(good.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(TimeZone::parse("#!/bin/sh\n" + good).ok());
  EXPECT_FALSE(TimeZone::parse(zone_file({{0}}, {{1000, 1}}, "")).ok());  // no such type
  EXPECT_FALSE(
      TimeZone::parse(zone_file({{0}}, {{1000, 0}, {1000, 0}}, "")).ok());  // not ascending
  EXPECT_FALSE(TimeZone::parse(zone_file({{100000}}, {}, "")).ok());        // 27 hours
  EXPECT_FALSE(TimeZone::parse(zone_file({}, {}, "")).ok());
  EXPECT_FALSE(TimeZone::parse(zone_file({{0}}, {}, "nonsense")).ok());
}

TEST(TimeZoneTest, LocalTimesThatDoNotExistOrExistTwice) {
  auto berlin = zone_of("CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(berlin->local_to_unix({2027, 3, 28, 1, 59, 59}), 1806195599);
  // As Go's time.Date: 2:30 becomes 3:30, which is 1:30 in UTC.
  EXPECT_EQ(berlin->local_to_unix({2027, 3, 28, 2, 30, 0}), 1806195600 + 1800);
  EXPECT_EQ(berlin->local_to_unix({2027, 10, 31, 2, 30, 0}), 1824942600 + 3600);  // the second one
  EXPECT_EQ(berlin->to_local(1824942600), (Civil{2027, 10, 31, 2, 30, 0}));
}

TEST(ZoneDatabaseTest, FindsByNameAndKeeps) {
  tests::TempDir folder;
  (void)folder.write("Europe/Berlin", zone_file({{0}}, {}, "CET-1CEST,M3.5.0,M10.5.0/3"));
  (void)folder.write("Bad", "TZif but not really");
  ZoneDatabase database({"/no/such/folder", folder.path().string()});
  auto berlin = database.find("Europe/Berlin");
  ASSERT_TRUE(berlin.ok());
  EXPECT_EQ((*berlin)->lookup(1806195600).offset, 7200);
  EXPECT_EQ(database.find("Europe/Berlin")->get(), berlin->get());
  EXPECT_TRUE(database.find("UTC").ok());
  EXPECT_THAT(database.find("Mars/Olympus").error().message, HasSubstr("not in the tz database"));
  EXPECT_THAT(database.find("Bad").error().message, HasSubstr("/Bad: "));
  for (const char* name : {"", "Local", "../etc/passwd", "/etc/localtime", "Europe/", "a b", "a\n",
                           "Europe/../Bad", "."}) {
    EXPECT_THAT(database.find(name).error().message, HasSubstr("not the name")) << name;
  }
  EXPECT_FALSE(database.find("Europe").ok());  // a folder
}

TEST(ZoneDatabaseTest, SaysThatTheDatabaseIsMissing) {
  ZoneDatabase database({"/no/such/folder"});
  EXPECT_TRUE(database.find("UTC").ok());
  EXPECT_THAT(database.find("Europe/Berlin").error().message,
              HasSubstr("no tz database (package tzdata)"));
}

TEST(ZoneDatabaseTest, ReadsTheDatabaseOfTheSystem) {
  if (!std::filesystem::exists("/usr/share/zoneinfo/Europe/Berlin")) {
    GTEST_SKIP() << "no tz database in /usr/share/zoneinfo";
  }
  ZoneDatabase database;
  auto berlin = database.find("Europe/Berlin");
  ASSERT_TRUE(berlin.ok()) << berlin.error().message;
  EXPECT_EQ((*berlin)->lookup(1'700'000'000).offset, 3600);   // November 2023
  EXPECT_EQ((*berlin)->lookup(1'690'000'000).offset, 7200);   // July 2023
  EXPECT_EQ((*berlin)->lookup(4'119'940'800).offset, 7200);   // July 2100, by the rule
  EXPECT_EQ((*berlin)->lookup(-3'000'000'000).offset, 3208);  // 1874, local mean time
}

}  // namespace
}  // namespace natrix::jetstream::schedule
