#include "tests/crash/disk/gate.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <future>

namespace natrix::crash {
namespace {

TEST(Gate, FailsTheOrderedOperationsOnly) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  Gate gate([](Op) { FAIL(); });
  gate.fail_at(Op::kSync, 2, 2, ENOSPC);
  EXPECT_EQ(gate.pass(Op::kSync, lock), 0);
  EXPECT_EQ(gate.pass(Op::kWrite, lock), 0);
  EXPECT_EQ(gate.pass(Op::kSync, lock), ENOSPC);
  EXPECT_EQ(gate.pass(Op::kSync, lock), ENOSPC);
  EXPECT_EQ(gate.pass(Op::kSync, lock), 0);
  EXPECT_EQ(gate.refused(), 2U);
}

TEST(Gate, HoldsFromTheOrderedOperationUntilReleased) {
  std::mutex mutex;
  std::promise<Op> frozen;
  Gate gate([&](Op op) { frozen.set_value(op); });
  {
    std::lock_guard lock(mutex);
    gate.freeze_at(Op::kRename, 2);
  }
  auto worker = std::async(std::launch::async, [&] {
    std::unique_lock lock(mutex);
    EXPECT_EQ(gate.pass(Op::kRename, lock), 0);
    EXPECT_EQ(gate.pass(Op::kWrite, lock), 0);
    return gate.pass(Op::kRename, lock);
  });
  EXPECT_EQ(frozen.get_future().get(), Op::kRename);
  std::unique_lock lock(mutex);  // free while an operation is held
  gate.release();
  lock.unlock();
  EXPECT_EQ(worker.get(), EIO);
  lock.lock();
  EXPECT_EQ(gate.pass(Op::kRename, lock), 0);
}

TEST(Gate, AnyMeansWhatChangesSomething) {
  std::mutex mutex;
  int frozen = 0;
  Gate* self = nullptr;
  Gate gate([&](Op op) {
    ++frozen;
    EXPECT_EQ(op, Op::kUnlink);
    self->release();  // so that this test goes on
  });
  self = &gate;
  gate.freeze_at(std::nullopt, 1);
  std::unique_lock lock(mutex);
  EXPECT_EQ(gate.pass(Op::kRead, lock), 0);
  EXPECT_EQ(frozen, 0);
  gate.pass(Op::kUnlink, lock);
  EXPECT_EQ(frozen, 1);
}

}  // namespace
}  // namespace natrix::crash
