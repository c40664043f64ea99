#include "broker/core/router.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

#include "broker/base/assert.h"

namespace natrix::core {

using subject::Subscription;

namespace {

uint32_t weight_of(const Subscription& sub) {
  return static_cast<uint32_t>(sub.weight.load(std::memory_order_relaxed));
}

}  // namespace

Router::Router(io::Shard& shard, RouterMesh& mesh)
    : shard_(shard), mesh_(mesh), random_state_(std::random_device{}() | 1ULL) {
  shard.set_turn_hook(this);
}

Router::~Router() {
  shard_.set_turn_hook(nullptr);
}

uint32_t Router::random(uint32_t below) {
  // xorshift: spreading load over queue members needs no more.
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 7;
  random_state_ ^= random_state_ << 17;
  return static_cast<uint32_t>((random_state_ >> 32) % below);
}

Published Router::publish(const Publisher& publisher, const Message& message) {
  return publish_to(message.subject(), publisher, message);
}

Published Router::publish_to(std::string_view target, const Publisher& publisher,
                             const Message& message) {
  ++serial_;
  const Plan& plan = plans_.find(*message.account, target);
  if (message.total_size >= kOwnBlockFrom && message.block != nullptr &&
      !message.block->dedicated() && plan.local.size() + plan.routes.size() > 1) {
    io::BytesRef own;
    return route(plan, publisher, in_own_block(message, own));
  }
  return route(plan, publisher, message);
}

// A large payload with many receivers is copied once, into a block that all their write queues
// refer to; the chunk it was read into is needed for the next read.
Message Router::in_own_block(const Message& message, io::BytesRef& own) {
  const char* begin = message.subject_data;
  size_t size = static_cast<size_t>(message.body - begin) + message.total_size + 2;
  own = io::BytesRef::adopt(io::SharedBytes::allocate(size));
  std::memcpy(own->data(), begin, size);
  auto moved = [&](const char* p) { return p == nullptr ? nullptr : own->data() + (p - begin); };
  Message copy = message;
  copy.subject_data = moved(message.subject_data);
  copy.reply_data = message.reply_size == 0 ? nullptr : moved(message.reply_data);
  copy.body = moved(message.body);
  copy.tail = moved(message.tail);
  copy.block = own.get();
  return copy;
}

Published Router::route(const Plan& plan, const Publisher& publisher, const Message& message) {
  Published result;
  for (Subscription* sub : plan.local) {
    if (sub->receiver == publisher.self && !publisher.echo) continue;
    give(*sub, message, {}, result);
  }
  if (plan.queue_count == 0 && plan.routes.empty()) return result;
  choice_count_ = 0;
  if (!publisher.from_route) {
    for (Subscription* sub : plan.routes) choice(sub);
  }
  if (plan.queue_count != 0) to_queues(plan, publisher, message, result);
  if (choice_count_ != 0) to_routes(plan, publisher, message, result);
  return result;
}

Router::RouteChoice& Router::choice(Subscription* sub) {
  for (size_t i = 0; i < choice_count_; ++i) {
    if (choices_[i].sub->receiver == sub->receiver) return choices_[i];
  }
  if (choice_count_ == choices_.size()) choices_.emplace_back();
  RouteChoice& fresh = choices_[choice_count_++];
  fresh.sub = sub;
  fresh.queues.clear();
  return fresh;
}

void Router::to_queues(const Plan& plan, const Publisher& publisher, const Message& message,
                       Published& result) {
  for (uint32_t i = 0; i < plan.queue_count; ++i) {
    const QueuePlan& queue = plan.queues[i];
    if (publisher.from_route) {
      bool chosen = false;
      for (std::string_view name : publisher.queues) chosen |= name == queue.name;
      if (chosen && !pick_local(queue, publisher, message, result)) reroute(plan, queue, publisher);
      continue;
    }
    // Members here and elsewhere share alike; each server counts with the members it announced.
    auto local = static_cast<uint32_t>(queue.local.size());
    uint32_t members = local;
    for (const Subscription* sub : queue.remote) members += weight_of(*sub);
    uint32_t at = random(members == 0 ? 1 : members);
    if (at < local && pick_local(queue, publisher, message, result)) continue;
    if (queue.remote.empty()) continue;
    pick_remote(queue, at < local ? random(members - local) : at - local);
  }
}

void Router::pick_remote(const QueuePlan& queue, uint32_t at) {
  for (Subscription* sub : queue.remote) {
    uint32_t weight = weight_of(*sub);
    if (at < weight || sub == queue.remote.back()) {
      choice(sub).queues.push_back(queue.name);
      return;
    }
    at -= weight;
  }
}

// The origin chose this server, but its members have left meanwhile: another server with members
// takes the message. Not one with plain interest: it has the message from the origin already.
void Router::reroute(const Plan& plan, const QueuePlan& queue, const Publisher& publisher) {
  for (Subscription* sub : queue.remote) {
    bool served = sub->receiver == publisher.self;
    for (const Subscription* other : plan.routes) served |= other->receiver == sub->receiver;
    if (served) continue;
    choice(sub).queues.push_back(queue.name);
    return;
  }
}

bool Router::pick_local(const QueuePlan& queue, const Publisher& publisher, const Message& message,
                        Published& result) {
  auto count = static_cast<uint32_t>(queue.local.size());
  if (count == 0) return false;
  uint32_t start = count == 1 ? 0 : random(count);
  for (uint32_t i = 0; i < count; ++i) {
    Subscription* sub = queue.local[(start + i) % count];
    if (sub->receiver == publisher.self && !publisher.echo) continue;
    uint32_t before = result.deliveries;
    give(*sub, message, {}, result);
    if (result.deliveries != before) return true;
  }
  return false;
}

void Router::to_routes(const Plan&, const Publisher&, const Message& message, Published& result) {
  for (size_t i = 0; i < choice_count_; ++i) {
    give(*choices_[i].sub, message, choices_[i].queues, result);
  }
}

bool Router::publish_to_group(const Message& message, std::string_view group) {
  ++serial_;
  const Plan& plan = plans_.find(*message.account, message.subject());
  Published result;
  for (uint32_t i = 0; i < plan.queue_count; ++i) {
    if (plan.queues[i].name == group) return pick_local(plan.queues[i], {}, message, result);
  }
  return false;
}

void Router::give(Subscription& sub, const Message& message,
                  std::span<const std::string_view> queues, Published& result) {
  if (sub.shard != shard_.id()) return hand_over(sub, message, queues, result);
  Delivery delivery = sub.receiver->deliver(sub, message, queues);
  if (delivery == Delivery::kRefused) return;
  ++result.deliveries;
  result.congested |= delivery == Delivery::kCongested;
}

void Router::hand_over(Subscription& sub, const Message& message,
                       std::span<const std::string_view> queues, Published& result) {
  if (outgoing_.empty()) outgoing_.resize(mesh_.shards.size());
  std::unique_ptr<HandOver>& batch = outgoing_[sub.shard];
  if (!batch) {
    batch = std::make_unique<HandOver>(*mesh_.routers[sub.shard], last_batch_size_);
    any_outgoing_ = true;
  }
  if (queues.empty() && sub.queued) {
    std::string_view name = sub.group()->name;
    batch->add(sub, message, serial_, {&name, 1});
  } else {
    batch->add(sub, message, serial_, queues);
  }
  ++result.deliveries;
  if (mesh_.shards[sub.shard]->backlog() > kMaxBacklog) {
    result.congested = result.backlogged = true;
  }
}

void Router::at_turn_end(TurnTask& task) {
  if (task.listed_) return;
  task.listed_ = true;
  tasks_.push_back(&task);
}

void Router::forget(TurnTask& task) {
  if (!task.listed_) return;
  task.listed_ = false;
  std::erase(tasks_, &task);
  std::replace(running_.begin(), running_.end(), &task, static_cast<TurnTask*>(nullptr));
}

// Tasks cause tasks: a message stored is delivered, its acknowledgement arrives, and so on. After
// some rounds the rest waits for the shard's loop, so that no circle of streams stops the shard.
void Router::run_tasks() {
  for (unsigned round = 0; !tasks_.empty(); ++round) {
    if (round == kMaxRounds) {
      if (!std::exchange(tasks_posted_, true)) {
        shard_.post([this] {
          tasks_posted_ = false;
          io::Turn turn(shard_);
        });
      }
      return;
    }
    running_.swap(tasks_);
    for (size_t i = 0; i < running_.size(); ++i) {
      TurnTask* task = running_[i];
      if (task == nullptr) continue;
      task->listed_ = false;
      running_[i] = nullptr;
      task->run();
    }
    running_.clear();
  }
}

void Router::end_turn() {
  if (!tasks_.empty()) run_tasks();
  if (!any_outgoing_) return;
  any_outgoing_ = false;
  for (size_t i = 0; i < outgoing_.size(); ++i) {
    if (!outgoing_[i]) continue;
    bool small = outgoing_[i]->small();
    last_batch_size_ = outgoing_[i]->size();
    mesh_.shards[i]->send(std::move(outgoing_[i]), small);
  }
}

io::BytesRef own_bytes(Message& message) {
  size_t size = message.subject_size + message.reply_size + message.total_size + size_t{2};
  auto block = io::BytesRef::adopt(io::SharedBytes::allocate(size));
  char* to = block->data();
  auto take = [&to](const char*& from, size_t n) {
    if (n > 0) std::memcpy(to, from, n);
    from = to;
    to += n;
  };
  take(message.subject_data, message.subject_size);
  take(message.reply_data, message.reply_size);
  take(message.body, message.total_size + size_t{2});
  message.tail = nullptr;
  message.block = block.get();
  return block;
}

void HandOver::keep_alive(Message& message) {
  if (message.block != nullptr) {
    if (blocks_.empty() || blocks_.back().get() != message.block) {
      blocks_.push_back(io::BytesRef::share(message.block));
    }
    return;
  }
  // A message the server made itself.
  blocks_.push_back(own_bytes(message));
}

void HandOver::add(Subscription& sub, const Message& message, uint64_t serial,
                   std::span<const std::string_view> queues) {
  if (last_serial_ != serial) {
    last_serial_ = serial;
    messages_.push_back(message);
    keep_alive(messages_.back());
  }
  bytes_ += message.total_size;
  uint32_t names = 0;
  if (!queues.empty()) {
    names_.emplace_back(queues.begin(), queues.end());
    names = static_cast<uint32_t>(names_.size());
  }
  items_.push_back({&sub, static_cast<uint32_t>(messages_.size() - 1), names});
}

void HandOver::open(io::Shard& shard) {
  io::Turn turn(shard);
  std::vector<std::string_view> queues;
  for (const Item& item : items_) {
    queues.clear();
    if (item.queue_names != 0) {
      const auto& names = names_[item.queue_names - 1];
      queues.assign(names.begin(), names.end());
    }
    const Message& message = messages_[item.message];
    Delivery delivery = item.sub->receiver->deliver(*item.sub, message, queues);
    // The member has left meanwhile: the group's other members must not lose the message.
    if (delivery == Delivery::kRefused && queues.size() == 1 &&
        item.sub->origin == subject::Origin::kLocal) {
      target_.publish_to_group(message, queues.front());
    }
  }
}

}  // namespace natrix::core
