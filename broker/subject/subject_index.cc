#include "broker/subject/subject_index.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "broker/base/assert.h"
#include "broker/subject/tokens.h"

namespace natrix::subject {

uint32_t hash_of(std::string_view text) {
  return static_cast<uint32_t>(XXH3_64bits(text.data(), text.size()));
}

namespace {

template <class T>
T* create_with_text(std::string_view text) {
  void* memory = std::malloc(sizeof(T) + text.size());
  if (memory == nullptr) throw std::bad_alloc();
  T* object = new (memory) T;
  if (!text.empty()) std::memcpy(static_cast<void*>(object + 1), text.data(), text.size());
  return object;
}

void free_list(void* list) {
  std::free(list);
}

SubscriptionList* allocate_list(uint32_t capacity) {
  void* memory =
      std::malloc(sizeof(SubscriptionList) + capacity * sizeof(std::atomic<Subscription*>));
  if (memory == nullptr) throw std::bad_alloc();
  auto* list = new (memory) SubscriptionList;
  list->capacity = capacity;
  for (uint32_t i = 0; i < capacity; ++i) {
    new (&list->slot(i)) std::atomic<Subscription*>(nullptr);
  }
  return list;
}

}  // namespace

SharedList::~SharedList() {
  free_list(list_.load(std::memory_order_relaxed));
}

SubscriptionList* SharedList::replace(uint32_t capacity, EpochDomain& domain, Limbo& limbo) {
  SubscriptionList* fresh = capacity == 0 ? nullptr : allocate_list(capacity);
  uint32_t count = 0;
  if (fresh != nullptr) {
    for_each([&](Subscription* sub) {
      sub->slot = count;
      fresh->slot(count++).store(sub, std::memory_order_relaxed);
    });
    fresh->count.store(count, std::memory_order_relaxed);
  }
  SubscriptionList* old = list_.exchange(fresh, std::memory_order_acq_rel);
  if (old != nullptr) limbo.retire(domain, old, &free_list);
  return fresh;
}

void SharedList::add(Subscription* sub, EpochDomain& domain, Limbo& limbo) {
  SubscriptionList* list = list_.load(std::memory_order_relaxed);
  uint32_t count = list == nullptr ? 0 : list->count.load(std::memory_order_relaxed);
  if (list == nullptr || count == list->capacity) {
    // Grow, or only squeeze out the holes when at least half of the list are some.
    uint32_t capacity = size_ == 0 ? 1 : (size_ * 2 <= count ? count : count * 2);
    list = replace(capacity, domain, limbo);
    count = list->count.load(std::memory_order_relaxed);
  }
  sub->slot = count;
  list->slot(count).store(sub, std::memory_order_release);
  list->count.store(count + 1, std::memory_order_release);
  ++size_;
}

void SharedList::remove(Subscription* sub, EpochDomain& domain, Limbo& limbo) {
  SubscriptionList* list = list_.load(std::memory_order_relaxed);
  NATRIX_ASSERT(list != nullptr && list->slot(sub->slot).load(std::memory_order_relaxed) == sub,
                "a removed subscription is in its list");
  list->slot(sub->slot).store(nullptr, std::memory_order_release);
  --size_;
  ++list->holes;
  if (size_ == 0) {
    replace(0, domain, limbo);
  } else if (list->holes > 8 && list->holes > size_) {
    replace(size_ + 1, domain, limbo);
  }
}

EntryLists::~EntryLists() {
  QueueGroups* groups = queues.load(std::memory_order_relaxed);
  if (groups == nullptr) return;
  for (QueueGroup* group : groups->groups) delete group;
  delete groups;
}

Entry* Entry::create(std::string_view text, uint32_t hash) {
  auto* entry = create_with_text<Entry>(text);
  entry->hash = hash;
  entry->text_size = static_cast<uint32_t>(text.size());
  return entry;
}

void Entry::destroy(void* object) {
  auto* entry = static_cast<Entry*>(object);
  delete lists(entry->content.load(std::memory_order_relaxed));
  entry->~Entry();
  std::free(object);
}

TrieNode* TrieNode::create(std::string_view token, uint32_t hash) {
  auto* node = create_with_text<TrieNode>(token);
  node->hash = hash;
  node->token_size = static_cast<uint32_t>(token.size());
  return node;
}

void TrieNode::destroy(void* object) {
  auto* node = static_cast<TrieNode*>(object);
  node->~TrieNode();
  std::free(object);
}

SubjectIndex::SubjectIndex(EpochDomain& domain) : domain_(domain) {}

SubjectIndex::~SubjectIndex() {
  // No reader is left; free what the index itself allocated.
  std::vector<Entry*> entries;
  std::vector<TrieNode*> nodes;
  literals_.for_each([&](Entry* entry) { entries.push_back(entry); });
  walk(&root_, [&](const TrieNode* node) {
    if (node != &root_) nodes.push_back(const_cast<TrieNode*>(node));
    for (Entry* entry : {node->entry.load(), node->rest.load()}) {
      if (entry != nullptr) entries.push_back(entry);
    }
  });
  for (Entry* entry : entries) Entry::destroy(entry);
  for (TrieNode* node : nodes) TrieNode::destroy(node);
}

template <class F>
void SubjectIndex::walk(const TrieNode* node, F&& f) const {
  f(node);
  node->children.for_each([&](const TrieNode* child) { walk(child, f); });
  if (const TrieNode* child = node->any.load(std::memory_order_acquire)) walk(child, f);
}

template <class F>
void SubjectIndex::for_each_entry(F&& f) const {
  literals_.for_each([&](const Entry* entry) { f(*entry); });
  walk(&root_, [&](const TrieNode* node) {
    for (const Entry* entry : {node->entry.load(), node->rest.load()}) {
      if (entry != nullptr) f(*entry);
    }
  });
}

void SubjectIndex::bump(std::string_view subject, uint32_t hash) {
  if (!has_wildcard(subject)) {
    literal_generations_[hash % kLiteralBuckets].fetch_add(1, std::memory_order_acq_rel);
    return;
  }
  std::string_view first = subject.substr(0, subject.find('.'));
  if (first == "*" || first == ">") {
    wildcard_generation_.fetch_add(1, std::memory_order_acq_rel);
  } else {
    first_token_generations_[hash_of(first) % kFirstTokenBuckets].fetch_add(
        1, std::memory_order_acq_rel);
  }
}

Generations SubjectIndex::generations(std::string_view literal) const {
  Generations g;
  std::string_view first = literal.substr(0, literal.find('.'));
  g.literal = &literal_generations_[hash_of(literal) % kLiteralBuckets];
  g.first_token = &first_token_generations_[hash_of(first) % kFirstTokenBuckets];
  g.wildcard = &wildcard_generation_;
  g.literal_value = g.literal->load(std::memory_order_acquire);
  g.first_token_value = g.first_token->load(std::memory_order_acquire);
  g.wildcard_value = g.wildcard->load(std::memory_order_acquire);
  return g;
}

Entry* SubjectIndex::find_or_add_entry(std::string_view subject) {
  if (has_wildcard(subject)) return find_or_add_pattern(subject);
  uint32_t hash = hash_of(subject);
  Entry* entry = literals_.find(hash, subject);
  if (entry == nullptr) {
    entry = Entry::create(subject, hash);
    literals_.insert(entry, domain_, limbo_);
  }
  return entry;
}

Entry* SubjectIndex::find_or_add_pattern(std::string_view pattern) {
  TrieNode* node = &root_;
  std::string_view token;
  auto add_entry = [&](std::atomic<Entry*>& place) {
    Entry* entry = place.load(std::memory_order_relaxed);
    if (entry == nullptr) {
      entry = Entry::create(pattern, hash_of(pattern));
      place.store(entry, std::memory_order_release);
      patterns_.fetch_add(1, std::memory_order_release);
    }
    return entry;
  };
  for (TokenCursor cursor(pattern); cursor.next(token);) {
    if (token == ">") return add_entry(node->rest);
    TrieNode* child = nullptr;
    if (token == "*") {
      child = node->any.load(std::memory_order_relaxed);
      if (child == nullptr) {
        child = TrieNode::create(token, 0);
        child->parent = node;
        node->any.store(child, std::memory_order_release);
      }
    } else {
      uint32_t hash = hash_of(token);
      child = node->children.find(hash, token);
      if (child == nullptr) {
        child = TrieNode::create(token, hash);
        child->parent = node;
        node->children.insert(child, domain_, limbo_);
      }
    }
    node = child;
  }
  return add_entry(node->entry);
}

void SubjectIndex::drop_entry(Entry* entry) {
  if (has_wildcard(entry->key())) {
    drop_pattern(entry);
  } else {
    literals_.erase(entry, domain_, limbo_);
  }
  limbo_.retire(domain_, entry, &Entry::destroy);
}

void SubjectIndex::drop_pattern(Entry* entry) {
  TrieNode* node = &root_;
  std::string_view token;
  bool tail = false;
  for (TokenCursor cursor(entry->key()); cursor.next(token);) {
    if (token == ">") {
      tail = true;
      break;
    }
    node = token == "*" ? node->any.load(std::memory_order_relaxed)
                        : node->children.find(hash_of(token), token);
    NATRIX_ASSERT(node != nullptr, "a dropped pattern is in the trie");
  }
  (tail ? node->rest : node->entry).store(nullptr, std::memory_order_release);
  patterns_.fetch_sub(1, std::memory_order_release);
  while (node != &root_ && node->empty()) {
    TrieNode* parent = node->parent;
    if (parent->any.load(std::memory_order_relaxed) == node) {
      parent->any.store(nullptr, std::memory_order_release);
    } else {
      parent->children.erase(node, domain_, limbo_);
    }
    limbo_.retire(domain_, node, &TrieNode::destroy);
    node = parent;
  }
}

EntryLists* SubjectIndex::make_lists(Entry* entry) {
  uintptr_t content = entry->content.load(std::memory_order_relaxed);
  if (EntryLists* lists = Entry::lists(content)) return lists;
  auto* lists = new EntryLists;
  if (Subscription* sub = Entry::single(content)) {
    lists->plain.add(sub, domain_, limbo_);
    lists->local_plain = sub->origin == Origin::kLocal ? 1 : 0;
  }
  entry->content.store(reinterpret_cast<uintptr_t>(lists), std::memory_order_release);
  return lists;
}

// Both return the number of local plain subscriptions there are now.
uint32_t SubjectIndex::add_plain(Entry* entry, Subscription* sub) {
  bool local = sub->origin == Origin::kLocal;
  if (entry->content.load(std::memory_order_relaxed) == 0) {
    entry->content.store(reinterpret_cast<uintptr_t>(sub) | 1, std::memory_order_release);
    return local ? 1 : 0;
  }
  EntryLists* lists = make_lists(entry);
  lists->plain.add(sub, domain_, limbo_);
  return lists->local_plain += local ? 1 : 0;
}

uint32_t SubjectIndex::remove_plain(Entry* entry, Subscription* sub) {
  if (Entry::single(entry->content.load(std::memory_order_relaxed)) == sub) {
    entry->content.store(0, std::memory_order_release);
    return 0;
  }
  EntryLists* lists = make_lists(entry);
  lists->plain.remove(sub, domain_, limbo_);
  return lists->local_plain -= sub->origin == Origin::kLocal ? 1 : 0;
}

QueueGroup* SubjectIndex::find_or_add_group(Entry* entry, std::string_view name) {
  EntryLists* lists = make_lists(entry);
  QueueGroups* old = lists->queues.load(std::memory_order_relaxed);
  if (old != nullptr) {
    for (QueueGroup* group : old->groups) {
      if (group->name == name) return group;
    }
  }
  auto* fresh = old == nullptr ? new QueueGroups : new QueueGroups(*old);
  auto* group = new QueueGroup;
  group->entry = entry;
  group->name = name;
  fresh->groups.push_back(group);
  lists->queues.store(fresh, std::memory_order_release);
  if (old != nullptr) limbo_.retire(domain_, old);
  return group;
}

// Returns the number of local members left.
uint32_t SubjectIndex::remove_from_group(Entry* entry, QueueGroup* group, Subscription* sub) {
  group->members.remove(sub, domain_, limbo_);
  uint32_t left = group->local_members -= sub->origin == Origin::kLocal ? 1 : 0;
  if (group->members.empty()) unlink_group(entry, group);
  return left;
}

void SubjectIndex::unlink_group(Entry* entry, QueueGroup* group) {
  EntryLists* lists = make_lists(entry);
  QueueGroups* old = lists->queues.load(std::memory_order_relaxed);
  QueueGroups* fresh = nullptr;
  if (old->groups.size() > 1) {
    fresh = new QueueGroups;
    for (QueueGroup* other : old->groups) {
      if (other != group) fresh->groups.push_back(other);
    }
  }
  lists->queues.store(fresh, std::memory_order_release);
  limbo_.retire(domain_, old);
}

void SubjectIndex::insert(Subscription* sub, std::string_view subject, std::string_view queue) {
  std::lock_guard lock(mutex_);
  Entry* entry = find_or_add_entry(subject);
  bool local = sub->origin == Origin::kLocal;
  uint32_t members = 0;
  sub->queued = !queue.empty();
  if (queue.empty()) {
    sub->place = entry;
    members = add_plain(entry, sub);
  } else {
    QueueGroup* group = find_or_add_group(entry, queue);
    sub->place = group;
    group->members.add(sub, domain_, limbo_);
    members = group->local_members += local ? 1 : 0;
  }
  bump(subject, entry->hash);
  size_.fetch_add(1, std::memory_order_relaxed);
  ++inserts_;
  if (local && listener_ != nullptr && (members == 1 || !queue.empty())) {
    listener_->interest_changed(subject, queue, members);
  }
  collect();
}

void SubjectIndex::remove(Subscription* sub) {
  std::lock_guard lock(mutex_);
  auto* entry = const_cast<Entry*>(sub->entry());
  bool local = sub->origin == Origin::kLocal;
  auto* group = const_cast<QueueGroup*>(sub->group());
  uint32_t members =
      group != nullptr ? remove_from_group(entry, group, sub) : remove_plain(entry, sub);
  if (local && listener_ != nullptr && (members == 0 || group != nullptr)) {
    listener_->interest_changed(entry->key(), sub->queue(), members);
  }
  bump(entry->key(), entry->hash);
  // What kept matches point to is retired after the bump only: a reader that begins later must find
  // them outdated.
  if (group != nullptr && group->members.empty()) limbo_.retire(domain_, group);
  uintptr_t content = entry->content.load(std::memory_order_relaxed);
  const EntryLists* lists = Entry::lists(content);
  if (content == 0 || (lists != nullptr && lists->empty())) drop_entry(entry);
  size_.fetch_sub(1, std::memory_order_relaxed);
  ++removes_;
  collect();
}

void SubjectIndex::collect() {
  bool worth_it = limbo_.size() > kCollectFrom;
  // The turn that outgrew a table still pins it: look again after some more changes, not after
  // each.
  if (limbo_.holds_large()) worth_it |= ++changes_ % kCollectFrom == 0;
  if (worth_it) limbo_.free_up_to(domain_.safe());
}

void SubjectIndex::set_listener(InterestListener* listener) {
  std::lock_guard lock(mutex_);
  listener_ = listener;
}

void SubjectIndex::between_changes(const std::function<void()>& f) const {
  std::lock_guard lock(mutex_);
  f();
}

void SubjectIndex::snapshot_interest(
    const std::function<void(std::string_view, std::string_view, uint32_t)>& f,
    const std::function<void()>& after) const {
  std::lock_guard lock(mutex_);
  for_each_entry([&](const Entry& entry) {
    uintptr_t content = entry.content.load(std::memory_order_relaxed);
    const EntryLists* lists = Entry::lists(content);
    if (const Subscription* sub = Entry::single(content)) {
      if (sub->origin == Origin::kLocal) f(entry.key(), {}, 1);
    } else if (lists != nullptr && lists->local_plain != 0) {
      f(entry.key(), {}, lists->local_plain);
    }
    entry.for_each([](Subscription*) {},
                   [&](const QueueGroup& group) {
                     if (group.local_members != 0) f(entry.key(), group.name, group.local_members);
                   });
  });
  after();
}

void SubjectIndex::for_each(const std::function<void(const Subscription&)>& f) const {
  std::lock_guard lock(mutex_);
  auto visit = [&](Subscription* sub) { f(*sub); };
  for_each_entry([&](const Entry& entry) {
    entry.for_each(visit, [&](const QueueGroup& group) { group.members.for_each(visit); });
  });
}

IndexStats SubjectIndex::stats() const {
  std::lock_guard lock(mutex_);
  return {size_.load(std::memory_order_relaxed), inserts_, removes_};
}

}  // namespace natrix::subject
