// Cron patterns: what is one, and the next time. The times across changes of the clock come from
// nats-server's parseCron (Go 1.26, tz database 2025b).
#include "broker/jetstream/schedule/cron.h"

#include <gtest/gtest.h>

#include <map>

#include "broker/jetstream/schedule/rfc3339.h"
#include "tests/unit/jetstream_schedule/zone_file.h"

namespace natrix::jetstream::schedule {
namespace {

int64_t seconds(std::string_view rfc3339) {
  auto nanos = parse_rfc3339(rfc3339);
  EXPECT_TRUE(nanos) << rfc3339;
  return nanos.value_or(0) / 1'000'000'000;
}

int64_t next(std::string_view pattern, std::string_view after) {
  auto cron = Cron::parse(pattern);
  EXPECT_TRUE(cron.ok()) << pattern;
  return cron.ok() ? cron->next(seconds(after), TimeZone()).value_or(0) : 0;
}

TEST(CronTest, FindsTheNextTime) {
  struct {
    const char* pattern;
    const char* after;
    const char* expected;
  } cases[] = {
      {"* * * * * *", "2026-07-09T14:45:00Z", "2026-07-09T14:45:01Z"},
      {"0 0/15 * * * *", "2026-07-09T14:45:00Z", "2026-07-09T15:00:00Z"},
      {"0 20-35/15 * * * *", "2026-07-09T14:35:00Z", "2026-07-09T15:20:00Z"},
      {"15/35 20-35/15 1/2 */2 * *", "2026-07-09T23:35:51Z", "2026-07-11T01:20:15Z"},
      {"0 0 0 * feb mon", "2026-07-09T23:35:00Z", "2027-02-01T00:00:00Z"},
      {"0 0 0 29 Feb ?", "2026-07-09T23:35:00Z", "2028-02-29T00:00:00Z"},
      {"59 59 23 31 12 *", "2026-12-31T23:59:59Z", "2027-12-31T23:59:59Z"},
      {"\t0  0 12 *\t* MON-fri ", "2026-07-10T12:00:00Z", "2026-07-13T12:00:00Z"},
      {"0,, 0 +12 ? 1,7 *", "2026-07-09T14:45:00Z", "2026-07-10T12:00:00Z"},
      // Without a star in both day fields either is enough; a star with a step is none.
      {"0 0 0 13 * fri", "2026-07-09T14:45:00Z", "2026-07-10T00:00:00Z"},
      {"0 0 0 13 * fri", "2026-07-11T14:45:00Z", "2026-07-13T00:00:00Z"},
      {"0 0 0 13 * *", "2026-07-11T14:45:00Z", "2026-07-13T00:00:00Z"},
      {"0 0 0 */10 * fri", "2026-07-11T14:45:00Z", "2026-07-17T00:00:00Z"},
  };
  for (auto& c : cases) EXPECT_EQ(next(c.pattern, c.after), seconds(c.expected)) << c.pattern;
}

TEST(CronTest, NeverWithinFiveYears) {
  for (const char* pattern : {"0 0 0 30 feb *", "0 0 0 31 4,6,9,11 ?", ", * * * * *", "* , * * * *",
                              "* * , * * *", "* * * * , *", "0 0 0 , * *"}) {
    auto cron = Cron::parse(pattern);
    ASSERT_TRUE(cron.ok()) << pattern;
    EXPECT_FALSE(cron->next(seconds("2026-07-09T14:45:00Z"), TimeZone())) << pattern;
  }
}

TEST(CronTest, RefusesWhatIsNoPattern) {
  for (const char* pattern : {"",
                              "* * * * *",
                              "* * * * * * *",
                              "60 * * * * *",
                              "* 60 * * * *",
                              "* * 24 * * *",
                              "* * * 0 * *",
                              "* * * 32 * *",
                              "* * * * 0 *",
                              "* * * * 13 *",
                              "* * * * * 7",
                              "x * * * * *",
                              "-1 * * * * *",
                              "5-1 * * * * *",
                              "1-2-3 * * * * *",
                              "1/2/3 * * * * *",
                              "*/0 * * * * *",
                              "*/-1 * * * * *",
                              "*/ * * * * *",
                              "1- * * * * *",
                              "* * * mon * *",
                              "* * * * mon *",
                              "jan * * * * *",
                              "1.5 * * * * *",
                              "99999999999999999999 * * * * *",
                              "*/99999999999999999999 * * * * *"}) {
    EXPECT_FALSE(Cron::parse(pattern).ok()) << pattern;
  }
}

TEST(CronTest, FollowsTheClockOfItsZone) {
  // The rules at the end of the files of the tz database.
  const std::map<std::string_view, std::string_view> rules = {
      {"Africa/Cairo", "EET-2EEST,M4.5.5/0,M10.5.4/24"},
      {"America/Havana", "CST5CDT,M3.2.0/0,M11.1.0/1"},
      {"America/New_York", "EST5EDT,M3.2.0,M11.1.0"},
      {"America/Nuuk", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0"},
      {"America/Santiago", "<-04>4<-03>,M9.1.6/24,M4.1.6/24"},
      {"Asia/Beirut", "EET-2EEST,M3.5.0/0,M10.5.0/0"},
      {"Australia/Lord_Howe", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"},
      {"Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"},
      {"Europe/Dublin", "IST-1GMT0,M10.5.0,M3.5.0/1"},
      {"Europe/London", "GMT0BST,M3.5.0/1,M10.5.0"},
  };
  struct {
    const char* zone;
    const char* pattern;
    int64_t after;
    int64_t expected;
  } cases[] = {
      {"Africa/Cairo", "0 0 0,1,2,3 29 * fri", 2613856111, 2614024800},
      {"Africa/Cairo", "0 30 1 31 * sun", 2550483659, 2550699000},
      {"Africa/Cairo", "*/56 * * * * 3/6", 2361136007, 2361650400},
      {"Africa/Cairo", "*/20 59 * 29 * fri", 2281961822, 2281993140},
      {"Africa/Cairo", "0 0 * 13 * fri", 1951028103, 1951164000},
      {"Africa/Cairo", "*/20 59 * 1 10 fri", 2234641455, 2234818740},
      {"America/Havana", "0 */30 * 13 * sun", 2014468018, 2014862400},
      {"America/Havana", "33,51,16 * * 9/5 3,10,sep *", 1994245056, 1994468416},
      {"America/Havana", "* 24/8 1,4,3 * */5 4/8", 2834896899, 2835325440},
      {"America/Havana", "*/20 59 * 1 * fri", 2077735543, 2078200740},
      {"America/Havana", "0 0 0,1,2,3 31 * fri", 1919826316, 1920344400},
      {"America/Havana", "* *-3/2 * * * MON", 2582610746, 2582859600},
      {"America/New_York", "0 0 0,1,2,3 13 3 fri", 2814374069, 2814753600},
      {"America/New_York", "* 32 * 13 sep,6,11 */5", 1983418582, 1983421920},
      {"America/New_York", "11,19,51 */50 18,18,18 * * *", 2456367064, 2456434811},
      {"America/New_York", "0 0 0 13 3 *", 1836303568, 1836532800},
      {"America/New_York", "27/5 * * * * 4/9", 2582647492, 2583118827},
      {"America/New_York", "0 30 1 * * fri", 2140587412, 2141101800},
      {"America/Nuuk", "0 30 2 1 * sun", 2279720802, 2279763000},
      {"America/Nuuk", "*/59 */21 * * * sun,6,1", 2361398460, 2361399660},
      {"America/Nuuk", "0 0 0 31 * *", 2234911506, 2235261600},
      {"America/Nuuk", "*/40 2,57,48 3 23/2 * *", 2878958492, 2879121720},
      {"America/Nuuk", "* * 20/1 18,5,27 * *", 2878702485, 2879182800},
      {"America/Nuuk", "0 0 0,1,2,3 31 * sun", 2329234442, 2329351200},
      {"America/Santiago", "*/20 59 * 31 * sun", 2545807358, 2545959540},
      {"America/Santiago", "0 30 1 31 * sun", 1870302551, 1870320600},
      {"America/Santiago", "0 30 2 * * sun", 2122374002, 2122525800},
      {"America/Santiago", "0 0 0,1,2,3 * * sun", 2595996124, 2596075200},
      {"America/Santiago", "10-45 * * 1/8 * 1", 1964584016, 1964750410},
      {"America/Santiago", "0 0 * 31 * sun", 2343178802, 2343268800},
      {"Asia/Beirut", "*/36 */43 1-15 ? * wed,2,MON", 2405429768, 2405628000},
      {"Asia/Beirut", "0 0 * 29 * sun", 2645036086, 2645042400},
      {"Asia/Beirut", "*/57 16-24 * * * MON,thu,wed", 1868998732, 1869171360},
      {"Asia/Beirut", "0 0 0,1,2,3 31 * fri", 2424149339, 2424549600},
      {"Asia/Beirut", "0 */30 * 31 * sun", 1919275798, 1919282400},
      {"Asia/Beirut", "0 0 0 1 * fri", 2297861599, 2298319200},
      {"Australia/Lord_Howe", "47 * 18,11,13 * * tue", 2280169594, 2280529847},
      {"Australia/Lord_Howe", "*/10 2 * 6,1,17 3/1 1/4", 2122392909, 2122551120},
      {"Australia/Lord_Howe", "0 30 2 1 * sun", 2832394554, 2832507000},
      {"Australia/Lord_Howe", "0 30 2 * * *", 2895352172, 2895406200},
      {"Australia/Lord_Howe", "35-36 16/5 11/9 * * *", 1948878442, 1948926695},
      {"Australia/Lord_Howe", "* */17 * 15,9,10 * *", 2106722686, 2107083600},
      {"Europe/Berlin", "15 40/1 */6 * * 1/2", 2834339864, 2834437215},
      {"Europe/Berlin", "0 30 2 31 * fri", 2455632164, 2456098200},
      {"Europe/Berlin", "0 30 2 29 * fri", 2437542126, 2438037000},
      {"Europe/Berlin", "0 */30 * 1 * *", 2342584341, 2343074400},
      {"Europe/Berlin", "*/39 45,21,26 * * * wed", 1982664929, 1983050460},
      {"Europe/Berlin", "0 30 1 29 * *", 1887758447, 1887928200},
      {"Europe/Dublin", "32 * 2-15 * * tue", 2108539035, 2108772032},
      {"Europe/Dublin", "0 0 * 1 * fri", 1919264394, 1919721600},
      {"Europe/Dublin", "0 30 2 29 * sun", 1932589550, 1932600600},
      {"Europe/Dublin", "0 0 0 29 * fri", 2455652230, 2455920000},
      {"Europe/Dublin", "* */9 22,11,6 *-3/2 * 0/6", 2216247990, 2216264400},
      {"Europe/Dublin", "* * * *-3 * 3/8", 2866306417, 2866665600},
      {"Europe/London", "0/1 */35 */6 8,19,19 * 1/7", 2879053776, 2879190000},
      {"Europe/London", "23 31/9 11 * * 3", 2424286351, 2424598283},
      {"Europe/London", "0 30 1 31 3 *", 1806161422, 1806453000},
      {"Europe/London", "0 30 2 1 * *", 2234841045, 2235349800},
      {"Europe/London", "*/53 38 14 * */10 *", 2392696519, 2393159880},
      {"Europe/London", "50 29 * 28-28 * MON-5", 2266359229, 2266532990},
  };
  for (auto& c : cases) {
    auto cron = Cron::parse(c.pattern);
    ASSERT_TRUE(cron.ok()) << c.pattern;
    auto zone = testing::zone_of(rules.at(c.zone));
    ASSERT_TRUE(zone) << c.zone;
    EXPECT_EQ(cron->next(c.after, *zone).value_or(0), c.expected) << c.zone << " " << c.pattern;
  }
}

TEST(CronTest, ATimeThatDoesNotExistIsPassedOver) {
  auto berlin = testing::zone_of("CET-1CEST,M3.5.0,M10.5.0/3");
  auto cron = Cron::parse("0 30 2 * * *");
  // On 28 March 2027 the clock goes from 2:00 to 3:00.
  EXPECT_EQ(cron->next(seconds("2027-03-27T12:00:00+01:00"), *berlin),
            seconds("2027-03-29T02:30:00+02:00"));
  // On 31 October 2027 2:30 comes twice; the first one counts, and the second as well.
  int64_t first = seconds("2027-10-31T02:30:00+02:00");
  EXPECT_EQ(cron->next(seconds("2027-10-30T12:00:00+02:00"), *berlin), first);
  EXPECT_EQ(cron->next(first, *berlin), first + 3600);
}

}  // namespace
}  // namespace natrix::jetstream::schedule
