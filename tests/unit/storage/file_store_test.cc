#include "broker/storage/file_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/storage/random_stream.h"
#include "tests/unit/storage/step_store.h"

namespace natrix::storage::tests {
namespace {

NewMessage message(std::string_view subject, std::string_view payload, Nanos time = 1) {
  return {subject, {}, payload, time, 0, {}};
}

TEST(FileStore, KeepsMessagesOverARestart) {
  SimFileSystem fs;
  StepStore first(fs);
  ASSERT_TRUE(first.open());
  StreamStore* stream = first.stream("S", 10);
  auto appended = stream->append({"a.b", "NATS/1.0\r\nX: y\r\n\r\n", "payload", 77, 99, {}});
  ASSERT_TRUE(appended.ok());
  EXPECT_EQ(appended->seq, 10u);
  EXPECT_EQ(stream->load(10)->payload, "payload");  // from the buffer
  EXPECT_LT(stream->synced(), appended->ticket);
  EXPECT_EQ(stream->last_synced(), 9u);
  first.commit();
  EXPECT_GE(first.listener.synced, appended->ticket);
  EXPECT_EQ(stream->last_synced(), 10u);
  EXPECT_EQ(stream->load(10)->payload, "payload");
  first.close();

  StepStore again(fs);
  ASSERT_TRUE(again.open());
  ASSERT_EQ(again.store->streams().size(), 1u);
  EXPECT_EQ(again.store->streams()[0].account, "A");
  EXPECT_EQ(again.store->streams()[0].config, "config");
  stream = again.stream("S");
  auto loaded = stream->load(10);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->headers, "NATS/1.0\r\nX: y\r\n\r\n");
  EXPECT_EQ(loaded->time, 77);
  EXPECT_EQ(loaded->expires, 99);
  EXPECT_EQ(stream->append(message("x", ""))->seq, 11u);
  EXPECT_TRUE(again.store->damage().empty());
}

// The same operations on the store and on the model, with commits, archiving and restarts between.
TEST(FileStore, AgreesWithTheModel) {
  for (uint64_t seed = 1; seed <= 40 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    SimFileSystem fs;
    auto store = std::make_unique<StepStore>(fs);
    ASSERT_TRUE(store->open());
    StreamStore* stream = store->stream();
    RandomStream random(seed, true);
    random.wide = seed % 3 == 0;
    random.groups = seed % 5 == 1;
    for (int i = 0; i < 1500 && !HasFailure(); ++i) {
      random.step(*stream);
      if (random.chance(10)) store->commit();
      if (random.chance(2)) store->archive(static_cast<unsigned>(random.below(3)));
      if (random.chance(1) && random.chance(50)) {
        store->close();
        store = std::make_unique<StepStore>(fs);
        ASSERT_TRUE(store->open());
        ASSERT_TRUE(store->store->damage().empty()) << store->store->damage()[0].what;
        stream = store->stream();
        if (!HasFailure()) random.compare_all(*stream);
      }
      if (i % 25 == 0 && !HasFailure()) random.compare(*stream);
    }
    if (!HasFailure()) random.compare_all(*stream);
  }
}

TEST(FileStore, ManyStreamsShareSyncs) {
  SimFileSystem fs;
  StepStore store(fs);
  ASSERT_TRUE(store.open());
  std::vector<StreamStore*> streams;
  for (int i = 0; i < 100; ++i) streams.push_back(store.stream("S" + std::to_string(i)));
  store.commit();
  uint64_t before = store.store->metrics().synced_batches;
  for (StreamStore* stream : streams) ASSERT_TRUE(stream->append(message("a", "b")).ok());
  store.commit();
  EXPECT_EQ(store.store->metrics().synced_batches, before + 1);
}

TEST(FileStore, RewritesMixedSegmentsSortedByStream) {
  SimFileSystem fs;
  {
    StepStore store(fs);
    ASSERT_TRUE(store.open());
    std::vector<StreamStore*> streams;
    for (int i = 0; i < 20; ++i) streams.push_back(store.stream("S" + std::to_string(i)));
    for (int round = 0; round < 100; ++round) {
      for (StreamStore* stream : streams) {
        ASSERT_TRUE(stream->append(message("a", std::to_string(round))).ok());
      }
      store.commit();
    }
    store.archive(0);
    for (StreamStore* stream : streams) {
      for (Seq seq = 1; seq <= 100; ++seq) {
        auto loaded = stream->load(seq);
        ASSERT_TRUE(loaded.ok()) << loaded.error().message;
        ASSERT_EQ(loaded->payload, std::to_string(seq - 1));
      }
    }
  }
  StepStore again(fs);
  ASSERT_TRUE(again.open());
  for (int i = 0; i < 20; ++i) {
    StreamStore* stream = again.stream("S" + std::to_string(i));
    EXPECT_EQ(stream->state().messages, 100u);
    for (Seq seq = 1; seq <= 100; ++seq) {
      ASSERT_EQ(stream->load(seq)->payload, std::to_string(seq - 1));
    }
  }
}

TEST(FileStore, GivesSpaceBack) {
  SimFileSystem fs;
  StepStore store(fs);
  ASSERT_TRUE(store.open());
  StreamStore* stream = store.stream();
  std::string payload(1000, 'x');
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(stream->append(message("a", payload)).ok());
    store.commit();
    if (i >= 10) {
      ASSERT_TRUE(stream->remove(static_cast<Seq>(i - 9), Erase::kForget).ok());
    }
    store.archive(2);
  }
  StoreMetrics metrics = store.store->metrics();
  EXPECT_LT(metrics.segments, 8u);
  EXPECT_LT(metrics.disk_bytes, 8u * 20 * 1024);
  EXPECT_LT(metrics.written_bytes, 500u * 1000 * 2);
}

TEST(FileStore, StreamsAndConsumersAreRemovedForGood) {
  SimFileSystem fs;
  {
    StepStore store(fs);
    ASSERT_TRUE(store.open());
    StreamStore* keep = store.stream("keep");
    StreamStore* gone = store.stream("gone");
    ASSERT_TRUE(keep->append(message("a", "1")).ok());
    ASSERT_TRUE(gone->append(message("a", "2")).ok());
    ASSERT_TRUE(keep->consumer("c1", "one", false).ok());
    ASSERT_TRUE(keep->consumer("c2", "two", false).ok());
    ASSERT_TRUE(keep->remove_consumer("c1").ok());
    StreamId id = store.store->streams()[1].id;
    store.store->detach(id);
    bool done = false;
    store.store->remove(id, [&](StorageResult<void> result) { done = result.ok(); });
    store.commit();
    EXPECT_TRUE(done);
  }
  StepStore again(fs);
  ASSERT_TRUE(again.open());
  ASSERT_EQ(again.store->streams().size(), 1u);
  StreamStore* keep = again.stream("keep");
  ASSERT_EQ(keep->consumers().size(), 1u);
  EXPECT_EQ(keep->consumers()[0]->name(), "c2");
  EXPECT_EQ(keep->consumers()[0]->config(), "two");
}

TEST(FileStore, ErasedMessagesLeaveNoTrace) {
  for (bool archived : {false, true}) {
    SimFileSystem fs;
    StepStore store(fs);
    ASSERT_TRUE(store.open());
    StreamStore* stream = store.stream();
    ASSERT_TRUE(stream->append(message("a", "top secret")).ok());
    ASSERT_TRUE(stream->append(message("a", std::string(20000, 'x'))).ok());
    store.commit();
    ASSERT_TRUE(stream->append(message("a", "y")).ok());
    store.commit();
    if (archived) store.archive(0);
    ASSERT_TRUE(stream->remove(1, Erase::kOverwrite).ok());
    store.commit();
    for (auto& [path, node] : fs.names()) {
      EXPECT_EQ(node->bytes.find("top secret"), std::string::npos) << path;
    }
    store.close();
    StepStore again(fs);
    ASSERT_TRUE(again.open());
    EXPECT_TRUE(again.store->damage().empty());
    EXPECT_EQ(again.stream()->state().messages, 2u);
  }
}

// The first sequence passes over a message whose removal is said in a segment that is archived
// later than the position of the stream was said.
TEST(FileStore, RemovalsBelowTheFirstSequenceSurviveArchiving) {
  SimFileSystem fs;
  StepStore store(fs);
  ASSERT_TRUE(store.open());
  StreamStore* stream = store.stream();
  std::string payload(9000, 'x');  // two to a segment
  auto append = [&] {
    ASSERT_TRUE(stream->append(message("a", payload)).ok());
    store.commit();
  };
  for (int i = 0; i < 4; ++i) append();  // segments 1 and 2
  ASSERT_TRUE(stream->remove(2, Erase::kForget).ok());
  append();  // the removal is in segment 3
  append();
  append();
  store.archive(2);  // the position is said behind it
  ASSERT_TRUE(stream->remove(1, Erase::kForget).ok());
  store.commit();
  for (int i = 0; i < 6; ++i) append();
  store.archive(1);
  store.close();
  StepStore again(fs);
  ASSERT_TRUE(again.open());
  EXPECT_EQ(again.stream()->state().first_seq, 3u);
  EXPECT_EQ(again.stream()->state().messages, 11u);
}

TEST(FileStore, FullDiskRefusesWritesServesReadsAndRecovers) {
  SimFileSystem fs;
  StepStore store(fs);
  ASSERT_TRUE(store.open());
  StreamStore* stream = store.stream();
  ASSERT_TRUE(stream->append(message("a", "before")).ok());
  store.commit();
  fs.full = true;
  auto doomed = stream->append(message("a", "doomed"));
  ASSERT_TRUE(doomed.ok());
  ASSERT_TRUE(stream->remove(1, Erase::kForget).ok());
  ASSERT_TRUE(stream->append(message("b", "doomed too")).ok());
  store.commit();
  EXPECT_EQ(store.listener.failures, 1);
  EXPECT_EQ(store.listener.failed_from, doomed->ticket);
  EXPECT_EQ(store.listener.last_error.kind, StorageErrorKind::kFull);
  EXPECT_EQ(stream->state().last_seq, 1u);
  EXPECT_FALSE(store.store->metrics().writable);
  EXPECT_EQ(stream->append(message("a", "refused")).error().kind, StorageErrorKind::kFull);
  EXPECT_EQ(stream->load(1).error().kind, StorageErrorKind::kNotFound);
  fs.full = false;
  store.commit();
  EXPECT_TRUE(store.store->metrics().writable);
  EXPECT_EQ(stream->append(message("a", "after"))->seq, 2u);
  store.commit();
  store.close();
  StepStore again(fs);
  ASSERT_TRUE(again.open());
  stream = again.stream();
  EXPECT_EQ(stream->state().messages, 1u);
  EXPECT_EQ(stream->load(2)->payload, "after");
}

TEST(FileStore, FailedSyncIsNotTriedAgainOnTheSameFile) {
  SimFileSystem fs;
  StepStore store(fs);
  ASSERT_TRUE(store.open());
  StreamStore* stream = store.stream();
  ASSERT_TRUE(stream->append(message("a", "kept")).ok());
  store.commit();
  fs.fail_syncs = 1;
  ASSERT_TRUE(stream->append(message("a", "lost")).ok());
  store.commit();
  EXPECT_EQ(store.listener.failures, 1);
  auto appended = stream->append(message("a", "second try"));
  ASSERT_TRUE(appended.ok()) << appended.error().message;
  EXPECT_EQ(appended->seq, 2u);
  store.commit();
  EXPECT_EQ(store.listener.synced, appended->ticket);
  store.close();
  std::mt19937_64 random(1);
  fs.crash(random, false);
  StepStore again(fs);
  ASSERT_TRUE(again.open());
  stream = again.stream();
  EXPECT_EQ(stream->load(1)->payload, "kept");
  EXPECT_EQ(stream->load(2)->payload, "second try");
  EXPECT_TRUE(again.store->damage().empty());
}

}  // namespace
}  // namespace natrix::storage::tests
