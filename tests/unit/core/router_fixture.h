// Routers on shards of their own, with receivers that keep what they get. Made and used by the
// test's thread.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <mutex>

#include "broker/core/router.h"
#include "tests/support/socket_peer.h"

namespace natrix::core {

using subject::Origin;
using subject::Subscription;
using tests::eventually;

// Takes "subject payload [queue,queue]" of every delivery.
class Inbox final : public Receiver {
 public:
  Delivery deliver(Subscription& sub, const Message& message,
                   std::span<const std::string_view> queues) override {
    std::lock_guard lock(mutex_);
    if (sub.closed || answer == Delivery::kRefused) return Delivery::kRefused;
    std::string text = std::string(message.subject()) + " " + std::string(message.payload());
    if (sub.origin == Origin::kRoute) {
      for (std::string_view queue : queues) text += " " + std::string(queue);
    }
    if (!message.body_and_end().ends_with("\r\n")) text += " without its end";
    messages_.push_back(std::move(text));
    return answer;
  }
  std::vector<std::string> messages() {
    std::lock_guard lock(mutex_);
    return messages_;
  }
  size_t count() {
    std::lock_guard lock(mutex_);
    return messages_.size();
  }

  std::atomic<Delivery> answer = Delivery::kTaken;

 private:
  std::mutex mutex_;
  std::vector<std::string> messages_;
};

class RouterTest : public ::testing::Test {
 protected:
  explicit RouterTest(unsigned shards = 2) {
    for (unsigned i = 0; i < shards; ++i) {
      shards_.push_back(std::make_unique<io::Shard>(i, epochs));
      mesh_.shards.push_back(shards_.back().get());
      routers_.push_back(std::make_unique<Router>(*shards_.back(), mesh_));
      mesh_.routers.push_back(routers_.back().get());
    }
    for (auto& shard : shards_) shard->start();
  }
  ~RouterTest() override {
    for (auto& [sub, shard] : subs_) accounts.global().index().remove(sub);
    for (auto& shard : shards_) shard->stop();
    for (auto& shard : shards_) shard->discard_mail();
    routers_.clear();
    for (auto& [sub, shard] : subs_) Subscription::destroy(sub);
  }

  // Runs `f` in a turn of the shard and waits for it.
  void on(size_t shard, const std::function<void()>& f) {
    std::promise<void> done;
    shards_[shard]->post([&] {
      {
        io::Turn turn(*shards_[shard]);
        f();
      }
      done.set_value();
    });
    done.get_future().wait();
  }

  Subscription* subscribe(Receiver& inbox, std::string_view subject, std::string_view queue = {},
                          size_t shard = 0, Origin origin = Origin::kLocal, int32_t weight = 1) {
    auto* sub = Subscription::create(&inbox, static_cast<uint16_t>(shard), origin, "1");
    sub->weight = weight;
    accounts.global().index().insert(sub, subject, queue);
    subs_[sub] = shard;
    return sub;
  }
  void unsubscribe(Subscription* sub) {
    size_t shard = subs_.at(sub);
    subs_.erase(sub);
    on(shard, [&] {
      sub->closed = true;
      accounts.global().index().remove(sub);
      shards_[shard]->retire(sub, &Subscription::destroy);
    });
  }

  // In the caller's turn.
  Published publish_here(size_t shard, std::string_view subject, std::string_view payload,
                         const Publisher& publisher = {}) {
    std::string body = std::string(payload) + "\r\n";
    Message message;
    message.subject_data = subject.data();
    message.subject_size = static_cast<uint32_t>(subject.size());
    message.body = body.data();
    message.total_size = static_cast<uint32_t>(payload.size());
    message.account = &accounts.global();
    return routers_[shard]->publish(publisher, message);
  }
  Published publish(std::string_view subject, std::string_view payload = "x", size_t shard = 0,
                    const Publisher& publisher = {}) {
    Published result;
    on(shard, [&] { result = publish_here(shard, subject, payload, publisher); });
    return result;
  }

  EpochDomain epochs;
  account::Accounts accounts{epochs};
  RouterMesh mesh_;
  std::vector<std::unique_ptr<io::Shard>> shards_;
  std::vector<std::unique_ptr<Router>> routers_;
  std::map<Subscription*, size_t> subs_;
};

}  // namespace natrix::core
