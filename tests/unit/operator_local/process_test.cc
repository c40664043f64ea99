// Child processes: how they start, end and are seen to end.
#include "operator/local/agent/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace natrix::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class Processes : public ::testing::Test {
 protected:
  std::unique_ptr<Process> shell(const std::string& script) { return shell(script, host_); }
  std::unique_ptr<Process> shell(const std::string& script, ProcessHost& host) {
    auto process =
        host.start({{"sh", "-c", script}, {"PATH=/usr/bin:/bin", "X=y"}, dir_.path().string(), -1});
    EXPECT_TRUE(process.ok());
    return std::move(*process);
  }
  std::string read(const char* name) {
    std::ifstream file(dir_.path() / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Gone, or only waiting to be collected by somebody else.
  static bool gone(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text{std::istreambuf_iterator<char>(file), {}};
    const size_t end = text.rfind(')');
    return end == std::string::npos || text[end + 2] == 'Z' || text[end + 2] == 'X';
  }

  tests::TempDir dir_;
  ProcessHost host_;
};

TEST_F(Processes, ExitCodesAndSignalsAreTold) {
  auto status = shell("exit 3")->wait(seconds(30));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 3);
  EXPECT_EQ(status->signal, 0);
  auto process = shell("sleep 100");
  EXPECT_FALSE(process->wait(milliseconds(0)));
  process->signal(SIGTERM);
  status = process->wait(seconds(30));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 143);
  EXPECT_EQ(status->signal, SIGTERM);
  process->signal(SIGTERM);  // nobody is there to get it
}

TEST_F(Processes, ChildrenGetTheirEnvironmentDirectoryAndNothingOfOurs) {
  signal(SIGUSR1, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  const int ours = open("/dev/null", O_RDONLY);  // without close-on-exec
  {
    ProcessHost with_blocked_signals;
    // The last command takes the shell's place: looked at from a child, a shell may just be
    // blocking signals of its own while it forks.
    shell("echo $X $(pwd) > out; ls -l /proc/$$/fd > fds; exec cat /proc/self/status > status",
          with_blocked_signals)
        ->wait(seconds(30));
  }
  close(ours);
  pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
  signal(SIGUSR1, SIG_DFL);
  EXPECT_EQ(read("out"), "y " + std::filesystem::canonical(dir_.path()).string() + "\n");
  EXPECT_EQ(read("fds").find(" " + std::to_string(ours) + " ->"), std::string::npos) << read("fds");
  EXPECT_THAT(read("status"), HasSubstr("SigBlk:\t0000000000000000"));
}

TEST_F(Processes, WhatCannotStartSaysWhy) {
  const auto missing = host_.start({{"/no/such/program"}, {}, "", -1});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().message, "/no/such/program: No such file or directory");
  EXPECT_FALSE(host_.start({{"true"}, {}, "/no/such/directory", -1}).ok());
  EXPECT_FALSE(host_.start({{"no-such-name"}, {"PATH=/bin"}, "", -1}).ok());
}

TEST_F(Processes, DestructionKills) {
  auto process = shell("trap '' TERM; sleep 100");
  const pid_t pid = process->pid();
  process.reset();
  EXPECT_TRUE(gone(pid));
}

TEST_F(Processes, WhatAChildLeftBehindInItsGroupGoesWithIt) {
  auto process = shell("sleep 1000 & echo $! > left");
  ASSERT_TRUE(process->wait(seconds(30)));
  const pid_t left = std::stoi(read("left"));
  EXPECT_TRUE(tests::eventually([&] { return gone(left); }));
}

TEST_F(Processes, ChildrenOutliveTheThreadThatAskedForThem) {
  std::unique_ptr<Process> process;
  std::thread([&] { process = shell("sleep 100"); }).join();
  EXPECT_FALSE(process->wait(milliseconds(200)));
}

TEST_F(Processes, ManyAtOnceFromManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 10; ++n) {
        const auto status = shell("exit " + std::to_string(i))->wait(seconds(60));
        if (status && status->code == i) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 80);
}

}  // namespace
}  // namespace natrix::agent
