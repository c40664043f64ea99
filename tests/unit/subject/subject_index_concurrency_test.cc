// Readers on other threads while subscriptions come and go; what is wrong here shows under the
// address and thread sanitizers, or as a message that would have been lost.
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <thread>

#include "broker/subject/tokens.h"
#include "tests/unit/subject/index_fixture.h"

namespace natrix::subject {
namespace {

const std::vector<std::string> kPatterns = {"a.b", "a.*", "a.>",   "*.b",
                                            ">",   "a.c", "x.y.z", "x.*.z"};
const std::vector<std::string> kLiterals = {"a.b", "a.c", "x.y.z", "x.q.z", "a.d.e"};

// Removes and retires like the owner of subscriptions does: the index first, then the grace period.
class Owner {
 public:
  Owner(SubjectIndex& index, EpochDomain& domain, uint32_t seed)
      : index_(index), domain_(domain), random_(seed) {}
  ~Owner() {
    while (!subs_.empty()) remove();
    while (!limbo_.empty()) limbo_.free_up_to(domain_.safe());  // readers may still look
  }
  void step() {
    if (subs_.empty() || (subs_.size() < 30 && random_() % 2 == 0)) {
      subs_.push_back(Subscription::create(nullptr, 0, Origin::kLocal, "come-and-go"));
      const char* queues[] = {"", "q1", "q2"};
      index_.insert(subs_.back(), kPatterns[random_() % kPatterns.size()], queues[random_() % 3]);
    } else {
      remove();
    }
    if (limbo_.size() > 20) limbo_.free_up_to(domain_.safe());
  }

 private:
  void remove() {
    index_.remove(subs_.front());
    limbo_.retire(domain_, subs_.front(), &Subscription::destroy);
    subs_.pop_front();
  }
  SubjectIndex& index_;
  EpochDomain& domain_;
  std::mt19937 random_;
  Limbo limbo_;
  std::deque<Subscription*> subs_;
};

// Reads everything that a router reads of a match.
void read_all(const SubjectIndex& index, std::string_view literal, int& permanent, int& wrong) {
  permanent = 0;
  auto look = [&](Subscription* sub) {
    wrong += !matches(sub->subject(), literal);
    permanent += sub->sid() == "stays";
  };
  index.match(literal, look, [&](const QueueGroup& group) {
    wrong += group.name.size() != 2;
    group.members.for_each([&](Subscription* sub) {
      wrong += sub->queue() != group.name;
      look(sub);
    });
  });
}

TEST(SubjectIndexConcurrency, ReadersSeeWhatStays) {
  EpochDomain domain;
  SubjectIndex index(domain);
  std::map<std::string, int> expected;
  std::vector<Subscription*> stays;
  for (size_t i = 0; i < kPatterns.size(); ++i) {
    stays.push_back(Subscription::create(nullptr, 0, Origin::kLocal, "stays"));
    index.insert(stays.back(), kPatterns[i], i % 2 == 0 ? "" : "q1");
    for (const std::string& literal : kLiterals) {
      expected[literal] += matches(kPatterns[i], literal) ? 1 : 0;
    }
  }
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, missing{0}, rounds{0};
  auto reader = [&] {
    EpochSlot slot;
    domain.add(&slot);
    while (!stop.load(std::memory_order_relaxed)) {
      EpochPin pin(domain, slot);
      for (const std::string& literal : kLiterals) {
        int permanent = 0, bad = 0;
        read_all(index, literal, permanent, bad);
        wrong += bad;
        missing += permanent != expected[literal];
      }
      rounds.fetch_add(1, std::memory_order_relaxed);
    }
    domain.remove(&slot);
  };
  std::thread readers[] = {std::thread(reader), std::thread(reader)};
  auto writer = [&](uint32_t seed) {
    Owner owner(index, domain, seed);
    for (int i = 0; i < 5000 || rounds.load() < 400; ++i) owner.step();
  };
  std::thread writers[] = {std::thread(writer, 1), std::thread(writer, 2)};
  for (auto& thread : writers) thread.join();
  stop = true;
  for (auto& thread : readers) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(missing.load(), 0);
  for (Subscription* sub : stays) {
    index.remove(sub);
    Subscription::destroy(sub);
  }
}

// A kept match may be used as long as it counts as current, in any later turn: whatever it points
// to, groups and their names too, must then still be there.
TEST(SubjectIndexConcurrency, KeptMatchesStayReadableWhileCurrent) {
  EpochDomain domain;
  SubjectIndex index(domain);
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> hits{0}, wrong{0};
  struct Kept {
    Generations generations;
    std::vector<Subscription*> subs;
    std::vector<std::string_view> names;
  };
  auto reader = [&] {
    EpochSlot slot;
    domain.add(&slot);
    std::map<std::string, Kept> kept;
    while (!stop.load(std::memory_order_relaxed)) {
      EpochPin pin(domain, slot);
      for (const std::string& literal : kLiterals) {
        Kept& k = kept[literal];
        if (k.generations.literal == nullptr || !k.generations.current()) {
          k = {index.generations(literal), {}, {}};
          index.match(
              literal, [&](Subscription* sub) { k.subs.push_back(sub); },
              [&](const QueueGroup& group) {
                k.names.push_back(group.name);
                group.members.for_each([&](Subscription* sub) { k.subs.push_back(sub); });
              });
          continue;
        }
        hits.fetch_add(1, std::memory_order_relaxed);
        for (Subscription* sub : k.subs) wrong += !matches(sub->subject(), literal);
        for (Subscription* sub : k.subs) wrong += sub->queued && sub->queue().size() != 2;
        for (std::string_view name : k.names) wrong += name != "q1" && name != "q2";
      }
    }
    domain.remove(&slot);
  };
  std::thread one(reader), two(reader);
  auto writer = [&](uint32_t seed) {
    Owner owner(index, domain, seed);
    for (int i = 0; i < 20000 || hits.load() < 1000; ++i) owner.step();
  };
  std::thread writers[] = {std::thread(writer, 3), std::thread(writer, 4)};
  for (auto& thread : writers) thread.join();
  stop = true;
  one.join();
  two.join();
  EXPECT_EQ(wrong.load(), 0U);
}

}  // namespace
}  // namespace natrix::subject
