// A stream in memory on a fake environment.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "broker/jetstream/model/stream_rules.h"
#include "broker/jetstream/stream/stream.h"
#include "broker/storage/store.h"
#include "tests/support/fake_environment.h"

namespace natrix::jetstream {

class NowExecutor final : public storage::Executor {
 public:
  void post(std::function<void()> task) override { task(); }
};

class StreamBench {
 public:
  explicit StreamBench(model::StreamConfig config) {
    store_ = std::move(*storage::open_store({}));
    config.storage = model::StorageType::kMemory;
    config = *model::check_stream(std::move(config), {}, model::Mode::kForgiving);
    storage::StreamInfo info;
    info.name = config.name;
    info.in_memory = true;
    id_ = *store_->create(info, std::max<uint64_t>(config.first_seq, 1));
    stream_ =
        std::make_unique<stream::Stream>(env, settings, usage, config, model::Time{env.now()});
    stream_->open(*store_->attach(id_, executor_, *stream_));
    env.hear("reply.>");
  }

  stream::Stream& stream() { return *stream_; }
  storage::StreamState state() { return stream_->store().state(); }
  // Publishes with a reply and returns the answer.
  std::string publish(const std::string& subject, const std::string& payload = "",
                      const std::string& headers = "") {
    env.take();
    env.client_publish(subject, payload, "reply.ack",
                       headers.empty() ? "" : "NATS/1.0\r\n" + headers + "\r\n");
    std::string answers;
    for (const Sent& one : env.take()) {
      if (one.to == "reply.ack") answers += one.payload;
    }
    return answers;
  }

  FakeEnvironment env;
  stream::StreamSettings settings;
  stream::Usage usage;

 private:
  NowExecutor executor_;
  std::unique_ptr<storage::Store> store_;
  storage::StreamId id_ = 0;
  std::unique_ptr<stream::Stream> stream_;
};

inline model::StreamConfig stream_config(std::string name, std::vector<std::string> subjects) {
  model::StreamConfig config;
  config.name = std::move(name);
  config.subjects = std::move(subjects);
  return config;
}

}  // namespace natrix::jetstream
