#include "broker/jetstream/stream/deduplicator.h"

#include <gtest/gtest.h>

namespace natrix::jetstream::stream {
namespace {

TEST(Deduplicator, RemembersForTheWindow) {
  Deduplicator ids;
  ids.set_window(10);
  ids.add("a", 1, 100);
  EXPECT_EQ(ids.find("a", 109), 1u);
  EXPECT_FALSE(ids.find("b", 109));
  EXPECT_FALSE(ids.find("a", 110));
  EXPECT_EQ(ids.size(), 0u);
}

TEST(Deduplicator, ForgetsWhatWasUndone) {
  Deduplicator ids;
  ids.set_window(1000);
  for (uint64_t seq = 1; seq <= 3; ++seq) ids.add(std::to_string(seq), seq, 100);
  EXPECT_EQ(ids.last_id(), "3");
  ids.forget_from(2);
  EXPECT_EQ(ids.find("1", 100), 1u);
  EXPECT_FALSE(ids.find("2", 100));
  EXPECT_EQ(ids.last_id(), "1");
}

TEST(Deduplicator, WithoutAWindowKeepsTheLastIdOnly) {
  Deduplicator ids;
  ids.add("a", 1, 100);
  EXPECT_FALSE(ids.find("a", 100));
  EXPECT_EQ(ids.last_id(), "a");
}

}  // namespace
}  // namespace natrix::jetstream::stream
