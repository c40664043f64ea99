#include "operator/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace natrix::ops {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::StartsWith;

struct Lines {
  std::vector<std::string> lines;
  Log::Sink sink() {
    return [this](std::string_view line) { lines.emplace_back(line); };
  }
};

TEST(Log, LogfmtQuotesOnlyWhatNeedsIt) {
  Lines out;
  Log log(out.sink());
  log.info("cluster ready", {{"cluster", "shop/orders"}, {"replicas", 3}, {"note", "a\"b\nc"}});
  ASSERT_EQ(out.lines.size(), 1u);
  EXPECT_THAT(out.lines[0], StartsWith("time=2"));
  EXPECT_THAT(out.lines[0], EndsWith("level=info msg=\"cluster ready\" cluster=shop/orders "
                                     "replicas=3 note=\"a\\\"b\\nc\""));
}

TEST(Log, JsonLineParsesAndSurvivesBrokenUtf8) {
  Lines out;
  Log log(out.sink());
  log.set_format(LogFormat::kJson);
  log.error("failed", {{"error", "bad \xff byte"}});
  ASSERT_EQ(out.lines.size(), 1u);
  auto line = nlohmann::json::parse(out.lines[0]);
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["msg"], "failed");
  EXPECT_EQ(line["error"], "bad \xEF\xBF\xBD byte");
}

TEST(Log, LevelHidesLowerLines) {
  Lines out;
  Log log(out.sink());
  log.debug("hidden");
  log.set_level(Level::kWarn);
  log.info("hidden");
  log.warn("shown");
  log.set_level(Level::kDebug);
  log.debug("shown");
  EXPECT_THAT(out.lines,
              ElementsAre(EndsWith("level=warn msg=shown"), EndsWith("level=debug msg=shown")));
}

}  // namespace
}  // namespace natrix::ops
