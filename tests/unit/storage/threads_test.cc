// The store with its own threads, on real files: several shards append, read, remove and
// acknowledge while segments are archived and rewritten below them; streams come, move between
// shards and go.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include "broker/storage/store.h"

namespace natrix::storage::tests {
namespace {

class Shard final : public Executor {
 public:
  Shard() : thread_([this] { run(); }) {}
  ~Shard() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      come_.notify_one();
    }
    thread_.join();
  }
  void post(std::function<void()> task) override {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    come_.notify_one();
  }
  // Runs it on the shard and waits.
  void call(const std::function<void()>& task) {
    std::atomic<bool> done{false};
    post([&] {
      task();
      done.store(true);
      done.notify_one();
    });
    done.wait(false);
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      come_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (stopping_) return;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }
  std::mutex mutex_;
  std::condition_variable come_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

std::string text_of(StreamId id, Seq seq) {
  return std::to_string(id) + "/" + std::to_string(seq) + std::string(200, 'x');
}

// A stream's work queue: everything synced is delivered, read, acknowledged and, but for every
// tenth, removed.
class Worker final : public StreamListener {
 public:
  Worker(StreamId id, uint64_t messages) : id_(id), left_(messages) {}
  void start(StreamStore* stream) {
    stream_ = stream;
    consumer_ = *stream_->consumer("c", "", false);
    append_some();
  }
  void on_synced(Ticket) override {
    consume();
    append_some();
  }
  void on_failed(Ticket, const StorageError& error) override { FAIL() << error.message; }
  [[nodiscard]] bool done() const { return done_.load(); }

 private:
  void append_some() {
    for (int i = 0; i < 50 && left_ > 0; ++i, --left_) {
      Seq seq = stream_->state().last_seq + 1;
      auto appended = stream_->append(
          {"s." + std::to_string(seq % 50), {}, text_of(id_, seq), static_cast<Nanos>(seq), 0, {}});
      ASSERT_TRUE(appended.ok()) << appended.error().message;
    }
    done_.store(left_ == 0 && next_ > stream_->last_synced() &&
                stream_->last_synced() == stream_->state().last_seq);
  }
  void consume() {
    for (; next_ <= stream_->last_synced(); ++next_) {
      auto loaded = stream_->load(next_);
      ASSERT_TRUE(loaded.ok()) << loaded.error().message;
      ASSERT_EQ(loaded->payload, text_of(id_, next_));
      consumer_->deliver({next_, next_}, 1, 1, true);
      consumer_->acknowledge(next_);
      if (next_ % 10 == 0) continue;
      ASSERT_TRUE(stream_->remove(next_).ok());
    }
  }
  StreamId id_;
  uint64_t left_;
  StreamStore* stream_ = nullptr;
  ConsumerStore* consumer_ = nullptr;
  Seq next_ = 1;
  std::atomic<bool> done_{false};
};

class Threads : public ::testing::Test {
 protected:
  Threads() : directory_(::testing::TempDir() + "/store_threads." + std::to_string(::getpid())) {
    std::filesystem::remove_all(directory_);
    options_.directory = directory_;
    options_.segment_bytes = 256 * 1024;
    options_.replay_segments = 2;
    options_.index_memory_max = 64 * 1024;
    options_.read_memory_max = 256 * 1024;
    options_.lazy_write = std::chrono::milliseconds(5);
  }
  ~Threads() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
  StoreOptions options_;
};

TEST_F(Threads, ShardsWorkWhileSegmentsAreArchived) {
  constexpr int kStreams = 12;
  constexpr uint64_t kMessages = 1500;
  {
    auto opened = open_store(options_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    std::unique_ptr<Store> store = std::move(*opened);
    std::deque<Shard> shards(3);
    std::deque<Worker> workers;
    for (int i = 0; i < kStreams; ++i) {
      auto id = store->create({0, "A", "S" + std::to_string(i), "config", false}, 1);
      Worker& worker = workers.emplace_back(*id, kMessages);
      Shard& shard = shards[static_cast<size_t>(i) % 3];
      StreamStore* stream = store->attach(*id, shard, worker);
      shard.post([&worker, stream] { worker.start(stream); });
    }
    for (Worker& worker : workers) {
      while (!worker.done() && !HasFailure()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    }
    std::atomic<int> removed{0};
    for (const StreamInfo& info : store->streams()) {
      Shard& shard = shards[(info.id - 1) % 3];
      shard.call([&] { store->detach(info.id); });
      if (info.id % 4 == 0) {
        store->remove(info.id, [&](StorageResult<void> done) { removed += done.ok(); });
      }
    }
    while (removed != kStreams / 4) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(store->damage().empty());
    shards.clear();
  }
  auto opened = open_store(options_);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_TRUE((*opened)->damage().empty());
  EXPECT_EQ((*opened)->streams().size(), static_cast<size_t>(kStreams - kStreams / 4));
  Shard shard;
  for (const StreamInfo& info : (*opened)->streams()) {
    Worker listener(info.id, 0);
    StreamStore* stream = (*opened)->attach(info.id, shard, listener);
    shard.call([&] {
      EXPECT_EQ(stream->state().last_seq, kMessages);
      EXPECT_EQ(stream->state().messages, kMessages / 10);
      for (Seq seq = 10; seq <= kMessages; seq += 10) {
        auto loaded = stream->load(seq);
        ASSERT_TRUE(loaded.ok()) << loaded.error().message;
        ASSERT_EQ(loaded->payload, text_of(info.id, seq));
      }
      EXPECT_EQ(stream->find_consumer("c")->state().ack_floor().stream, kMessages);
      (*opened)->detach(info.id);
    });
  }
}

TEST_F(Threads, OneProcessAtATime) {
  auto first = open_store(options_);
  ASSERT_TRUE(first.ok());
  auto second = open_store(options_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().kind, StorageErrorKind::kIo);
}

TEST_F(Threads, UnsyncedModeSyncsAtItsInterval) {
  options_.sync_interval = std::chrono::milliseconds(20);
  auto opened = open_store(options_);
  ASSERT_TRUE(opened.ok());
  Shard shard;
  Worker worker(1, 2000);
  auto id = (*opened)->create({0, "A", "S", "", false}, 1);
  StreamStore* stream = (*opened)->attach(*id, shard, worker);
  shard.post([&] { worker.start(stream); });
  while (!worker.done() && !HasFailure()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  shard.call([&] { (*opened)->detach(*id); });
  EXPECT_EQ((*opened)->metrics().failed_batches, 0u);
}

}  // namespace
}  // namespace natrix::storage::tests
