// A consumer on a stream in memory; see stream_bench.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/jetstream/consumer/consumer.h"
#include "broker/jetstream/model/consumer_rules.h"
#include "tests/support/stream_bench.h"

namespace natrix::jetstream {

class ConsumerBench : public StreamBench, public consumer::ConsumerHost {
 public:
  explicit ConsumerBench(model::StreamConfig config = stream_config("S", {"s.*"}))
      : StreamBench(std::move(config)) {}
  ~ConsumerBench() override { made_.reset(); }

  consumer::Consumer& add(model::ConsumerConfig config) {
    config.name = "c";
    auto checked = model::check_consumer(config, stream().config(), {}, model::Mode::kForgiving);
    EXPECT_TRUE(checked) << checked.error().description;
    made_ = std::make_unique<consumer::Consumer>(stream(), *this, *checked, model::Time{env.now()});
    made_->open(**stream().store().consumer("c", "", true), consumer::Consumer::Origin::kNew);
    env.settle();
    return *made_;
  }
  // As after a restart of the server: only what is stored is known.
  void reopen() {
    model::ConsumerConfig config = made_->config();
    made_.reset();
    made_ = std::make_unique<consumer::Consumer>(stream(), *this, config, model::Time{env.now()});
    made_->open(*stream().store().find_consumer("c"), consumer::Consumer::Origin::kRecovered);
    env.settle();
  }
  consumer::Consumer& one() { return *made_; }
  void retire(consumer::Consumer&) override { ++retired; }
  void advise(std::string_view subject, std::string_view, std::string_view fields) override {
    advisories.push_back(std::string(subject) + " " + std::string(fields));
  }

  void fill(int count) {
    for (int i = 0; i < count; ++i) publish("s.a", std::to_string(i));
    env.take();
  }
  // Asks for messages; returns what came on the request's inbox.
  std::vector<Sent> pull(const std::string& body, const std::string& inbox = "reply.pull") {
    env.take();
    env.client_publish("$JS.API.CONSUMER.MSG.NEXT.S.c", body, inbox);
    return env.take();
  }
  void acknowledge(const Sent& message, const std::string& body = "",
                   const std::string& reply = "") {
    env.client_publish(message.reply, body, reply);
  }
  [[nodiscard]] storage::ConsumerState state() {
    return stream().store().find_consumer("c")->state();
  }

  int retired = 0;
  std::vector<std::string> advisories;

 private:
  std::unique_ptr<consumer::Consumer> made_;
};

inline model::ConsumerConfig explicit_acks() {
  model::ConsumerConfig config;
  config.durable = "c";
  config.ack_policy = model::AckPolicy::kExplicit;
  return config;
}

inline std::vector<std::string> payloads(const std::vector<Sent>& messages) {
  std::vector<std::string> all;
  for (const Sent& one : messages) all.push_back(one.payload);
  return all;
}

}  // namespace natrix::jetstream
