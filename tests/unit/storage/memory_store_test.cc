#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/storage/memory_stream_store.h"
#include "broker/storage/store.h"
#include "tests/unit/storage/random_stream.h"

namespace natrix::storage::tests {
namespace {

using ::testing::ElementsAre;

NewMessage message(std::string_view subject, std::string_view payload, Nanos time = 1) {
  return {subject, {}, payload, time, 0, {}};
}

TEST(MemoryStream, AgreesWithTheModel) {
  for (uint64_t seed = 1; seed <= 30 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Seq first = seed % 5 == 0 ? 1000 : 1;
    MemoryStreamStore store("", first);
    RandomStream random(seed, false, first);
    random.wide = seed % 3 == 0;
    random.groups = seed % 2 == 1;
    for (int i = 0; i < 1500 && !HasFailure(); ++i) {
      random.step(store);
      if (i % 10 == 0 && !HasFailure()) random.compare(store);
    }
    if (!HasFailure()) random.compare_all(store);
  }
}

// More than a chunk, so that questions cross borders.
TEST(MemoryStream, AgreesWithTheModelOverManyChunks) {
  for (uint64_t seed = 100; seed < 103 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    MemoryStreamStore store("", 1);
    RandomStream random(seed, false);
    random.wide = seed == 101;
    for (int i = 0; i < 40000 && !HasFailure(); ++i) {
      if (i % 16 == 0) {
        random.step(store);
      } else {
        random.append(store);
      }
      if (i % 4000 == 3999 && !HasFailure()) random.compare(store);
    }
    if (!HasFailure()) random.compare_all(store);
  }
}

TEST(MemoryStream, LoadedMessageOutlivesItsRemoval) {
  MemoryStreamStore store("", 1);
  ASSERT_TRUE(store.append(message("a", "payload")).ok());
  auto loaded = store.load(1);
  ASSERT_TRUE(loaded.ok());
  ASSERT_TRUE(store.remove(1, Erase::kOverwrite).ok());
  EXPECT_EQ(loaded->payload, "payload");
  EXPECT_EQ(store.load(1).error().kind, StorageErrorKind::kNotFound);
}

TEST(MemoryStream, RefusesSequencesGivenOut) {
  MemoryStreamStore store("", 1);
  NewMessage m = message("a", "1");
  m.seq = 5;
  EXPECT_EQ(store.append(m)->seq, 5u);
  EXPECT_EQ(store.append(m).error().kind, StorageErrorKind::kInvalid);
  EXPECT_THAT(store.deleted(10), ElementsAre());
  EXPECT_EQ(store.state().first_seq, 5u);
}

TEST(MemoryStream, TakesAGroupWholeOrNotAtAll) {
  MemoryStreamStore store("", 1);
  std::vector<NewMessage> group = {message("a", "1"), message("b", "2")};
  EXPECT_EQ(store.append_all({}).error().kind, StorageErrorKind::kInvalid);
  group[0].seq = 5;
  group[1].seq = 5;
  EXPECT_EQ(store.append_all(group).error().kind, StorageErrorKind::kInvalid);
  EXPECT_EQ(store.state().messages, 0u);
  group[1].seq.reset();
  EXPECT_EQ(store.append_all(group)->seq, 5u);
  EXPECT_EQ(store.load(6)->payload, "2");
}

TEST(MemoryStream, WritesAreCompleteAtOnce) {
  MemoryStreamStore store("", 1);
  auto first = store.append(message("a", "1"));
  EXPECT_EQ(store.synced(), first->ticket);
  EXPECT_EQ(store.last_synced(), 1u);
  auto second = store.remove(1, Erase::kForget);
  EXPECT_GT(second->ticket, first->ticket);
  EXPECT_EQ(store.synced(), store.barrier());
}

TEST(MemoryStream, MultiLastHasALimit) {
  MemoryStreamStore store("", 1);
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(store.append(message("k." + std::to_string(i), "")).ok());
  EXPECT_EQ(store.multi_last(Filter("k.*"), 100, 9).error().kind, StorageErrorKind::kFull);
  EXPECT_EQ(store.multi_last(Filter("k.*"), 100, 10)->size(), 10u);
}

TEST(MemoryStream, DigestDependsOnContentOnly) {
  MemoryStreamStore a("", 1), b("", 1);
  for (auto* store : {&a, &b}) {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(store->append(message("s", std::to_string(i))).ok());
  }
  ASSERT_TRUE(a.remove(2, Erase::kForget).ok());
  EXPECT_NE(*a.digest(1, 5), *b.digest(1, 5));
  EXPECT_EQ(*a.digest(3, 5), *b.digest(3, 5));
  ASSERT_TRUE(b.purge({{}, 3, 1}).ok());
  ASSERT_TRUE(a.compact(2).ok());
  ASSERT_TRUE(a.remove(3, Erase::kForget).ok());
  ASSERT_TRUE(b.remove(3, Erase::kForget).ok());
  ASSERT_TRUE(b.remove(2, Erase::kForget).ok());
  EXPECT_EQ(*a.digest(1, 5), *b.digest(1, 5));
}

TEST(MemoryStore, KeepsStreamsUntilRemoved) {
  auto opened = open_store({});
  ASSERT_TRUE(opened.ok());
  Store& store = **opened;
  EXPECT_EQ(store.create({0, "A", "file", "", false}, 1).error().kind, StorageErrorKind::kInvalid);
  auto id = store.create({0, "A", "S", "config", true}, 7);
  ASSERT_TRUE(id.ok());
  ASSERT_EQ(store.streams().size(), 1u);
  EXPECT_EQ(store.streams()[0].name, "S");

  struct Nobody : Executor, StreamListener {
    void post(std::function<void()>) override {}
    void on_synced(Ticket) override {}
    void on_failed(Ticket, const StorageError&) override {}
  } nobody;
  StreamStore* stream = store.attach(*id, nobody, nobody);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(stream->append(message("x", "y"))->seq, 7u);
  bool removed = false;
  store.remove(*id, [&](StorageResult<void> result) { removed = result.ok(); });
  EXPECT_TRUE(removed);
  EXPECT_EQ(store.attach(*id, nobody, nobody), nullptr);
}

TEST(MemoryStream, KeepsConsumers) {
  MemoryStreamStore store("", 1);
  ConsumerStore* consumer = *store.consumer("c", "{}", false);
  consumer->deliver({1, 4}, 1, 10, true);
  EXPECT_EQ(store.find_consumer("c"), consumer);
  EXPECT_EQ(*store.consumer("c", "{\"x\":1}", false), consumer);
  EXPECT_EQ(consumer->config(), "{\"x\":1}");
  EXPECT_TRUE(consumer->acknowledge(4));
  EXPECT_EQ(consumer->state().ack_floor(), (SequencePair{1, 4}));
  EXPECT_TRUE(store.remove_consumer("c").ok());
  EXPECT_EQ(store.find_consumer("c"), nullptr);
  EXPECT_FALSE(store.remove_consumer("c").ok());
}

}  // namespace
}  // namespace natrix::storage::tests
