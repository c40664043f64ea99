// Disks that fill up and syncs that fail, at random moments. Goal: what failed is taken back
// exactly, removals stay, reads go on, the store writes again by itself, and a restart finds the
// same.
//
// Method: random operations on a stream and on the model. When a batch fails the model gives back
// the appends from the failed ticket on; then the stream must equal the model again.
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "tests/unit/storage/random_stream.h"
#include "tests/unit/storage/step_store.h"

namespace natrix::storage::tests {
namespace {

class FaultRun {
 public:
  explicit FaultRun(uint64_t seed) : random_(seed, true) { random_.wide = seed % 3 == 0; }

  void run() {
    reopen();
    for (int i = 0; i < 600 && !::testing::Test::HasFailure(); ++i) {
      if (random_.chance(4)) spoil();
      operate();
      bool archives = random_.chance(4);
      if (archives) store_->archive(static_cast<unsigned>(random_.below(3)));
      if (archives || random_.chance(20)) settle();
      if (random_.chance(1)) restart();
    }
    if (!::testing::Test::HasFailure()) restart();
  }
  int failures = 0;

 private:
  void reopen() {
    store_ = std::make_unique<StepStore>(fs_);
    ASSERT_TRUE(store_->open()) << store_->error.message;
    ASSERT_TRUE(store_->store->damage().empty()) << store_->store->damage()[0].what;
    stream_ = store_->stream();
    consumer_ = *stream_->consumer("c", "", false);
    failures_seen_ = 0;
    appended_.clear();
  }
  void spoil() {
    switch (random_.below(3)) {
      case 0:
        fs_.fail_syncs = 1 + static_cast<int>(random_.below(3));
        break;
      case 1:
        fs_.space = random_.below(4000);
        break;
      default:
        fs_.full = true;
    }
  }
  void operate() {
    Seq before = random_.model.last_seq();
    bool writable = store_->store->metrics().writable;
    if (random_.chance(60)) {
      if (!writable) {
        EXPECT_FALSE(stream_->append({"a", {}, "refused", 1, 0, {}}).ok());
        return;
      }
      random_.append(*stream_);
      appended_.push_back({stream_->barrier(), before});
      return;
    }
    if (random_.chance(60)) {
      Seq seq = random_.chance(50) ? random_.model.state().first_seq : random_.a_seq();
      auto done = stream_->remove(seq, random_.chance(10) ? Erase::kOverwrite : Erase::kForget);
      ASSERT_EQ(done.ok(), random_.model.remove(seq)) << seq;
    } else if (random_.chance(10)) {
      random_.purge(*stream_);
    } else {
      ++deliveries_;
      consumer_->deliver({deliveries_, deliveries_}, 1, 1, true);
      if (random_.chance(80)) consumer_->acknowledge(deliveries_);
    }
  }
  // A batch is written; what failed is taken back.
  void settle() {
    store_->commit();
    if (store_->listener.failures != failures_seen_) {
      failures += store_->listener.failures - failures_seen_;
      failures_seen_ = store_->listener.failures;
      for (auto& [ticket, last_before] : appended_) {
        if (ticket < store_->listener.failed_from) continue;
        random_.model.truncate(last_before);
        break;
      }
      store_->listener.failed_from = 0;
      appended_.clear();
      // The disk is well again, sooner or later.
      if (random_.chance(70)) recover();
    }
    if (!::testing::Test::HasFailure()) random_.compare(*stream_);
  }
  void recover() {
    fs_.full = false;
    fs_.space = ~0ull;
    fs_.fail_syncs = 0;
    store_->commit();
    ASSERT_TRUE(store_->store->metrics().writable);
  }
  void restart() {
    settle();
    if (::testing::Test::HasFailure()) return;
    recover();
    settle();
    std::string state;
    consumer_->state().encode(state);
    for (const DamageReport& report : store_->store->damage()) {
      ASSERT_TRUE(report.what.starts_with("an erased message could not be")) << report.what;
    }
    store_->close();
    if (random_.chance(50)) fs_.crash(crash_random_, false);
    reopen();
    if (::testing::Test::HasFailure()) return;
    random_.compare_all(*stream_);
    std::string found;
    consumer_->state().encode(found);
    ASSERT_EQ(found, state);
  }

  RandomStream random_;
  std::mt19937_64 crash_random_{7};
  SimFileSystem fs_;
  std::unique_ptr<StepStore> store_;
  StreamStore* stream_ = nullptr;
  ConsumerStore* consumer_ = nullptr;
  std::vector<std::pair<Ticket, Seq>> appended_;  // with the last sequence before
  int failures_seen_ = 0;
  uint64_t deliveries_ = 0;
};

TEST(Faults, FailedWritesAreTakenBackAndTheStoreGoesOn) {
  uint64_t first = 1, seeds = 60;  // thousands by hand
  if (const char* more = std::getenv("NATRIX_CRASH_SEEDS")) seeds = std::stoull(more);
  if (const char* from = std::getenv("NATRIX_CRASH_FIRST")) first = std::stoull(from);
  int failures = 0;
  for (uint64_t seed = first; seed < first + seeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    FaultRun run(seed);
    run.run();
    failures += run.failures;
  }
  std::printf("%d batches failed\n", failures);
  EXPECT_GT(failures, 0);
}

TEST(Faults, AStoreOpensOnAFullDiskAndServesWhatItHas) {
  SimFileSystem fs;
  {
    StepStore store(fs);
    ASSERT_TRUE(store.open());
    ASSERT_TRUE(store.stream()->append({"a", {}, "kept", 1, 0, {}}).ok());
    store.commit();
  }
  fs.full = true;
  StepStore store(fs);
  ASSERT_TRUE(store.open()) << store.error.message;
  StreamStore* stream = store.stream();
  EXPECT_EQ(stream->load(1)->payload, "kept");
  EXPECT_FALSE(store.store->metrics().writable);
  EXPECT_EQ(stream->append({"a", {}, "x", 1, 0, {}}).error().kind, StorageErrorKind::kFull);
  fs.full = false;
  store.commit();
  EXPECT_TRUE(store.store->metrics().writable);
  EXPECT_EQ(stream->append({"a", {}, "x", 1, 0, {}})->seq, 2u);
  store.commit();
  EXPECT_EQ(stream->last_synced(), 2u);
}

// What cannot be written meanwhile does not pile up, neither in memory nor as empty segments.
TEST(Faults, ALongTimeOnAFullDiskCostsNothing) {
  SimFileSystem fs;
  StepStore store(fs);
  ASSERT_TRUE(store.open());
  StreamStore* stream = store.stream();
  ConsumerStore* consumer = *stream->consumer("c", "", false);
  ASSERT_TRUE(stream->append({"a", {}, "x", 1, 0, {}}).ok());
  store.commit();
  fs.full = true;
  ASSERT_TRUE(stream->append({"a", {}, "y", 1, 0, {}}).ok());
  store.commit();
  size_t files = fs.names().size();
  for (uint64_t i = 1; i <= 20000; ++i) {
    consumer->deliver({i, i}, 1, 1, true);
    consumer->acknowledge(i);
    if (i % 100 == 0) store.commit();
    if (i % 1000 == 0) {  // space for a moment, and gone again
      fs.full = false;
      fs.space = 200;
      store.commit();
      fs.full = true;
      if (stream->append({"a", {}, "z", 1, 0, {}}).ok()) store.commit();
    }
  }
  EXPECT_LT(store.store->metrics().buffered_bytes, 4096u);
  EXPECT_LE(fs.names().size(), files + 25);
  fs.full = false;
  fs.space = ~0ull;
  store.commit();
  store.close();
  StepStore again(fs);
  ASSERT_TRUE(again.open());
  EXPECT_EQ(again.stream()->find_consumer("c")->state().ack_floor().stream, 20000u);
}

}  // namespace
}  // namespace natrix::storage::tests
