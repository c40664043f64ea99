// The store by itself, on the disk where NATRIX_BENCH_DIR (or the working directory) is.
//   build/bin/storage_bench [--benchmark_filter=...]
// Figures depend on the disk: compare inside one run only.
#include <benchmark/benchmark.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <mutex>
#include <random>
#include <string>

#include "broker/storage/store.h"

namespace {

using namespace natrix::storage;

std::string fresh_directory() {
  const char* base = std::getenv("NATRIX_BENCH_DIR");
  std::string path = std::string(base == nullptr ? "." : base) + "/storage_bench.data";
  std::filesystem::remove_all(path);
  return path;
}

// The benchmark's thread is the shard.
class Loop final : public Executor, public StreamListener {
 public:
  void post(std::function<void()> task) override {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    come_.notify_one();
  }
  void on_synced(Ticket) override { ++batches; }
  void on_failed(Ticket, const StorageError&) override { std::abort(); }
  void run_waiting(bool block) {
    std::deque<std::function<void()>> now;
    {
      std::unique_lock lock(mutex_);
      if (block) come_.wait(lock, [this] { return !tasks_.empty(); });
      now.swap(tasks_);
    }
    for (auto& task : now) task();
  }
  void wait_for(StreamStore& stream, Ticket ticket) {
    while (stream.synced() < ticket) run_waiting(true);
  }
  uint64_t batches = 0;

 private:
  std::mutex mutex_;
  std::condition_variable come_;
  std::deque<std::function<void()>> tasks_;
};

struct Bench {
  explicit Bench(bool file, std::chrono::nanoseconds interval = std::chrono::nanoseconds{0}) {
    StoreOptions options;
    options.sync_interval = interval;
    if (file) options.directory = fresh_directory();
    directory = options.directory;
    store = std::move(*open_store(options));
    in_memory = !file;
  }
  ~Bench() {
    store.reset();
    if (!directory.empty()) std::filesystem::remove_all(directory);
  }
  StreamStore* stream(const std::string& name = "S") {
    auto id = store->create({0, "A", name, "", in_memory}, 1);
    return store->attach(*id, loop, loop);
  }
  Loop loop;
  std::string directory;
  std::unique_ptr<Store> store;
  bool in_memory = false;
};

constexpr uint64_t kWindow = 1024;  // publishes in flight

void append_windowed(benchmark::State& state, bool file, std::chrono::nanoseconds interval) {
  Bench bench(file, interval);
  StreamStore* stream = bench.stream();
  std::string payload(static_cast<size_t>(state.range(0)), 'x');
  Ticket last = 0;
  int64_t time = 0;
  for (auto _ : state) {
    auto done = stream->append({"bench.subject", {}, payload, ++time, 0, {}});
    last = done->ticket;
    while (last - stream->synced() >= kWindow) bench.loop.run_waiting(true);
  }
  bench.loop.wait_for(*stream, last);
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
  if (!file) return;
  StoreMetrics metrics = bench.store->metrics();
  state.counters["batches"] = static_cast<double>(metrics.synced_batches);
  state.counters["written/payload"] =
      static_cast<double>(metrics.written_bytes) /
      static_cast<double>(state.iterations() * std::max<int64_t>(1, state.range(0)));
}

void BM_AppendMemory(benchmark::State& state) {
  append_windowed(state, false, {});
}
void BM_AppendSynced(benchmark::State& state) {
  append_windowed(state, true, {});
}
void BM_AppendUnsynced(benchmark::State& state) {
  append_windowed(state, true, std::chrono::seconds(120));
}
BENCHMARK(BM_AppendMemory)->Arg(128)->Arg(1024)->UseRealTime();
BENCHMARK(BM_AppendSynced)->Arg(128)->Arg(1024)->UseRealTime();
BENCHMARK(BM_AppendUnsynced)->Arg(128)->Arg(1024)->UseRealTime();

// One message on each of many streams, then all synced.
void BM_AppendManyStreams(benchmark::State& state) {
  Bench bench(true);
  std::vector<StreamStore*> streams;
  for (int64_t i = 0; i < state.range(0); ++i) {
    streams.push_back(bench.stream("S" + std::to_string(i)));
  }
  for (StreamStore* stream : streams) bench.loop.wait_for(*stream, stream->barrier());
  std::string payload(128, 'x');
  uint64_t before = bench.store->metrics().synced_batches;
  for (auto _ : state) {
    for (StreamStore* stream : streams) {
      if (!stream->append({"a", {}, payload, 1, 0, {}})) std::abort();
    }
    for (StreamStore* stream : streams) bench.loop.wait_for(*stream, stream->barrier());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["batches/round"] =
      static_cast<double>(bench.store->metrics().synced_batches - before) /
      static_cast<double>(state.iterations());
}
BENCHMARK(BM_AppendManyStreams)->Arg(1)->Arg(1000)->UseRealTime();

// `subjects` subjects, at most one message each: every append displaces one.
void BM_PerSubjectLimit(benchmark::State& state) {
  Bench bench(true);
  StreamStore* stream = bench.stream();
  std::vector<std::string> subjects;
  for (int64_t i = 0; i < state.range(0); ++i) subjects.push_back("kv." + std::to_string(i));
  std::string payload(128, 'x');
  std::mt19937 random(1);
  std::deque<std::pair<Ticket, size_t>> waiting;
  auto enforce = [&] {
    while (!waiting.empty() && waiting.front().first <= stream->synced()) {
      const std::string& subject = subjects[waiting.front().second];
      waiting.pop_front();
      SubjectState now = stream->subject(subject);
      if (now.messages > 1) (void)stream->remove(now.first_seq);
    }
  };
  for (auto _ : state) {
    size_t pick = random() % subjects.size();
    auto done = stream->append({subjects[pick], {}, payload, 1, 0, {}});
    waiting.emplace_back(done->ticket, pick);
    while (waiting.size() >= kWindow) {
      bench.loop.run_waiting(true);
      enforce();
    }
  }
  bench.loop.wait_for(*stream, stream->barrier());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_PerSubjectLimit)->Arg(1)->Arg(1024)->UseRealTime();

// Publish, deliver, acknowledge, remove.
void BM_WorkQueue(benchmark::State& state) {
  Bench bench(true);
  StreamStore* stream = bench.stream();
  ConsumerStore* consumer = *stream->consumer("c", "", false);
  std::string payload(static_cast<size_t>(state.range(0)), 'x');
  Seq next = 1;
  Ticket last = 0;
  for (auto _ : state) {
    auto done = stream->append({"work.item", {}, payload, static_cast<Nanos>(next), 0, {}});
    last = done->ticket;
    while (last - stream->synced() >= kWindow) bench.loop.run_waiting(true);
    for (; next <= stream->last_synced(); ++next) {
      consumer->deliver({next, next}, 1, static_cast<Nanos>(next), true);
      consumer->acknowledge(next);
      if (!stream->remove(next)) std::abort();
    }
  }
  bench.loop.wait_for(*stream, stream->barrier());
  state.SetItemsProcessed(state.iterations());
  state.counters["written/payload"] = static_cast<double>(bench.store->metrics().written_bytes) /
                                      static_cast<double>(state.iterations() * state.range(0));
}
BENCHMARK(BM_WorkQueue)->Arg(128)->Arg(1024)->UseRealTime();

void fill(Bench& bench, StreamStore* stream, uint64_t messages, size_t size, size_t subjects) {
  std::string payload(size, 'x');
  Ticket last = 0;
  for (uint64_t i = 0; i < messages; ++i) {
    auto done = stream->append(
        {"load." + std::to_string(i % subjects), {}, payload, static_cast<Nanos>(i), 0, {}});
    if (!done) std::abort();
    last = done->ticket;
    while (last - stream->synced() >= 4 * kWindow) bench.loop.run_waiting(true);
  }
  bench.loop.wait_for(*stream, last);
}

void BM_LoadSequential(benchmark::State& state) {
  Bench bench(state.range(0) != 0);
  StreamStore* stream = bench.stream();
  constexpr uint64_t kMessages = 200000;
  fill(bench, stream, kMessages, 128, 100);
  Seq at = 1;
  for (auto _ : state) {
    auto message = stream->load_next({}, at);
    if (!message) std::abort();
    benchmark::DoNotOptimize(message->payload.data());
    at = message->seq == kMessages ? 1 : message->seq + 1;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_LoadSequential)->Arg(0)->Arg(1);

void BM_LoadLastBySubject(benchmark::State& state) {
  Bench bench(true);
  StreamStore* stream = bench.stream();
  fill(bench, stream, 200000, 128, 10000);
  std::mt19937 random(1);
  for (auto _ : state) {
    auto message = stream->load_last(Filter("load." + std::to_string(random() % 10000)));
    if (!message) std::abort();
    benchmark::DoNotOptimize(message->payload.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_LoadLastBySubject);

void BM_PendingWildcard(benchmark::State& state) {
  Bench bench(false);
  StreamStore* stream = bench.stream();
  fill(bench, stream, 1000000, 8, 100000);
  Filter filter("load.*");
  std::mt19937 random(1);
  for (auto _ : state) benchmark::DoNotOptimize(stream->pending(filter, random() % 1000000));
}
BENCHMARK(BM_PendingWildcard)->Unit(benchmark::kMillisecond);

// Opening a store of `range(0)` MiB in messages of 1 KB.
void BM_Open(benchmark::State& state) {
  Bench bench(true);
  StreamStore* stream = bench.stream();
  fill(bench, stream, static_cast<uint64_t>(state.range(0)) * 1024, 1000, 1000);
  StoreOptions options;
  options.directory = bench.directory;
  for (auto _ : state) {
    state.PauseTiming();
    bench.store.reset();
    state.ResumeTiming();
    bench.store = std::move(*open_store(options));
  }
  state.counters["segments"] = static_cast<double>(bench.store->metrics().segments);
}
BENCHMARK(BM_Open)->Arg(256)->Arg(1024)->Iterations(3)->UseRealTime()->Unit(
    benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
