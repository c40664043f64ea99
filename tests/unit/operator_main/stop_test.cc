#include "operator/main/stop.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

namespace natrix::operator_main {
namespace {

using namespace std::chrono_literals;

TEST(StopRequest, SeesASignalSentBeforeOrWhileWaiting) {
  StopRequest stop;
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(stop.wait(), StopRequest::Cause::kSignal);

  StopRequest again;
  std::thread sender([] {
    std::this_thread::sleep_for(20ms);
    ::kill(::getpid(), SIGINT);
  });
  EXPECT_EQ(again.wait(), StopRequest::Cause::kSignal);
  sender.join();
}

TEST(StopRequest, SeesAFailureFromAnotherThread) {
  StopRequest stop;
  std::thread failing([&] { stop.fail(); });
  EXPECT_EQ(stop.wait(), StopRequest::Cause::kFailure);
  failing.join();
}

TEST(StopRequest, WaitsNoLongerThanAsked) {
  StopRequest stop;
  EXPECT_EQ(stop.wait_for(5ms), std::nullopt);
  stop.fail();
  EXPECT_EQ(stop.wait_for(10s), StopRequest::Cause::kFailure);
}

TEST(StopRequestDeathTest, SecondSignalEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        StopRequest stop;
        ::kill(::getpid(), SIGTERM);
        stop.wait();
        ::raise(SIGTERM);
        ::exit(0);
      },
      testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace natrix::operator_main
