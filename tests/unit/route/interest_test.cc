#include "broker/route/interest.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "broker/route/outbox.h"

namespace natrix::route {
namespace {

using subject::Origin;
using subject::Subscription;

std::shared_ptr<Outbox> box(size_t max = 1 << 20) {
  return std::make_shared<Outbox>(max, [] {});
}

class AccountInterestTest : public testing::Test {
 protected:
  Subscription* subscribe(std::string_view subject, std::string_view queue = {},
                          Origin origin = Origin::kLocal) {
    Subscription* sub = Subscription::create(nullptr, 0, origin, "1");
    account_.index().insert(sub, subject, queue);
    subs_.push_back(sub);
    return sub;
  }
  void unsubscribe(Subscription* sub) {
    account_.index().remove(sub);
    std::erase(subs_, sub);
    Subscription::destroy(sub);
  }
  ~AccountInterestTest() override {
    while (!subs_.empty()) unsubscribe(subs_.back());
  }

  EpochDomain epochs_;
  account::Account account_{"ACC", epochs_};
  std::vector<Subscription*> subs_;
};

TEST_F(AccountInterestTest, TellsChangesInOrder) {
  AccountInterest interest(account_, nullptr);
  auto out = box();
  interest.attach(out, true);
  Subscription* a = subscribe("foo.*");
  Subscription* b = subscribe("foo.*");
  Subscription* q1 = subscribe("bar", "q");
  Subscription* q2 = subscribe("bar", "q");
  unsubscribe(a);
  unsubscribe(b);
  unsubscribe(q1);
  unsubscribe(q2);
  EXPECT_EQ(out->take(),
            "RS+ ACC foo.*\r\nRS+ ACC bar q 1\r\nRS+ ACC bar q 2\r\nRS- ACC foo.*\r\n"
            "RS+ ACC bar q 1\r\nRS- ACC bar q\r\n");
  EXPECT_EQ(out->take(), "");
}

TEST_F(AccountInterestTest, BeginsWithWhatIsThere) {
  AccountInterest interest(account_, nullptr);
  subscribe("a");
  subscribe("b", "q");
  subscribe("b", "q");
  subscribe("remote", {}, Origin::kRoute);
  auto out = box();
  interest.attach(out, false);
  std::string lines = out->take();
  EXPECT_NE(lines.find("RS+ a\r\n"), std::string::npos);
  EXPECT_NE(lines.find("RS+ b q 2\r\n"), std::string::npos);
  EXPECT_EQ(lines.size(), std::string("RS+ a\r\nRS+ b q 2\r\n").size());
  interest.detach(*out);
  subscribe("c");
  EXPECT_EQ(out->take(), "");
}

TEST_F(AccountInterestTest, KeepsToTheImportPermissions) {
  config::Permissions rules;
  rules.publish.allow = {"ok.>"};
  rules.publish.deny = {"ok.secret"};
  AccountInterest interest(account_, std::make_shared<account::CompiledPermissions>(rules));
  subscribe("ok.a");
  subscribe("no.a");
  auto out = box();
  interest.attach(out, true);
  subscribe("ok.b");
  subscribe("ok.secret");
  subscribe("no.b", "q");
  EXPECT_EQ(out->take(), "RS+ ACC ok.a\r\nRS+ ACC ok.b\r\n");
}

TEST(OutboxTest, WakesOncePerFilling) {
  int woken = 0;
  Outbox out(100, [&] { ++woken; });
  out.append("a\r\n");
  out.append("b\r\n");
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(out.take(), "a\r\nb\r\n");
  out.append("c\r\n");
  EXPECT_EQ(woken, 2);
  out.append("");
  EXPECT_EQ(out.take(), "c\r\n");
}

TEST(OutboxTest, HasABound) {
  Outbox out(10, [] {});
  out.append("12345678\r\n");
  EXPECT_FALSE(out.overflowed());
  out.append("x");
  EXPECT_TRUE(out.overflowed());
  out.append("y");
  EXPECT_EQ(out.take(), "12345678\r\n");
}

TEST(OutboxTest, ClosedKeepsNothing) {
  int woken = 0;
  Outbox out(10, [&] { ++woken; });
  out.append("a");
  out.close();
  out.append("b");
  EXPECT_EQ(out.take(), "");
  EXPECT_EQ(woken, 1);
}

// Replays lines as the peer would and compares with what is subscribed: with writers on several
// threads and routes that come in between, every outbox must end at the truth.
TEST_F(AccountInterestTest, EveryOutboxEndsAtTheTruth) {
  constexpr int kThreads = 4, kRounds = 3000;
  AccountInterest interest(account_, nullptr);
  std::vector<std::shared_ptr<Outbox>> boxes;
  std::atomic<int> running{kThreads};
  std::vector<std::vector<Subscription*>> kept(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        std::string subject = "s." + std::to_string(i % 7);
        Subscription* sub = Subscription::create(nullptr, 0, Origin::kLocal, "1");
        account_.index().insert(sub, subject, i % 3 == 0 ? "q" : "");
        kept[static_cast<size_t>(t)].push_back(sub);
        if (kept[static_cast<size_t>(t)].size() > 5) {
          Subscription* old = kept[static_cast<size_t>(t)].front();
          kept[static_cast<size_t>(t)].erase(kept[static_cast<size_t>(t)].begin());
          account_.index().remove(old);
          Subscription::destroy(old);
        }
      }
      --running;
    });
  }
  do {
    boxes.push_back(box(64 << 20));
    interest.attach(boxes.back(), true);
    std::this_thread::yield();
  } while (running > 0 && boxes.size() < 50);
  for (std::thread& thread : threads) thread.join();
  std::map<std::string, int> truth;
  for (auto& subs : kept) {
    for (Subscription* sub : subs) {
      ++truth[std::string(sub->subject()) + (sub->queue().empty() ? "" : " q")];
      subs_.push_back(sub);
    }
  }
  for (auto& out : boxes) {
    std::map<std::string, int> seen;
    std::string lines = out->take();
    for (size_t at = 0; at < lines.size();) {
      size_t end = lines.find("\r\n", at);
      std::string line = lines.substr(at + 8, end - at - 8);  // behind "RS+ ACC "
      bool adds = lines[at + 2] == '+';
      at = end + 2;
      size_t queue = line.find(" q");
      int weight = 1;
      if (queue != std::string::npos) {
        if (adds) weight = std::stoi(line.substr(queue + 3));
        line = line.substr(0, queue + 2);
      }
      if (adds) {
        seen[line] = weight;
      } else {
        seen.erase(line);
      }
    }
    ASSERT_EQ(seen.size(), truth.size());
    for (auto& [key, count] : truth) {
      bool queued = key.ends_with(" q");
      EXPECT_EQ(seen[key], queued ? count : 1) << key;
    }
  }
}

}  // namespace
}  // namespace natrix::route
