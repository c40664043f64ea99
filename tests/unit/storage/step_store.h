// A FileStore that works step by step on one thread, with one stream attached.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "broker/storage/file_store.h"
#include "tests/unit/storage/sim_file_system.h"

namespace natrix::storage::tests {

// Runs what is posted when told to, in order.
class QueueExecutor final : public Executor {
 public:
  void post(std::function<void()> task) override {
    if (inline_) {
      task();
    } else {
      tasks_.push_back(std::move(task));
    }
  }
  void run() {
    for (size_t i = 0; i < tasks_.size(); ++i) {
      auto task = std::move(tasks_[i]);
      task();
    }
    tasks_.clear();
  }
  // From now on at once: the archiver waits for answers.
  void set_inline(bool on) {
    run();
    inline_ = on;
  }

 private:
  std::deque<std::function<void()>> tasks_;
  bool inline_ = false;
};

class RecordingListener final : public StreamListener {
 public:
  void on_synced(Ticket through) override { synced = through; }
  void on_failed(Ticket from, const StorageError& error) override {
    ++failures;
    if (failed_from == 0) failed_from = from;  // the first; whoever has dealt with it sets it to 0
    last_error = error;
  }
  Ticket synced = 0;
  Ticket failed_from = 0;
  int failures = 0;
  StorageError last_error;
};

struct StepStore {
  static StoreOptions small_options() {
    StoreOptions options;
    options.directory = "/store";
    options.segment_bytes = 16 * 1024;
    options.replay_segments = 2;
    options.index_memory_max = 8 * 1024;
    options.read_memory_max = 64 * 1024;
    return options;
  }

  explicit StepStore(SimFileSystem& f, StoreOptions o = small_options()) : fs(f), options(o) {}
  ~StepStore() { close(); }

  // False: opening failed (the machine may be off).
  bool open() {
    auto opened = FileStore::open(options, fs, FileStore::Threads::kSteps);
    if (!opened) {
      error = opened.error();
      return false;
    }
    store = std::move(*opened);
    return true;
  }
  // Attached once, made if it is not there.
  StreamStore* stream(const std::string& name = "S", Seq first_seq = 1) {
    StreamStore*& known = attached[name];
    if (known != nullptr) return known;
    for (const StreamInfo& info : store->streams()) {
      if (info.name == name) return known = store->attach(info.id, executor, listener);
    }
    auto id = store->create({0, "A", name, "config", false}, first_seq);
    return known = store->attach(*id, executor, listener);
  }
  void commit() {
    executor.run();
    while (store->commit()) executor.run();
    executor.run();
  }
  // Archives what can be, down to `keep` segments that would be replayed.
  void archive(unsigned keep) {
    executor.set_inline(true);
    for (int i = 0; i < 50 && store->archive(keep); ++i) {
    }
    executor.set_inline(false);
  }
  void close() {
    executor.run();
    store.reset();
    executor.run();
    attached.clear();
  }

  SimFileSystem& fs;
  StoreOptions options;
  QueueExecutor executor;
  RecordingListener listener;
  std::unique_ptr<FileStore> store;
  std::map<std::string, StreamStore*> attached;
  StorageError error;
};

}  // namespace natrix::storage::tests
