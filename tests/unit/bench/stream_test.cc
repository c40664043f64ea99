// A stream must fail when the server loses, repeats or reorders a message. The server here hands
// every PUB to everybody, with one fault on request.
#include "bench/loadgen/stream.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "tests/unit/bench/tiny_server.h"

namespace natrix::bench {
namespace {

enum class Fault { kNone, kRepeat, kReorder, kSkip };

constexpr uint64_t kFaultAt = 500;

class FanOutServer : public TinyServer {
 public:
  explicit FanOutServer(Fault fault) : fault_(fault) { start(); }
  ~FanOutServer() override { stop(); }

 private:
  void on_publish(const Publish& publish) override {
    deliver("MSG bench.topic 1 16\r\n" + publish.payload + "\r\n");
  }

  void deliver(const std::string& frame) {
    uint64_t number = delivered_++;
    if (number == kFaultAt && fault_ != Fault::kNone) {
      held_ = frame;
      if (fault_ != Fault::kRepeat) {
        return;
      }
    }
    for (int fd : subscribers()) {
      put(fd, frame);
      if (number == kFaultAt + 1 && fault_ == Fault::kReorder) {
        put(fd, held_);
      } else if (number == kFaultAt && fault_ == Fault::kRepeat) {
        put(fd, held_);
      }
    }
  }

  Fault fault_;
  uint64_t delivered_ = 0;
  std::string held_;
};

TEST(Stream, EveryMessageOfEveryPublisherReachesEveryReceiver) {
  FanOutServer server(Fault::kNone);
  Stream stream(server.port(), {.publishers = 3, .receivers = 2});
  stream.run(1'000);
  stream.run(2'000);
  EXPECT_EQ(stream.deliveries_per_message(), 2u);
}

TEST(Stream, PublishingToNobodyWaitsForTheServer) {
  FanOutServer server(Fault::kNone);
  Stream stream(server.port(), {.receivers = 0});
  stream.run(3'000);
}

TEST(Stream, NoticesFaults) {
  for (Fault fault : {Fault::kRepeat, Fault::kReorder, Fault::kSkip}) {
    FanOutServer server(fault);
    Stream stream(server.port(), {});
    EXPECT_THROW(stream.run(2'000), std::runtime_error) << static_cast<int>(fault);
  }
}

}  // namespace
}  // namespace natrix::bench
