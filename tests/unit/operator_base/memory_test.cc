#include "operator/base/memory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace natrix::ops {
namespace {

int64_t resident_pages() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0;
  int64_t resident = 0;
  file >> all >> resident;
  return resident;
}

TEST(GiveBackMemory, FreedHeapAndUnusedCodeAreNoLongerResident) {
  // Small blocks: they stay in malloc's arena when they are freed.
  std::vector<std::unique_ptr<std::string>> blocks;
  for (int i = 0; i < 20000; ++i) blocks.push_back(std::make_unique<std::string>(1000, 'x'));
  auto last = std::make_unique<std::string>(1000, 'y');  // keeps the end of the heap
  blocks.clear();
  const int64_t before = resident_pages();
  give_back_memory();
  const int64_t after = resident_pages();
  EXPECT_LT(after, before);
  EXPECT_EQ(*last, std::string(1000, 'y'));
}

TEST(GiveBackMemory, EverythingWorksAsBefore) {
  static const std::vector<std::string> kWords = {"constants", "code", "relocated data"};
  for (int i = 0; i < 3; ++i) {
    give_back_memory();
    std::string all;
    for (const std::string& word : kWords) all += word + ";";
    EXPECT_EQ(all, "constants;code;relocated data;");
    EXPECT_THROW(std::stoi("no number"), std::invalid_argument);  // unwinding, other libraries
  }
}

}  // namespace
}  // namespace natrix::ops
