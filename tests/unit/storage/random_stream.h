// Random operations on a StreamStore and on the model, and the comparison of everything that can be
// asked.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/unit/storage/model.h"

namespace natrix::storage::tests {

class RandomStream {
 public:
  RandomStream(uint64_t seed, bool file, Seq first = 1) : random_(seed), model(file, first) {}

  uint64_t below(uint64_t limit) { return random_() % limit; }
  bool chance(unsigned percent) { return below(100) < percent; }

  std::string a_subject() {
    static const char* const kFirst[] = {"a", "b", "orders", "x1"};
    std::string subject = kFirst[below(4)];
    if (chance(70)) subject += "." + std::to_string(below(wide ? 400 : 6));
    if (chance(30)) subject += ".tail";
    return subject;
  }
  Filter a_filter() {
    switch (below(9)) {
      case 0:
      case 1:
        return {};
      case 2:
        return Filter("a.*");
      case 3:
        return Filter("orders.>");
      case 4:
        return Filter("*.3.tail");
      case 5:
        return Filter("*");
      case 6:
        return Filter(std::vector<std::string>{"b.>", "x1.2", "a.*.tail"});
      default:
        return Filter(a_subject());
    }
  }
  std::string bytes(size_t most) {
    std::string text(below(most + 1), 'x');
    for (char& c : text) c = static_cast<char>('a' + below(26));
    return text;
  }
  Seq a_seq() { return below(model.last_seq() + 3); }

  void append(StreamStore& store) {
    ModelMessage m{a_subject(), chance(20) ? "NATS/1.0\r\nA: " + bytes(40) + "\r\n\r\n" : "",
                   bytes(chance(5) ? 3000 : 60), now_ += static_cast<Nanos>(below(1000)), 0};
    if (chance(10)) m.expires = now_ + static_cast<Nanos>(below(100000)) + 1;
    NewMessage fresh{m.subject, m.headers, m.payload, m.time, m.expires, {}};
    Seq expected = model.last_seq() + 1;
    if (chance(3)) fresh.seq = expected += below(chance(10) ? 20000 : 5);
    auto done = store.append(fresh);
    ASSERT_TRUE(done.ok()) << done.error().message;
    ASSERT_EQ(done->seq, expected);
    model.append(m, expected);
  }
  void append_all(StreamStore& store) {
    std::vector<ModelMessage> messages(1 + below(chance(10) ? 300 : 6));
    std::vector<NewMessage> fresh;
    for (ModelMessage& m : messages) {
      m = {a_subject(), chance(50) ? "NATS/1.0\r\nA: b\r\n\r\n" : "", bytes(60), now_, 0};
      fresh.push_back({m.subject, m.headers, m.payload, m.time, m.expires, {}});
    }
    if (chance(10)) fresh.back().seq = model.last_seq() + messages.size() + below(5);
    auto done = store.append_all(fresh);
    ASSERT_TRUE(done.ok()) << done.error().message;
    ASSERT_EQ(done->seq, fresh[0].seq.value_or(model.last_seq() + 1));
    for (size_t i = 0; i < fresh.size(); ++i) {
      model.append(messages[i], fresh[i].seq.value_or(model.last_seq() + 1));
    }
  }
  void purge(StreamStore& store) {
    PurgeRequest request{a_filter(), chance(50) ? a_seq() : 0, chance(50) ? below(20) : 0};
    auto done = store.purge(request);
    ASSERT_TRUE(done.ok());
    ASSERT_EQ(done->messages, model.purge(request));
  }
  // One operation; appends prevail.
  void step(StreamStore& store) {
    uint64_t kind = below(1000);
    if (groups && kind < 100) {
      append_all(store);
    } else if (kind < 750) {
      append(store);
    } else if (kind < 950) {
      Seq seq = chance(50) ? model.state().first_seq : a_seq();
      auto done = store.remove(seq, chance(10) ? Erase::kOverwrite : Erase::kForget);
      ASSERT_EQ(done.ok(), model.remove(seq)) << seq;
    } else if (kind < 980) {
      purge(store);
    } else if (kind < 985) {
      Seq to = model.last_seq() + below(4);
      ASSERT_TRUE(store.skip(to).ok());
      model.skip(to);
    } else if (kind < 993) {
      Seq first = model.state().first_seq + below(30);
      ASSERT_TRUE(store.compact(first).ok());
      model.compact(first);
    } else {
      Seq last = model.last_seq() - std::min(model.last_seq(), below(20));
      ASSERT_TRUE(store.truncate(last).ok());
      model.truncate(last);
    }
  }

  void compare(StreamStore& store) {
    compare_state(store);
    for (int i = 0; i < 6 && !::testing::Test::HasFailure(); ++i) compare_questions(store);
  }
  // Every message, byte by byte.
  void compare_all(StreamStore& store) {
    compare(store);
    Seq at = 0;
    for (auto& [seq, m] : model.messages()) {
      auto loaded = store.load_next({}, at);
      ASSERT_TRUE(loaded.ok()) << loaded.error().message << " at " << seq;
      compare_message(*loaded, seq, m);
      if (::testing::Test::HasFatalFailure()) return;
      at = seq + 1;
    }
    ASSERT_FALSE(store.load_next({}, at).ok());
  }

 private:
  void compare_message(const StoredMessage& loaded, Seq seq, const ModelMessage& m) {
    ASSERT_EQ(loaded.seq, seq);
    ASSERT_EQ(loaded.subject, m.subject);
    ASSERT_EQ(loaded.headers, m.headers);
    ASSERT_EQ(loaded.payload, m.payload);
    ASSERT_EQ(loaded.time, m.time);
    ASSERT_EQ(loaded.expires, m.expires);
  }
  void compare_state(StreamStore& store) {
    StreamState have = store.state(), want = model.state();
    ASSERT_EQ(have.messages, want.messages);
    ASSERT_EQ(have.bytes, want.bytes);
    ASSERT_EQ(have.first_seq, want.first_seq);
    ASSERT_EQ(have.last_seq, want.last_seq);
    ASSERT_EQ(have.subjects, want.subjects);
    ASSERT_EQ(have.deleted, want.deleted);
    ASSERT_EQ(have.first_time, want.first_time);
    ASSERT_EQ(store.deleted(SIZE_MAX), model.deleted());
    auto expiry = store.next_expiry();
    auto expected = model.next_expiry();
    ASSERT_EQ(expiry.has_value(), expected.has_value());
    if (expiry) {
      ASSERT_EQ(expiry->time, expected->time);
    }
  }
  void compare_questions(StreamStore& store) {
    Filter filter = a_filter();
    Seq seq = a_seq();
    ASSERT_EQ(store.next_seq(filter, seq), model.next(filter, seq));
    ASSERT_EQ(store.last_seq(filter, seq), model.last(filter, seq));
    ASSERT_EQ(store.last_seq(filter), model.last(filter, ~Seq{0}));
    ASSERT_EQ(store.pending(filter, seq).messages, model.pending(filter, seq, false));
    ASSERT_EQ(store.pending(filter, seq, true).messages, model.pending(filter, seq, true));
    auto last = store.multi_last(filter, seq, SIZE_MAX);
    ASSERT_TRUE(last.ok());
    ASSERT_EQ(*last, model.multi_last(filter, seq));
    Nanos time = static_cast<Nanos>(below(static_cast<uint64_t>(now_) + 2));
    ASSERT_EQ(store.seq_at_time(time), model.at_time(time));
    std::map<std::string, SubjectState> subjects;
    std::string previous;
    store.subjects(filter, [&](std::string_view name, const SubjectState& state) {
      EXPECT_LE(previous, name);
      previous = name;
      subjects[previous] = state;
      return true;
    });
    ASSERT_EQ(subjects, model.subjects(filter));
    auto found = model.messages().find(seq);
    auto loaded = store.load(seq);
    ASSERT_EQ(loaded.ok(), found != model.messages().end()) << seq;
    if (loaded.ok()) compare_message(*loaded, seq, found->second);
  }

  std::mt19937_64 random_;
  Nanos now_ = 1;

 public:
  Model model;
  bool wide = false;    // many subjects instead of a few
  bool groups = false;  // some messages come together
};

}  // namespace natrix::storage::tests
