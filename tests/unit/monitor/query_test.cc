// Parameters of pages: spellings that nats-server takes, and what is said of bad ones.
#include "broker/monitor/query.h"

#include <gtest/gtest.h>

namespace natrix::monitor {
namespace {

TEST(QueryParams, FirstValueDecodedIgnoringTheMalformed) {
  QueryParams params("a=1&a=2&b=x+y%20z&c&=5&%zz=1&d=%zz&e=1;f=2&&g=h=i");
  EXPECT_EQ(params.text("a"), "1");
  EXPECT_EQ(params.text("b"), "x y z");
  EXPECT_EQ(params.text("c"), "");
  EXPECT_EQ(params.text("d"), "");
  EXPECT_EQ(params.text("e"), "");
  EXPECT_EQ(params.text("g"), "h=i");
  EXPECT_EQ(params.text("absent"), "");
}

TEST(QueryParams, Booleans) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    EXPECT_TRUE(*QueryParams(std::string("x=") + yes).boolean("x")) << yes;
  }
  for (const char* no : {"", "0", "f", "F", "false", "FALSE", "False"}) {
    EXPECT_FALSE(*QueryParams(std::string("x=") + no).boolean("x")) << no;
  }
  EXPECT_FALSE(*QueryParams("").boolean("x"));
  for (const char* bad : {"yes", "tRUE", "2", "+1", "true%20"}) {
    auto result = QueryParams(std::string("x=") + bad).boolean("x");
    ASSERT_FALSE(result.ok()) << bad;
    EXPECT_EQ(result.error().message.rfind("Error decoding boolean for 'x': ", 0), 0u);
  }
}

TEST(QueryParams, Numbers) {
  EXPECT_EQ(*QueryParams("n=12").integer("n"), 12);
  EXPECT_EQ(*QueryParams("n=-12").integer("n"), -12);
  EXPECT_EQ(*QueryParams("n=%2B12").integer("n"), 12);
  EXPECT_EQ(*QueryParams("n=").integer("n"), 0);
  EXPECT_EQ(*QueryParams("").integer("n"), 0);
  EXPECT_EQ(*QueryParams("n=9223372036854775807").integer("n"), INT64_MAX);
  EXPECT_EQ(*QueryParams("n=18446744073709551615").unsigned_integer("n"), UINT64_MAX);
  for (const char* bad : {"x", "1x", "1.5", "0x1", "9223372036854775808", "-", "1 "}) {
    EXPECT_FALSE(QueryParams(std::string("n=") + bad).integer("n").ok()) << bad;
  }
  for (const char* bad : {"-1", "%2B1", "18446744073709551616"}) {
    EXPECT_FALSE(QueryParams(std::string("n=") + bad).unsigned_integer("n").ok()) << bad;
  }
  EXPECT_EQ(QueryParams("n=a").integer("n").error().message,
            "Error decoding int for 'n': \"a\" is not a whole number");
  EXPECT_EQ(QueryParams("n=99999999999999999999").integer("n").error().message,
            "Error decoding int for 'n': \"99999999999999999999\" is out of range");
}

TEST(QueryParams, OffsetAndLimitAreSane) {
  EXPECT_EQ(*QueryParams("").limit(), kDefaultPageEntries);
  EXPECT_EQ(*QueryParams("limit=-5").limit(), kDefaultPageEntries);
  EXPECT_EQ(*QueryParams("limit=7").limit(), 7);
  EXPECT_EQ(*QueryParams("limit=9999999999").limit(), kMaxPageEntries);
  EXPECT_EQ(*QueryParams("offset=-5").offset(), 0);
  EXPECT_EQ(*QueryParams("offset=5").offset(), 5);
  EXPECT_FALSE(QueryParams("limit=x").limit().ok());
  EXPECT_FALSE(QueryParams("offset=x").offset().ok());
}

TEST(QueryParams, SubsAndState) {
  EXPECT_EQ(*QueryParams("subs=Detail").subs(), ListSubs::kDetail);
  EXPECT_EQ(*QueryParams("subs=1").subs(), ListSubs::kSubjects);
  EXPECT_EQ(*QueryParams("subs=0").subs(), ListSubs::kNo);
  EXPECT_EQ(*QueryParams("").subs(), ListSubs::kNo);
  EXPECT_FALSE(QueryParams("subs=all").subs().ok());
  EXPECT_EQ(*QueryParams("").state(), ConnState::kOpen);
  EXPECT_EQ(*QueryParams("state=OPEN").state(), ConnState::kOpen);
  EXPECT_EQ(*QueryParams("state=closed").state(), ConnState::kClosed);
  EXPECT_EQ(*QueryParams("state=any").state(), ConnState::kAll);
  EXPECT_EQ(*QueryParams("state=All").state(), ConnState::kAll);
  EXPECT_EQ(QueryParams("state=zz").state().error().message,
            "Error decoding state for \"zz\": use open, closed or all");
}

// What a stranger sends is shown back without control characters and not without end.
TEST(QueryParams, ErrorsAreSafeToShow) {
  std::string message = QueryParams("n=%0a%1b[31m%ff\"").integer("n").error().message;
  EXPECT_EQ(message,
            "Error decoding int for 'n': \"\\x0a\\x1b[31m\\xff\\\"\" is not a whole number");
  EXPECT_LT(QueryParams("n=" + std::string(8000, 'x')).integer("n").error().message.size(), 200u);
}

}  // namespace
}  // namespace natrix::monitor
