// FaultyApi: a MemoryApi that misbehaves as a plan and a seed say, for tests of controllers: errors
// instead of answers, writes that happen although the caller is told otherwise, reads from the
// past, crashes before or after the nth write, watches that are cut, silent, doubled or lossy.
//
// Safe from any thread, but a run repeats from its seed only when one thread at a time calls.
#pragma once

#include <chrono>
#include <exception>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "operator/local/memory_api/memory_api.h"

namespace natrix::memory_api {

// Chances are per call (per event for watches), 0 to 1.
struct FaultPlan {
  double stale_read = 0;  // get and list answer from up to `staleness` changes ago
  uint64_t staleness = 30;
  double read_error = 0;        // one of 429, 500, timeout, connection lost
  double write_conflict = 0;    // 409 although nothing else wrote
  double write_refused = 0;     // one of 429, 500, timeout, connection lost; nothing was written
  double write_unanswered = 0;  // timeout or connection lost; it was written
  double list_gone = 0;         // 410
  double watch_refused = 0;     // 410 or connection lost when it is opened
  double watch_cut = 0;         // connection lost after an event
  double watch_gone = 0;        // 410 after an event
  double watch_duplicate = 0;   // the event comes twice
  double watch_drop = 0;        // the event never comes
  double watch_reorder = 0;     // the event comes after the next one
  double watch_silent = 0;      // from here on nothing comes until the watch is cancelled
  // A client notices silence by the bookmarks that do not come: the watch then fails with kTimeout,
  // at the first event or bookmark that it should have had after so long. Absent: it notices
  // nothing.
  std::optional<std::chrono::milliseconds> silence_noticed_after;
  // The process dies (Crash is thrown) instead of, or right after, this write; the first is 1.
  std::optional<uint64_t> crash_before_write;
  std::optional<uint64_t> crash_after_write;
};

// Stands for kill -9 of the caller: thrown through its code to the test, which starts it anew.
class Crash : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "injected crash"; }
};

class FaultyApi : public kube::Api {
 public:
  // `inner` must outlive this object.
  FaultyApi(MemoryApi& inner, FaultPlan plan, uint64_t seed);

  // From now on: another plan (the default one is a healthy API). Counters go on.
  void set_plan(FaultPlan plan);
  [[nodiscard]] uint64_t writes() const;
  // What was injected so far, one line a fault, newest last; at most 1000 are kept.
  [[nodiscard]] std::vector<std::string> injected() const;

  kube::ApiResult<Json> get(const kube::ObjectRef& ref) override;
  kube::ApiResult<kube::ObjectList> list(const kube::ResourceType& type,
                                         const kube::ListOptions& options) override;
  kube::ApiResult<void> watch(const kube::ResourceType& type, const kube::WatchOptions& options,
                              const std::function<void(kube::WatchEvent)>& on_event,
                              const std::shared_ptr<kube::CancelToken>& cancel) override;
  std::shared_ptr<kube::CancelToken> make_cancel_token() override;
  kube::ApiResult<Json> create(const kube::ResourceType& type, const Json& object) override;
  kube::ApiResult<Json> replace(const kube::ObjectRef& ref, const Json& object) override;
  kube::ApiResult<Json> apply(const kube::ObjectRef& ref, const Json& object,
                              const std::string& manager) override;
  kube::ApiResult<Json> apply_status(const kube::ObjectRef& ref, const Json& object,
                                     const std::string& manager) override;
  kube::ApiResult<Json> merge_patch(const kube::ObjectRef& ref, const Json& patch) override;
  kube::ApiResult<void> remove(const kube::ObjectRef& ref,
                               const kube::DeletePreconditions& preconditions,
                               kube::Propagation propagation) override;

 private:
  enum class WatchFault : uint8_t { kNone, kCut, kGone, kDuplicate, kDrop, kReorder, kSilent };

  bool chance(double probability);
  void note(std::string what);
  kube::ApiError transport_error(const std::string& what, bool may_have_happened);
  std::optional<uint64_t> stale_revision();
  std::optional<std::chrono::milliseconds> silence_noticed_after();
  WatchFault watch_fault();
  class Stream;  // one watch
  // Faults around a write; `write` is called at most once.
  template <class T>
  kube::ApiResult<T> around_write(const std::string& what,
                                  const std::function<kube::ApiResult<T>()>& write);

  MemoryApi& inner_;
  mutable std::mutex mutex_;
  FaultPlan plan_;
  std::mt19937_64 random_;
  uint64_t writes_ = 0;
  std::vector<std::string> injected_;
};

}  // namespace natrix::memory_api
