#include "broker/jetstream/consumer/pull_queue.h"

#include <gtest/gtest.h>

namespace natrix::jetstream::consumer {
namespace {

TEST(PullRequest, InAllItsForms) {
  EXPECT_EQ(parse_pull_request("")->batch, 1);
  EXPECT_EQ(parse_pull_request(" 17 ")->batch, 17);
  EXPECT_EQ(parse_pull_request("what")->batch, 1);
  auto request = parse_pull_request(
      R"({"batch":5,"expires":1000,"max_bytes":7,"no_wait":true,"idle_heartbeat":500})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->batch, 5);
  EXPECT_EQ(request->expires, 1000);
  EXPECT_EQ(request->max_bytes, 7);
  EXPECT_TRUE(request->no_wait);
}

TEST(PullRequest, Refused) {
  EXPECT_EQ(parse_pull_request(R"({"expires":999,"idle_heartbeat":500})").error().message,
            "heartbeat value too large");
  EXPECT_FALSE(parse_pull_request("{"));
  EXPECT_FALSE(parse_pull_request(R"({"batch":"x"})"));
}

TEST(PullQueue, ServesInTurn) {
  PullQueue queue(3);
  for (const char* name : {"a", "b", "c"}) queue.add({.reply = name, .left = 2});
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(queue.wanted(), 6u);
  EXPECT_EQ(queue.front().reply, "a");
  queue.rotate();
  EXPECT_EQ(queue.front().reply, "b");
  queue.retain([](Pull& pull) { return pull.reply != "b"; });
  EXPECT_EQ(queue.front().reply, "c");
  EXPECT_EQ(queue.size(), 2u);
}

TEST(PullQueue, LowPrioritiesFirst) {
  PullQueue queue(5);
  queue.set_prioritized(true);
  queue.add({.reply = "a1", .priority = 1});
  queue.add({.reply = "b1", .priority = 1});
  queue.add({.reply = "none"});
  queue.add({.reply = "c0", .priority = 0});
  EXPECT_EQ(queue.front().reply, "c0");
  queue.pop();
  EXPECT_EQ(queue.front().reply, "a1");
  queue.rotate();
  EXPECT_EQ(queue.front().reply, "b1") << "in turn among equals";
  queue.pop();
  queue.pop();
  EXPECT_EQ(queue.front().reply, "none");
}

}  // namespace
}  // namespace natrix::jetstream::consumer
