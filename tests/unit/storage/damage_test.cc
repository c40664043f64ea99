// Bit flips, truncation and disappearance of every kind of file: found, reported with file and
// offset, kept, and what is intact stays readable.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/storage/step_store.h"

namespace natrix::storage::tests {
namespace {

constexpr int kMessages = 120;

std::string payload_of(int i) {
  return "payload " + std::to_string(i) + std::string(300, static_cast<char>('a' + i % 26));
}

// A store with archived and younger segments.
void fill(SimFileSystem& fs, bool archive) {
  StepStore store(fs);
  ASSERT_TRUE(store.open());
  StreamStore* stream = store.stream();
  for (int i = 1; i <= kMessages; ++i) {
    ASSERT_TRUE(stream->append({"s." + std::to_string(i % 7), {}, payload_of(i), i, 0, {}}).ok());
    if (i % 5 == 0) store.commit();
  }
  store.commit();
  store.store->mark();
  store.archive(archive ? 1 : 1000);  // writes the catalog at least
}

struct Outcome {
  int intact = 0;
  int refused = 0;
  size_t reports = 0;
};

// Opens the store, reads everything; what is read must be right.
Outcome read_all(SimFileSystem& fs) {
  Outcome outcome;
  StepStore store(fs);
  EXPECT_TRUE(store.open()) << store.error.message;
  if (store.store == nullptr) return outcome;
  if (!store.store->streams().empty()) {
    StreamStore* stream = store.stream();
    for (int i = 1; i <= kMessages; ++i) {
      auto loaded = stream->load(static_cast<Seq>(i));
      if (loaded.ok()) {
        EXPECT_EQ(loaded->payload, payload_of(i));
        ++outcome.intact;
      } else {
        ++outcome.refused;
      }
    }
    // It goes on.
    EXPECT_TRUE(stream->append({"new", {}, "x", 1, 0, {}}).ok());
    store.commit();
    EXPECT_EQ(store.listener.failures, 0);
  }
  outcome.reports = store.store->damage().size();
  for (const DamageReport& report : store.store->damage()) {
    std::string kept = "/store/damaged" + report.file.substr(report.file.rfind('/'));
    if (fs.bytes(report.file) != nullptr) {
      EXPECT_NE(fs.bytes(kept), nullptr) << report.file;
    }
  }
  return outcome;
}

std::vector<std::string> files_of(SimFileSystem& fs) {
  std::vector<std::string> files;
  for (auto& [path, node] : fs.names()) {
    if (path.starts_with("/store/log/")) files.push_back(path);
  }
  return files;
}

TEST(Damage, EveryFlippedBitIsFoundOrHarmless) {
  for (bool archive : {false, true}) {
    SimFileSystem pristine;
    fill(pristine, archive);
    std::vector<std::string> files = files_of(pristine);
    ASSERT_GE(files.size(), 3u);
    std::mt19937_64 random(5);
    int found = 0;
    for (int round = 0; round < 400 && !HasFailure(); ++round) {
      SimFileSystem fs;
      fill(fs, archive);
      const std::string& path = files[random() % files.size()];
      std::string& bytes = *fs.bytes(path);
      if (bytes.empty()) continue;
      size_t at = random() % bytes.size();
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
      SCOPED_TRACE(path + " at " + std::to_string(at) + (archive ? " archived" : ""));
      Outcome outcome = read_all(fs);
      // One bit damages one record, or a frame header, or an index that is made anew.
      EXPECT_GE(outcome.intact, kMessages - 1);
      if (outcome.intact < kMessages) {
        EXPECT_GE(outcome.reports, 1u);
      }
      found += outcome.reports != 0;
    }
    EXPECT_GT(found, 300);
  }
}

TEST(Damage, TruncatedAndMissingFilesLeaveTheRest) {
  for (bool archive : {false, true}) {
    SimFileSystem pristine;
    fill(pristine, archive);
    std::string last_segment;
    for (const std::string& path : files_of(pristine)) {
      if (path.ends_with(".seg")) last_segment = path;
    }
    for (const std::string& path : files_of(pristine)) {
      for (int kind = 0; kind < 3 && !HasFailure(); ++kind) {
        SimFileSystem fs;
        fill(fs, archive);
        SCOPED_TRACE(path + " kind " + std::to_string(kind) + (archive ? " archived" : ""));
        size_t size = fs.bytes(path)->size();
        size_t messages_there = 0;
        for (int i = 1; i <= kMessages; ++i) {
          messages_there += fs.bytes(path)->find(payload_of(i)) != std::string::npos;
        }
        if (kind == 0) fs.bytes(path)->resize(size / 2);
        if (kind == 1) fs.bytes(path)->clear();
        if (kind == 2) {
          ASSERT_TRUE(fs.remove(path).ok());
        }
        Outcome outcome = read_all(fs);
        // The messages of other files are there, unless the description of the stream was here.
        if (outcome.intact + outcome.refused != 0) {
          EXPECT_GE(outcome.intact + static_cast<int>(messages_there), kMessages);
        }
        if (outcome.intact < kMessages && path != last_segment) {
          EXPECT_GE(outcome.reports, 1u);
        }
      }
    }
  }
}

TEST(Damage, ReadingReportsFileAndOffset) {
  SimFileSystem fs;
  fill(fs, true);
  StepStore store(fs);
  ASSERT_TRUE(store.open());
  StreamStore* stream = store.stream();
  for (auto& [path, node] : fs.names()) {
    size_t at = node->bytes.find(payload_of(3));
    if (at == std::string::npos) continue;
    node->bytes[at + 20] ^= 4;
    auto loaded = stream->load(3);
    ASSERT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.error().kind, StorageErrorKind::kDamaged);
    ASSERT_EQ(store.store->damage().size(), 1u);
    EXPECT_EQ(store.store->damage()[0].file, path);
    EXPECT_LT(store.store->damage()[0].offset, at);
    EXPECT_TRUE(stream->load(4).ok());
    EXPECT_TRUE(stream->load(2).ok());
    EXPECT_EQ(stream->load_next(Filter(), 2)->seq, 2u);
    EXPECT_EQ(stream->load_next(Filter(), 3)->seq, 4u);
    return;
  }
  FAIL() << "message 3 is in no file";
}

}  // namespace
}  // namespace natrix::storage::tests
