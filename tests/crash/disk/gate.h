// Every operation passes here first: it is counted, it may be refused, and it may be the one at
// which the disk stops answering, so that a server can be killed between any two operations.
//
// Used under the mutex of the Disk, which pass() lets go while the disk is frozen.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace natrix::crash {

enum class Op : uint8_t {
  kRead,
  kWrite,
  kSync,
  kTruncate,
  kCreate,
  kRename,
  kUnlink,
  kLink,
  kMkdir,
  kSyncDirectory,
  kCount,
};

std::string_view name_of(Op op);
std::optional<Op> op_named(std::string_view name);

class Gate {
 public:
  // `on_frozen` is told, under the mutex, which operation is held.
  explicit Gate(std::function<void(Op)> on_frozen) : on_frozen_(std::move(on_frozen)) {}

  // 0, or the errno with which the operation has to fail.
  int pass(Op op, std::unique_lock<std::mutex>& lock);

  // Freezes at the `after`-th operation from now of a kind, or of any that changes something.
  void freeze_at(std::optional<Op> op, uint64_t after);
  // Fails `times` operations of a kind, beginning with the `after`-th from now.
  void fail_at(Op op, uint64_t after, uint64_t times, int error);
  // Lets go what is held, with an error, and forgets all that was ordered.
  void release();

  uint64_t passed(Op op) const { return passed_[static_cast<size_t>(op)]; }
  uint64_t refused() const { return refused_; }

 private:
  struct Failure {
    Op op;
    uint64_t after;
    uint64_t times;
    int error;
  };

  bool freezes_now(Op op);

  std::function<void(Op)> on_frozen_;
  std::condition_variable released_;
  bool frozen_ = false;
  bool freeze_ordered_ = false;
  std::optional<Op> freeze_op_;
  uint64_t freeze_after_ = 0;
  std::vector<Failure> failures_;
  std::array<uint64_t, static_cast<size_t>(Op::kCount)> passed_{};
  uint64_t refused_ = 0;
};

}  // namespace natrix::crash
