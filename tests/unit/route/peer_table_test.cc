#include "broker/route/peer_table.h"

#include <gtest/gtest.h>

namespace natrix::route {
namespace {

constexpr const char* kSystem = "$SYS";

PeerTable table(std::string id = "M", int pool_size = 3) {
  return PeerTable(std::move(id), pool_size, {kSystem});
}

Candidate dialled(uint64_t rid, const std::string& peer = "P", int pool_size = 3) {
  return {rid, peer, true, false, pool_size, 0, {}};
}

Candidate inbound(uint64_t rid, int index, const std::string& peer = "P", bool ours = false) {
  return {rid, peer, false, ours, 3, index, {}};
}

TEST(PoolIndex, IsFnv1a) {
  // Values of nats-server's computeRoutePoolIdx: FNV-1a 32 modulo size.
  EXPECT_EQ(PeerTable::pool_index("$G", 1), 0);
  EXPECT_EQ(PeerTable::pool_index("$G", 0), 0);
  EXPECT_EQ(PeerTable::pool_index("", 7), static_cast<int>(2166136261U % 7));
  EXPECT_EQ(PeerTable::pool_index("a", 1000), static_cast<int>(0xe40c292cU % 1000));
  EXPECT_EQ(PeerTable::pool_index("foobar", 1000), static_cast<int>(0xbf9cf968U % 1000));
}

TEST(PeerTable, FillsThePoolOneByOne) {
  PeerTable t = table();
  EXPECT_TRUE(t.wants_pool_connection("P"));
  for (int i = 0; i < 3; ++i) {
    Verdict v = t.place(dialled(static_cast<uint64_t>(i) + 1));
    EXPECT_EQ(v.kind, Verdict::kAdmit);
    EXPECT_EQ(v.place, i);
    EXPECT_EQ(v.first_in_pool, i == 0);
  }
  EXPECT_FALSE(t.wants_pool_connection("P"));
  EXPECT_EQ(t.place(dialled(9)).kind, Verdict::kDuplicate);
  EXPECT_FALSE(t.remove(2, "P"));
  EXPECT_TRUE(t.wants_pool_connection("P"));
  EXPECT_EQ(t.place(dialled(10)).place, 1);
}

TEST(PeerTable, ForgetsAPeerWithItsLastConnection) {
  PeerTable t = table();
  t.place(dialled(1));
  t.place(dialled(2));
  EXPECT_FALSE(t.remove(1, "P"));
  EXPECT_FALSE(t.remove(77, "P"));
  EXPECT_TRUE(t.known("P"));
  EXPECT_TRUE(t.remove(2, "P"));
  EXPECT_FALSE(t.known("P"));
  EXPECT_FALSE(t.remove(2, "P"));
}

TEST(PeerTable, DedicatedAccountsHaveTheirOwnPlace) {
  PeerTable t = table();
  EXPECT_FALSE(t.wants_dedicated("P", kSystem));  // not before the peer is known
  t.place(dialled(1));
  EXPECT_TRUE(t.wants_dedicated("P", kSystem));
  Candidate c = dialled(2);
  c.account = kSystem;
  Verdict v = t.place(c);
  EXPECT_EQ(v.kind, Verdict::kAdmit);
  EXPECT_EQ(v.place, -1);
  EXPECT_FALSE(v.first_in_pool);
  EXPECT_FALSE(t.wants_dedicated("P", kSystem));
  EXPECT_EQ(t.dedicated_connection("P", kSystem), 2U);
  c.rid = 3;
  EXPECT_EQ(t.place(c).kind, Verdict::kDuplicate);
  c.account = "OTHER";
  v = t.place(c);
  EXPECT_EQ(v.kind, Verdict::kViolation);
  EXPECT_EQ(v.error, "No route for account \"OTHER\"");
}

TEST(PeerTable, NoPoolMeansOneConnection) {
  PeerTable t = table("M", -1);
  Verdict v = t.place(dialled(1));
  EXPECT_EQ(v.kind, Verdict::kAdmit);
  EXPECT_FALSE(v.pooled);
  EXPECT_FALSE(t.wants_pool_connection("P"));
  EXPECT_FALSE(t.wants_dedicated("P", kSystem));
  EXPECT_EQ(t.place(dialled(2)).kind, Verdict::kDuplicate);
  Candidate c = dialled(3);
  c.account = kSystem;
  EXPECT_EQ(t.place(c).kind, Verdict::kViolation);

  PeerTable pooled = table();
  v = pooled.place(dialled(1, "OLD", 0));
  EXPECT_EQ(v.kind, Verdict::kAdmit);
  EXPECT_FALSE(v.pooled);
  EXPECT_FALSE(pooled.wants_pool_connection("OLD"));
  EXPECT_FALSE(pooled.wants_dedicated("OLD", kSystem));
}

TEST(PeerTable, TheLargerPoolCounts) {
  PeerTable t = table();
  for (uint64_t rid = 1; rid <= 5; ++rid) {
    EXPECT_EQ(t.place(dialled(rid, "P", 5)).kind, Verdict::kAdmit);
  }
  EXPECT_EQ(t.place(dialled(6, "P", 5)).kind, Verdict::kDuplicate);
  Candidate small = inbound(7, 2, "SMALL");
  small.pool_size = 1;
  EXPECT_EQ(t.place(small).kind, Verdict::kAdmit);
}

TEST(PeerTable, RefusesImpossibleIndexes) {
  PeerTable t = table();
  EXPECT_EQ(t.place(inbound(1, 3)).error, "Invalid route pool index: 3 - pool size is 3");
  EXPECT_EQ(t.place(inbound(1, -1)).kind, Verdict::kViolation);
  Candidate c = dialled(1);
  c.pool_index = 2;
  EXPECT_EQ(t.place(c).error, "Route pool index should not be set but is set to 2");
  EXPECT_FALSE(t.known("P"));
}

TEST(PeerTable, APeerThatDialsAgainHasLostItsOldConnection) {
  PeerTable t = table();
  t.place(inbound(1, 0));
  Verdict v = t.place(inbound(2, 0));
  EXPECT_EQ(v.kind, Verdict::kReplace);
  EXPECT_EQ(v.replaced, 1U);
  EXPECT_FALSE(t.remove(1, "P"));  // the place is the other's already
  EXPECT_EQ(t.any_connection("P"), 2U);
}

// Both servers dial at once and each registers its own connection first.
TEST(PeerTable, TwoOfOursAgreeOnOneOfTwoCrossingConnections) {
  PeerTable small = table("A"), large = table("B");
  ASSERT_EQ(small.place({1, "B", true, true, 3, 0, {}}).kind, Verdict::kAdmit);       // A dialled x
  ASSERT_EQ(large.place({1, "A", true, true, 3, 0, {}}).kind, Verdict::kAdmit);       // B dialled y
  EXPECT_EQ(small.place({2, "B", false, true, 3, 0, {}}).kind, Verdict::kReplace);    // y wins here
  EXPECT_EQ(large.place({2, "A", false, true, 3, 0, {}}).kind, Verdict::kDuplicate);  // and there
}

// nats-server keeps the connection it dialled, so we give in whoever has the larger id.
TEST(PeerTable, AnotherProductKeepsWhatItDialled) {
  for (const char* own : {"A", "Z"}) {
    PeerTable t = table(own);
    ASSERT_EQ(t.place(dialled(1)).kind, Verdict::kAdmit);
    EXPECT_EQ(t.place(inbound(2, 0)).kind, Verdict::kReplace);
  }
}

}  // namespace
}  // namespace natrix::route
