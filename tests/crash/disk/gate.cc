#include "tests/crash/disk/gate.h"

#include <cerrno>

namespace natrix::crash {

namespace {

constexpr std::array<std::string_view, static_cast<size_t>(Op::kCount)> kNames = {
    "read", "write", "sync", "truncate", "create", "rename", "unlink", "link", "mkdir", "syncdir"};

}  // namespace

std::string_view name_of(Op op) {
  return kNames[static_cast<size_t>(op)];
}

std::optional<Op> op_named(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Op>(i);
  }
  return std::nullopt;
}

bool Gate::freezes_now(Op op) {
  if (!freeze_ordered_ || (freeze_op_ ? op != *freeze_op_ : op == Op::kRead)) return false;
  if (freeze_after_ > 1) {
    --freeze_after_;
    return false;
  }
  freeze_ordered_ = false;
  return true;
}

int Gate::pass(Op op, std::unique_lock<std::mutex>& lock) {
  if (freezes_now(op)) {
    frozen_ = true;
    on_frozen_(op);
  }
  if (frozen_) {
    released_.wait(lock, [this] { return !frozen_; });
    return EIO;
  }
  ++passed_[static_cast<size_t>(op)];
  for (Failure& failure : failures_) {
    if (failure.op != op || failure.times == 0) continue;
    if (failure.after > 1) {
      --failure.after;
      continue;
    }
    --failure.times;
    ++refused_;
    return failure.error;
  }
  return 0;
}

void Gate::freeze_at(std::optional<Op> op, uint64_t after) {
  freeze_ordered_ = true;
  freeze_op_ = op;
  freeze_after_ = after;
}

void Gate::fail_at(Op op, uint64_t after, uint64_t times, int error) {
  std::erase_if(failures_, [](const Failure& failure) { return failure.times == 0; });
  failures_.push_back({op, after, times, error});
}

void Gate::release() {
  frozen_ = false;
  freeze_ordered_ = false;
  failures_.clear();
  released_.notify_all();
}

}  // namespace natrix::crash
