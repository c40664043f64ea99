#include "broker/main/file_watch.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace natrix::main {
namespace {

namespace fs = std::filesystem;

class FileWatchTest : public ::testing::Test {
 protected:
  FileWatchTest() {
    file_ = dir_.write("a", "one");
    watch_.watch({file_});
    watch_.mark();
  }
  tests::TempDir dir_;
  std::string file_;
  FileWatch watch_;
};

TEST_F(FileWatchTest, AChangeCountsOnceItStandsStill) {
  EXPECT_FALSE(watch_.changed());
  dir_.write("a", "one and more");
  EXPECT_FALSE(watch_.changed()) << "somebody may still be writing";
  EXPECT_TRUE(watch_.changed());
  EXPECT_TRUE(watch_.changed()) << "until it is taken up";
  watch_.mark();
  EXPECT_FALSE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
}

TEST_F(FileWatchTest, WhatKeepsChangingWaits) {
  for (int i = 0; i < 5; ++i) {
    dir_.write("a", std::string(i + 10, 'x'));
    EXPECT_FALSE(watch_.changed()) << i;
  }
  EXPECT_TRUE(watch_.changed());
}

TEST_F(FileWatchTest, AFileThatGoesAndOneThatComes) {
  fs::remove(file_);
  watch_.changed();
  EXPECT_TRUE(watch_.changed());
  watch_.mark();
  dir_.write("a", "one");
  watch_.changed();
  EXPECT_TRUE(watch_.changed());
}

// As the kubelet replaces a mounted Secret: the files' names never change, a link does.
TEST_F(FileWatchTest, ALinkThatTurns) {
  fs::create_directory(dir_.path() / "first");
  fs::create_directory(dir_.path() / "second");
  dir_.write("first/key", "same");
  dir_.write("second/key", "same");
  fs::create_directory_symlink("first", dir_.path() / "data");
  fs::create_symlink("data/key", dir_.path() / "key");
  EXPECT_TRUE(watch_.watch({(dir_.path() / "key").string()}));
  watch_.mark();
  EXPECT_FALSE(watch_.changed());
  fs::create_directory_symlink("second", dir_.path() / "next");
  fs::rename(dir_.path() / "next", dir_.path() / "data");
  watch_.changed();
  EXPECT_TRUE(watch_.changed());
}

TEST_F(FileWatchTest, NewNamesAreSaidToBeNew) {
  EXPECT_FALSE(watch_.watch({file_}));
  EXPECT_TRUE(watch_.watch({file_, dir_.write("b", "two")}));
  EXPECT_FALSE(watch_.watch({file_}));
  dir_.write("b", "no longer ours");
  watch_.changed();
  EXPECT_FALSE(watch_.changed());
}

TEST_F(FileWatchTest, WatchingTheSameAgainForgetsNoChange) {
  dir_.write("a", "changed while it was being read");
  EXPECT_FALSE(watch_.watch({file_}));
  watch_.changed();
  EXPECT_TRUE(watch_.changed());
}

}  // namespace
}  // namespace natrix::main
