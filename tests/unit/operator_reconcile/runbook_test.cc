// Every reason that asks somebody to act has its section in the runbook, and no section is left
// over.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "operator/model/reasons.h"

namespace natrix::model {
namespace {

TEST(Runbook, HasASectionForEveryReason) {
  std::ifstream in(std::string(NATRIX_SOURCE_DIR) + "/docs/runbooks/natscluster.md");
  ASSERT_TRUE(in.is_open());
  std::set<std::string> sections;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("## ", 0) == 0) sections.insert(line.substr(3));
  }
  std::set<std::string> reasons;
  for (int i = 0; i <= static_cast<int>(kLastReason); ++i) {
    const auto reason = static_cast<Reason>(i);
    if (needs_action(reason)) reasons.insert(std::string(name_of(reason)));
  }
  EXPECT_EQ(sections, reasons);
}

}  // namespace
}  // namespace natrix::model
