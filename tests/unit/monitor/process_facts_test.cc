// Facts of the process, against what the test process can bring about.
#include "broker/monitor/process_facts.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

namespace natrix::monitor {
namespace {

TEST(ProcessFacts, AreThoseOfThisProcess) {
  ProcessFacts facts = ProcessSampler().facts();
  EXPECT_GT(facts.resident_bytes, 1 << 20);
  EXPECT_GT(facts.virtual_bytes, facts.resident_bytes);
  EXPECT_GE(facts.cores, 1);
  EXPECT_GT(facts.max_fds, 3);
  EXPECT_GE(facts.threads, 1);
  auto age = std::chrono::system_clock::now() - facts.start;
  EXPECT_GT(age, std::chrono::seconds(-2));  // the boot time is known to the second
  EXPECT_LT(age, std::chrono::hours(1));
}

TEST(ProcessFacts, DescriptorsAreCounted) {
  ProcessSampler sampler;
  int64_t before = sampler.facts().open_fds;
  EXPECT_GE(before, 3);
  int one = open("/dev/null", O_RDONLY), two = open("/dev/null", O_RDONLY);
  EXPECT_EQ(sampler.facts().open_fds, before + 2);
  close(one);
  close(two);
  EXPECT_EQ(sampler.facts().open_fds, before);
}

TEST(ProcessFacts, MemoryGrows) {
  ProcessSampler sampler;
  int64_t before = sampler.facts().resident_bytes;
  std::vector<char> block(64 << 20, 'x');
  EXPECT_GT(sampler.facts().resident_bytes, before + (48 << 20));
  EXPECT_EQ(block[12345], 'x');
}

TEST(ProcessFacts, ThreadsAreCounted) {
  ProcessSampler sampler;
  std::atomic<bool> end{false};
  int64_t before = sampler.facts().threads;
  std::thread other([&] {
    while (!end) std::this_thread::yield();
  });
  EXPECT_EQ(sampler.facts().threads, before + 1);
  end = true;
  other.join();
}

TEST(ProcessFacts, ProcessorUseIsTakenOverAWindow) {
  ProcessSampler sampler;
  double spent_before = sampler.facts().cpu_seconds;
  auto begin = ProcessSampler::Clock::now();
  volatile uint64_t work = 0;
  while (sampler.facts().cpu_seconds < spent_before + 0.2) work = work + 1;
  sampler.sample(begin + std::chrono::milliseconds(100));
  EXPECT_EQ(sampler.facts().cpu_percent, 0) << "the window is too short to say";
  sampler.sample(begin + std::chrono::seconds(1));
  double busy = sampler.facts().cpu_percent;
  EXPECT_GE(busy, 20);
  EXPECT_LT(busy, 200);
  EXPECT_NEAR(busy * 10, std::round(busy * 10), 1e-6);
  sampler.sample(begin + std::chrono::seconds(101));
  EXPECT_LT(sampler.facts().cpu_percent, busy / 10);
}

}  // namespace
}  // namespace natrix::monitor
