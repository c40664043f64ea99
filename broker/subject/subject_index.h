// SubjectIndex: the subscriptions of one account, found by subject.
//
// Literal subjects live in one hash table, patterns with wildcards in a trie; so the cost of a
// match does not depend on how many literal subscriptions there are. Readers (match, the generation
// counters) take no lock and must hold an EpochPin; writers (insert, remove) are serialised by a
// mutex that no message ever waits for. Removing is O(1) amortised for every kind of subscription.
//
// Memory that writers replace is retired into a limbo of the index and freed as later writes find
// the epoch has passed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/epoch.h"
#include "broker/subject/rcu_table.h"
#include "broker/subject/subscription.h"

namespace natrix::subject {

uint32_t hash_of(std::string_view text);

// Subscriptions in arrival order. Readers see a consistent list: slots of removed ones are null.
struct alignas(std::atomic<Subscription*>) SubscriptionList {
  uint32_t capacity = 0;
  uint32_t holes = 0;  // writer only
  std::atomic<uint32_t> count{0};
  std::atomic<Subscription*>& slot(uint32_t i) const {
    return reinterpret_cast<std::atomic<Subscription*>*>(const_cast<SubscriptionList*>(this) +
                                                         1)[i];
  }
};
static_assert(sizeof(SubscriptionList) == 16, "the slots behind it are aligned");

// A growable list whose readers are lock-free; see SubjectIndex for who may write.
class SharedList {
 public:
  SharedList() = default;
  ~SharedList();
  SharedList(const SharedList&) = delete;
  SharedList& operator=(const SharedList&) = delete;

  void add(Subscription* sub, EpochDomain& domain, Limbo& limbo);
  void remove(Subscription* sub, EpochDomain& domain, Limbo& limbo);
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] uint32_t size() const { return size_; }

  template <class F>
  void for_each(F&& f) const {
    const SubscriptionList* list = list_.load(std::memory_order_acquire);
    if (list == nullptr) return;
    uint32_t count = list->count.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < count; ++i) {
      if (Subscription* sub = list->slot(i).load(std::memory_order_acquire)) f(sub);
    }
  }

 private:
  SubscriptionList* replace(uint32_t capacity, EpochDomain& domain, Limbo& limbo);
  std::atomic<SubscriptionList*> list_{nullptr};
  uint32_t size_ = 0;
};

struct QueueGroup {
  const Entry* entry = nullptr;
  std::string name;
  SharedList members;
  uint32_t local_members = 0;  // writer only
};

struct QueueGroups {
  std::vector<QueueGroup*> groups;
};

// The subscriptions of an entry that has more than a single plain one.
struct EntryLists {
  SharedList plain;
  uint32_t local_plain = 0;  // writer only
  std::atomic<QueueGroups*> queues{nullptr};

  ~EntryLists();
  [[nodiscard]] bool empty() const {
    return plain.empty() && queues.load(std::memory_order_relaxed) == nullptr;
  }
};

// All subscriptions on one subject or pattern; the text follows the struct. Most subjects have just
// one subscription: then `content` is that one, marked by its lowest bit, else EntryLists or null.
struct Entry {
  std::atomic<uintptr_t> content{0};
  uint32_t hash = 0;
  uint32_t text_size = 0;

  [[nodiscard]] std::string_view key() const {
    return {reinterpret_cast<const char*>(this + 1), text_size};
  }
  [[nodiscard]] static Subscription* single(uintptr_t content) {
    return (content & 1) != 0 ? reinterpret_cast<Subscription*>(content - 1) : nullptr;
  }
  [[nodiscard]] static EntryLists* lists(uintptr_t content) {
    return (content & 1) != 0 ? nullptr : reinterpret_cast<EntryLists*>(content);
  }
  template <class Plain, class Queue>
  void for_each(Plain&& plain, Queue&& queue) const {
    uintptr_t now = content.load(std::memory_order_acquire);
    if (Subscription* sub = single(now)) return plain(sub);
    const EntryLists* all = lists(now);
    if (all == nullptr) return;
    all->plain.for_each(plain);
    if (const QueueGroups* queues = all->queues.load(std::memory_order_acquire)) {
      for (const QueueGroup* group : queues->groups) queue(*group);
    }
  }
  static Entry* create(std::string_view text, uint32_t hash);
  static void destroy(void* entry);
};

// A token of a pattern; the token text follows the struct.
struct TrieNode {
  uint32_t hash = 0;
  uint32_t token_size = 0;
  TrieNode* parent = nullptr;
  RcuTable<TrieNode> children;          // literal tokens
  std::atomic<TrieNode*> any{nullptr};  // '*'
  std::atomic<Entry*> entry{nullptr};   // patterns that end here
  std::atomic<Entry*> rest{nullptr};    // patterns that end here with '>'

  [[nodiscard]] std::string_view key() const {
    return {reinterpret_cast<const char*>(this + 1), token_size};
  }
  [[nodiscard]] bool empty() const {
    return children.size() == 0 && any.load(std::memory_order_relaxed) == nullptr &&
           entry.load(std::memory_order_relaxed) == nullptr &&
           rest.load(std::memory_order_relaxed) == nullptr;
  }
  static TrieNode* create(std::string_view token, uint32_t hash);
  static void destroy(void* node);
};

// What a cached match depends on: it holds as long as none of the three counters has moved.
struct Generations {
  const std::atomic<uint32_t>* literal = nullptr;
  const std::atomic<uint32_t>* first_token = nullptr;
  const std::atomic<uint32_t>* wildcard = nullptr;
  uint32_t literal_value = 0, first_token_value = 0, wildcard_value = 0;

  [[nodiscard]] bool current() const {
    return literal->load(std::memory_order_acquire) == literal_value &&
           first_token->load(std::memory_order_acquire) == first_token_value &&
           wildcard->load(std::memory_order_acquire) == wildcard_value;
  }
};

// Told about interest that routes must know, in order, under the writer lock: be quick, do not call
// the index. `members` is the number of local subscriptions left (plain: only 0 <-> 1 is reported).
class InterestListener {
 public:
  virtual ~InterestListener() = default;
  virtual void interest_changed(std::string_view subject, std::string_view queue,
                                uint32_t members) = 0;
};

struct IndexStats {
  uint64_t subscriptions = 0;
  uint64_t inserts = 0;
  uint64_t removes = 0;
};

class SubjectIndex {
 public:
  explicit SubjectIndex(EpochDomain& domain);
  ~SubjectIndex();
  SubjectIndex(const SubjectIndex&) = delete;
  SubjectIndex& operator=(const SubjectIndex&) = delete;

  // `subject` is a valid pattern; `queue` empty for a plain subscription. Visible to every shard
  // when the call returns.
  void insert(Subscription* sub, std::string_view subject, std::string_view queue);
  // `sub` is in the index. Afterwards readers may still hold it until the epoch has passed.
  void remove(Subscription* sub);
  // Tells the listener the new weight of a routed or local queue subscription.
  void set_listener(InterestListener* listener);
  // Calls `f(subject, queue, local members)` for all local interest, then `after`, in one go: no
  // change comes in between or is told to the listener meanwhile.
  void snapshot_interest(const std::function<void(std::string_view, std::string_view, uint32_t)>& f,
                         const std::function<void()>& after) const;
  // Runs `f` while no listener is called, to change what the listener uses.
  void between_changes(const std::function<void()>& f) const;

  // Calls plain(Subscription*) and queue(const QueueGroup&) for all that match the literal subject.
  // Readers only.
  template <class Plain, class Queue>
  void match(std::string_view literal, Plain&& plain, Queue&& queue) const;
  // The counters to compare later; read them before match().
  [[nodiscard]] Generations generations(std::string_view literal) const;

  // Every subscription, under the writer lock; for monitoring.
  void for_each(const std::function<void(const Subscription&)>& f) const;
  [[nodiscard]] IndexStats stats() const;
  [[nodiscard]] uint64_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kLiteralBuckets = 256;
  static constexpr uint32_t kFirstTokenBuckets = 64;
  static constexpr size_t kCollectFrom = 64;  // retired objects worth a look at the epochs

  Entry* find_or_add_entry(std::string_view subject);
  Entry* find_or_add_pattern(std::string_view pattern);
  void drop_entry(Entry* entry);
  void drop_pattern(Entry* entry);
  EntryLists* make_lists(Entry* entry);
  uint32_t add_plain(Entry* entry, Subscription* sub);
  uint32_t remove_plain(Entry* entry, Subscription* sub);
  QueueGroup* find_or_add_group(Entry* entry, std::string_view name);
  uint32_t remove_from_group(Entry* entry, QueueGroup* group, Subscription* sub);
  void unlink_group(Entry* entry, QueueGroup* group);
  void collect();
  void bump(std::string_view subject, uint32_t hash);
  template <class F>
  void walk(const TrieNode* node, F&& f) const;
  template <class F>
  void for_each_entry(F&& f) const;
  template <class F>
  static void match_trie(const TrieNode* node, std::string_view rest, bool more, F&& f);

  EpochDomain& domain_;
  mutable std::mutex mutex_;  // writers
  Limbo limbo_;
  uint64_t changes_ = 0;  // counted while a large object waits in limbo
  RcuTable<Entry> literals_;
  TrieNode root_;
  std::atomic<uint64_t> patterns_{0};
  std::atomic<uint64_t> size_{0};
  uint64_t inserts_ = 0, removes_ = 0;
  InterestListener* listener_ = nullptr;
  std::atomic<uint32_t> wildcard_generation_{0};
  std::atomic<uint32_t> first_token_generations_[kFirstTokenBuckets] = {};
  std::atomic<uint32_t> literal_generations_[kLiteralBuckets] = {};
};

template <class F>
void SubjectIndex::match_trie(const TrieNode* node, std::string_view rest, bool more, F&& f) {
  if (!more) {
    if (const Entry* entry = node->entry.load(std::memory_order_acquire)) f(*entry);
    return;
  }
  if (const Entry* entry = node->rest.load(std::memory_order_acquire)) f(*entry);
  size_t dot = rest.find('.');
  bool again = dot != std::string_view::npos;
  std::string_view token = rest.substr(0, dot);
  std::string_view tail = again ? rest.substr(dot + 1) : std::string_view{};
  if (const TrieNode* child = node->children.find(hash_of(token), token)) {
    match_trie(child, tail, again, f);
  }
  if (const TrieNode* child = node->any.load(std::memory_order_acquire)) {
    match_trie(child, tail, again, f);
  }
}

template <class Plain, class Queue>
void SubjectIndex::match(std::string_view literal, Plain&& plain, Queue&& queue) const {
  auto visit = [&](const Entry& entry) { entry.for_each(plain, queue); };
  if (const Entry* entry = literals_.find(hash_of(literal), literal)) visit(*entry);
  if (patterns_.load(std::memory_order_acquire) != 0) match_trie(&root_, literal, true, visit);
}

}  // namespace natrix::subject
