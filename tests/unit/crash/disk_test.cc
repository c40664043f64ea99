#include "tests/crash/disk/disk.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

namespace natrix::crash {
namespace {

constexpr uint64_t kSeeds = 200;

struct Lab {
  explicit Lab(Disk::NameRule rule, uint64_t capacity = UINT64_MAX) : disk(rule, capacity) {}

  NodePtr root() { return disk.node(Disk::kRoot); }
  NodePtr make(const NodePtr& directory, const std::string& name, bool is_directory = false) {
    NodePtr made;
    EXPECT_EQ(disk.create(directory, name, is_directory, 0640, &made), 0);
    return made;
  }
  NodePtr make_synced_file(const NodePtr& directory, const std::string& name,
                           const std::string& bytes) {
    NodePtr file = make(directory, name);
    size_t written = 0;
    EXPECT_EQ(disk.write(file, 0, bytes.data(), bytes.size(), &written), 0);
    disk.sync(file);
    return file;
  }
  bool has(const std::string& name) { return disk.lookup(root(), name) != nullptr; }
  std::string text(const std::string& name) {
    NodePtr file = disk.lookup(root(), name);
    std::string bytes(file ? file->content.size() : 0, '?');
    if (file) file->content.read(0, bytes.data(), bytes.size());
    return bytes;
  }

  Disk disk;
};

TEST(Disk, ASyncOfTheFileDoesNotMakeItsNameDurable) {
  int lost = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Lab lab(Disk::NameRule::kPosix);
    lab.make_synced_file(lab.root(), "a", "bytes");
    lab.disk.power_cut(seed);
    if (!lab.has("a")) ++lost;
  }
  EXPECT_GT(lost, 0);
  EXPECT_LT(lost, static_cast<int>(kSeeds));
}

TEST(Disk, ASyncOfTheDirectoryDoes) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Lab lab(Disk::NameRule::kPosix);
    lab.make_synced_file(lab.root(), "a", "bytes");
    lab.disk.sync_directory(lab.root());
    lab.disk.power_cut(seed);
    ASSERT_EQ(lab.text("a"), "bytes");
  }
}

TEST(Disk, WithAJournalASyncOfAFileIncludesAllEarlierNames) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Lab lab(Disk::NameRule::kJournal);
    lab.make(lab.root(), "d", true);
    lab.make_synced_file(lab.root(), "a", "bytes");
    lab.make(lab.root(), "later1");
    lab.make(lab.root(), "later2");
    lab.disk.power_cut(seed);
    ASSERT_TRUE(lab.has("d"));
    ASSERT_EQ(lab.text("a"), "bytes");
    ASSERT_TRUE(lab.has("later1") || !lab.has("later2"));
  }
}

TEST(Disk, ARenameIsDoneOrNotDone) {
  int done = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Lab lab(Disk::NameRule::kPosix);
    lab.make_synced_file(lab.root(), "a", "old");
    lab.make_synced_file(lab.root(), "b", "new");
    lab.disk.sync_directory(lab.root());
    EXPECT_EQ(lab.disk.rename(lab.root(), "b", lab.root(), "a", true), 0);
    lab.disk.power_cut(seed);
    ASSERT_EQ(lab.text("a"), lab.has("b") ? "old" : "new");
    if (!lab.has("b")) ++done;
  }
  EXPECT_GT(done, 0);
  EXPECT_LT(done, static_cast<int>(kSeeds));
}

TEST(Disk, SyncingOneDirectoryOfARenameSyncsBoth) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Lab lab(Disk::NameRule::kPosix);
    NodePtr directory = lab.make(lab.root(), "d", true);
    lab.make_synced_file(lab.root(), "a", "bytes");
    EXPECT_EQ(lab.disk.rename(lab.root(), "a", directory, "a", true), 0);
    lab.disk.sync_directory(directory);
    lab.disk.power_cut(seed);
    ASSERT_FALSE(lab.has("a"));
    NodePtr kept = lab.disk.lookup(lab.root(), "d");
    ASSERT_TRUE(!kept || lab.disk.lookup(kept, "a"));  // d itself was never synced
  }
}

TEST(Disk, ARemovedFileComesBackUnlessTheDirectoryWasSynced) {
  int back = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Lab lab(Disk::NameRule::kPosix);
    lab.make_synced_file(lab.root(), "a", "bytes");
    lab.make_synced_file(lab.root(), "b", "bytes");
    lab.disk.sync_directory(lab.root());
    EXPECT_EQ(lab.disk.unlink(lab.root(), "b"), 0);
    lab.disk.sync_directory(lab.root());
    EXPECT_EQ(lab.disk.unlink(lab.root(), "a"), 0);
    lab.disk.power_cut(seed);
    ASSERT_FALSE(lab.has("b"));
    if (lab.has("a")) {
      ASSERT_EQ(lab.text("a"), "bytes");
      ++back;
    }
  }
  EXPECT_GT(back, 0);
}

TEST(Disk, TwoNamesOfOneFileStayOneFile) {
  Lab lab(Disk::NameRule::kPosix);
  NodePtr file = lab.make_synced_file(lab.root(), "a", "bytes");
  EXPECT_EQ(lab.disk.link(file, lab.root(), "b"), 0);
  lab.disk.sync_directory(lab.root());
  lab.disk.power_cut(1);
  EXPECT_EQ(lab.disk.lookup(lab.root(), "a"), lab.disk.lookup(lab.root(), "b"));
  EXPECT_EQ(lab.disk.lookup(lab.root(), "a")->links, 2U);
}

TEST(Disk, NumbersOfThePastAreNotUsable) {
  Lab lab(Disk::NameRule::kPosix);
  NodePtr file = lab.make_synced_file(lab.root(), "a", "bytes");
  lab.disk.remember(file);
  lab.disk.sync_directory(lab.root());
  EXPECT_EQ(lab.disk.node(file->id), file);
  lab.disk.power_cut(1);
  EXPECT_EQ(lab.disk.node(file->id), nullptr);
  EXPECT_NE(lab.disk.node(Disk::kRoot), nullptr);
}

TEST(Disk, AFullDiskTakesABeginningThenNothing) {
  Lab lab(Disk::NameRule::kPosix, 10000);
  NodePtr file = lab.make(lab.root(), "a");
  std::string bytes(20000, 'x');
  size_t written = 0;
  ASSERT_EQ(lab.disk.write(file, 0, bytes.data(), bytes.size(), &written), 0);
  EXPECT_GT(written, 0U);
  EXPECT_LE(written, 10000U);
  EXPECT_EQ(lab.disk.write(file, 9999, bytes.data(), 3000, &written), ENOSPC);
  EXPECT_EQ(lab.disk.write(file, 0, bytes.data(), 100, &written), 0);  // over what is there
  lab.disk.set_capacity(UINT64_MAX);
  EXPECT_EQ(lab.disk.write(file, 10000, bytes.data(), 9000, &written), 0);
}

TEST(Disk, DirectoriesAreRemovedOnlyEmpty) {
  Lab lab(Disk::NameRule::kPosix);
  NodePtr directory = lab.make(lab.root(), "d", true);
  lab.make(directory, "a");
  EXPECT_EQ(lab.disk.rmdir(lab.root(), "d"), ENOTEMPTY);
  EXPECT_EQ(lab.disk.unlink(lab.root(), "d"), EISDIR);
  EXPECT_EQ(lab.disk.unlink(directory, "a"), 0);
  EXPECT_EQ(lab.disk.rmdir(lab.root(), "d"), 0);
  EXPECT_EQ(lab.disk.rmdir(lab.root(), "d"), ENOENT);
}

}  // namespace
}  // namespace natrix::crash
