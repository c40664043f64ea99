// Draft: a message on its way into a stream, from its checks to its storing. Staged: what the
// messages of a batch that were checked before change for those behind them.
//
// Values, used within one turn: the views point into the message that was published, or into what
// the draft keeps.
#pragma once

#include <cstdint>
#include <forward_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "broker/jetstream/stream/headers.h"
#include "broker/storage/types.h"

namespace natrix::jetstream::stream {

// What few messages have, and what is to be done when such a message has been synced.
struct Extra {
  std::string ack_tail;  // fields behind the sequence, each with a comma in front
  int64_t due = 0;       // a schedule: when it fires first
  // Made by the schedule on this subject, or tells that schedule to end.
  std::string scheduler;
  std::optional<int64_t> next;  // when that schedule fires next; nothing: it ends
  storage::Seq schedule = 0;    // the message that is the schedule; 0: a client ends it
  std::string fast_id;          // of a fast batch, in which it is the message `fast_seq`
  uint64_t fast_seq = 0;
};

struct Draft {
  std::string_view subject;
  std::string_view headers;
  std::string_view payload;
  std::string_view reply;
  PublishHeaders parsed;
  int64_t now = 0;
  int64_t ttl = 0;       // seconds
  bool trusted = false;  // made by the stream itself: may carry what clients may not
  std::unique_ptr<Extra> extra;

  // Keeps a text that takes the place of a published one. What was there before stays valid.
  std::string_view keep(std::string text) { return texts.emplace_front(std::move(text)); }
  Extra& extras() {
    if (!extra) extra = std::make_unique<Extra>();
    return *extra;
  }
  std::forward_list<std::string> texts;
};

enum class Verdict : uint8_t {
  kStore,
  kDuplicate,  // has been stored before
  kUnwanted,   // no consumer is interested: takes a sequence and is not stored
};
struct Judgement {
  Verdict verdict = Verdict::kStore;
  storage::Seq duplicate_of = 0;
};

struct Staged {
  struct Subject {
    uint64_t messages = 0;
    bool schedule = false;  // the last of them is one
  };
  struct Counter {
    std::string body, sources;
  };
  uint64_t messages = 0;
  uint64_t bytes = 0;
  std::unordered_set<std::string> msg_ids;
  std::unordered_map<std::string, Subject> subjects;
  std::unordered_map<std::string, Counter> counters;
};

}  // namespace natrix::jetstream::stream
