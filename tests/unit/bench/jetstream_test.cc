// A figure of acknowledged messages is worth something only if a wrong, missing or repeated
// acknowledgement or delivery fails the measurement. The servers here make one such fault.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>

#include "bench/jetstream/acked_publisher.h"
#include "bench/jetstream/api.h"
#include "bench/jetstream/key_watcher.h"
#include "bench/jetstream/pull_consumer.h"
#include "tests/unit/bench/tiny_server.h"

namespace natrix::bench {
namespace {

constexpr uint64_t kFaultAt = 50;
constexpr uint64_t kMessages = 100;

std::string frame(const std::string& subject, const std::string& sid, const std::string& payload) {
  return fmt::format("MSG {} {} {}\r\n{}\r\n", subject, sid, payload.size(), payload);
}

enum class AckFault { kNone, kWrongSequence, kRepeat, kError, kDuplicate, kForeignStream, kStatus };

// Acknowledges what is published to "bench.js" and its numbered subjects.
class AckingServer : public TinyServer {
 public:
  explicit AckingServer(AckFault fault) : fault_(fault) { start(); }
  ~AckingServer() override { stop(); }

 private:
  void on_publish(const Publish& publish) override {
    bool faulty = published_++ == kFaultAt;
    std::string suffix = publish.subject.substr(std::string("bench.js").size());
    std::string stream = suffix.empty() ? "BENCH" : "BENCH_" + suffix.substr(1);
    uint64_t sequence = ++sequences_[stream];
    std::string ack = fmt::format(R"({{"stream":"{}","seq":{}}})", stream, sequence);
    if (!faulty || fault_ == AckFault::kNone) {
      put(publish.from, frame(publish.reply, "1", ack));
      return;
    }
    switch (fault_) {
      case AckFault::kWrongSequence:
        ack = fmt::format(R"({{"stream":"{}","seq":{}}})", stream, sequence + 1);
        break;
      case AckFault::kRepeat:
        put(publish.from, frame(publish.reply, "1", ack));
        break;
      case AckFault::kError:
        ack = R"({"error":{"code":503,"err_code":10077},"stream":"BENCH","seq":0})";
        break;
      case AckFault::kDuplicate:
        ack = fmt::format(R"({{"stream":"{}","seq":{},"duplicate":true}})", stream, sequence);
        break;
      case AckFault::kForeignStream:
        ack = fmt::format(R"({{"stream":"OTHER","seq":{}}})", sequence);
        break;
      default:
        put(publish.from, "HMSG " + publish.reply + " 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n");
        return;
    }
    put(publish.from, frame(publish.reply, "1", ack));
  }

  AckFault fault_;
  uint64_t published_ = 0;
  std::map<std::string, uint64_t> sequences_;
};

TEST(AckedPublisher, ReturnsWhenAllIsAcknowledged) {
  AckingServer server(AckFault::kNone);
  AckedPublisher publisher(server.port(), {.payload_bytes = 16, .window = 7});
  publisher.run(kMessages);
  EXPECT_EQ(publisher.run_one_by_one(10).size(), 10u);
  publisher.run(kMessages);
  EXPECT_EQ(publisher.published(), 2 * kMessages + 10);
}

TEST(AckedPublisher, CountsTheSequencesOfEachStream) {
  AckingServer server(AckFault::kNone);
  AckedPublisher publisher(server.port(),
                           {.streams = 3, .subjects = {"bench.js", true}, .payload_bytes = 16});
  publisher.run(kMessages);
}

TEST(AckedPublisher, NoticesFaults) {
  for (AckFault fault : {AckFault::kWrongSequence, AckFault::kRepeat, AckFault::kError,
                         AckFault::kDuplicate, AckFault::kForeignStream, AckFault::kStatus}) {
    AckingServer server(fault);
    AckedPublisher publisher(server.port(), {.payload_bytes = 16});
    EXPECT_THROW(publisher.run(kMessages), std::runtime_error) << static_cast<int>(fault);
  }
}

enum class PullFault { kNone, kSkip, kRepeat, kRedelivery, kTooMany, kWrongByte, kNoConsumer };

// Answers pull requests with the messages an AckedPublisher would have published, in parts of two
// thirds and a timeout, and confirms acknowledgements that ask for it.
class PullServer : public TinyServer {
 public:
  explicit PullServer(PullFault fault) : fault_(fault) { start(); }
  ~PullServer() override { stop(); }

  std::atomic<uint64_t> acknowledged{0};

 private:
  void on_publish(const Publish& publish) override {
    if (publish.subject.rfind("$JS.ACK.", 0) == 0) {
      EXPECT_EQ(publish.payload, "+ACK");
      ++acknowledged;
      if (!publish.reply.empty()) {
        put(publish.from, frame(publish.reply, "2", ""));
      }
      return;
    }
    EXPECT_EQ(publish.subject, "$JS.API.CONSUMER.MSG.NEXT.BENCH.pull");
    auto batch = nlohmann::json::parse(publish.payload)["batch"].get<uint64_t>();
    if (fault_ == PullFault::kNoConsumer) {
      put_status(publish, "503 No Responders", 0);
      return;
    }
    uint64_t part = batch > 2 ? batch * 2 / 3 : batch;
    for (uint64_t i = 0; i < part + (fault_ == PullFault::kTooMany ? batch : 0); ++i) {
      put_message(publish.from);
    }
    if (part < batch) {
      put_status(publish, "408 Request Timeout", batch - part);
    }
  }

  void put_message(int fd) {
    bool faulty = next_ == kFaultAt && !std::exchange(faulted_, faulted_ || next_ == kFaultAt);
    if (faulty && fault_ == PullFault::kSkip) {
      ++next_;
    }
    std::string payload(16, 'x');
    store_tag(payload.data(), make_tag(0, next_));
    if (faulty && fault_ == PullFault::kWrongByte) {
      payload.back() = 'y';
    }
    int delivery = faulty && fault_ == PullFault::kRedelivery ? 2 : 1;
    put(fd, fmt::format("MSG bench.js 1 $JS.ACK.BENCH.pull.{}.{}.{}.1.0 16\r\n{}\r\n", delivery,
                        next_ + 1, next_ + 1, payload));
    next_ += faulty && fault_ == PullFault::kRepeat ? 0 : 1;
  }

  static void put_status(const Publish& publish, const std::string& status, uint64_t pending) {
    std::string headers =
        fmt::format("NATS/1.0 {}\r\nNats-Pending-Messages: {}\r\n\r\n", status, pending);
    put(publish.from, fmt::format("HMSG {} 1 {} {}\r\n{}\r\n", publish.reply, headers.size(),
                                  headers.size(), headers));
  }

  PullFault fault_;
  uint64_t next_ = 0;
  bool faulted_ = false;
};

TEST(PullConsumer, TakesAndAcknowledgesWhatIsThere) {
  PullServer server(PullFault::kNone);
  PullConsumer consumer(server.port(), {.payload_bytes = 16, .batch = 30});
  consumer.run(kMessages);
  EXPECT_EQ(server.acknowledged, kMessages);
  consumer.run(1);
  EXPECT_EQ(server.acknowledged, kMessages + 1);
}

TEST(PullConsumer, NoticesFaults) {
  for (PullFault fault : {PullFault::kSkip, PullFault::kRepeat, PullFault::kRedelivery,
                          PullFault::kTooMany, PullFault::kWrongByte, PullFault::kNoConsumer}) {
    PullServer server(fault);
    PullConsumer consumer(server.port(), {.payload_bytes = 16, .batch = 30});
    EXPECT_THROW(consumer.run(kMessages), std::runtime_error) << static_cast<int>(fault);
  }
}

enum class WatchFault { kNone, kSkip, kRepeat, kWrongByte, kRefused };

// Delivers the values an AckedPublisher would have put, the first of them before the consumer's
// answer, and half of them only when its flow control request has been answered.
class WatchServer : public TinyServer {
 public:
  WatchServer(WatchFault fault, uint64_t keys) : fault_(fault), keys_(keys) { start(); }
  ~WatchServer() override { stop(); }

 private:
  void on_publish(const Publish& publish) override {
    if (publish.subject.rfind("$JS.API.CONSUMER.CREATE.KV_BENCH.watch", 0) == 0) {
      auto config = nlohmann::json::parse(publish.payload)["config"];
      EXPECT_EQ(config["deliver_policy"], "last_per_subject");
      subject_ = config["deliver_subject"];
      put_values(publish.from, 0, 1);
      bool refused = fault_ == WatchFault::kRefused;
      put(publish.from, frame(publish.reply, "2", refused ? R"({"error":{"code":400}})" : "{}"));
      put_values(publish.from, 1, keys_ / 2);
      put(publish.from, fmt::format("HMSG {} 1 $JS.FC.x 36 36\r\nNATS/1.0 100 FlowControl Request"
                                    "\r\n\r\n\r\n",
                                    subject_));
    } else if (publish.subject == "$JS.FC.x") {
      put_values(publish.from, keys_ / 2, keys_);
    } else {
      put(publish.from, frame(publish.reply, "2", R"({"success":true})"));
    }
  }

  void put_values(int fd, uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; ++i) {
      bool faulty = i == keys_ / 3;
      if (faulty && fault_ == WatchFault::kSkip) {
        continue;
      }
      std::string payload(16, faulty && fault_ == WatchFault::kWrongByte ? 'y' : 'x');
      store_tag(payload.data(), make_tag(0, i));
      std::string value = fmt::format("MSG $KV.BENCH.{} 1 $JS.ACK.x 16\r\n{}\r\n", i, payload);
      put(fd, value);
      if (faulty && fault_ == WatchFault::kRepeat) {
        put(fd, value);
      }
    }
  }

  WatchFault fault_;
  uint64_t keys_;
  std::string subject_;
};

TEST(KeyWatcher, TakesEveryValueOfEveryWatch) {
  WatchServer server(WatchFault::kNone, kMessages);
  KeyWatcher watcher(server.port(), {.payload_bytes = 16});
  for (int i = 0; i < 2; ++i) {
    WatchTimes times = watcher.run(kMessages);
    EXPECT_GT(times.first_to_last.count(), 0);
    EXPECT_GE(times.whole, times.first_to_last);
  }
}

TEST(KeyWatcher, NoticesFaults) {
  for (WatchFault fault :
       {WatchFault::kSkip, WatchFault::kRepeat, WatchFault::kWrongByte, WatchFault::kRefused}) {
    WatchServer server(fault, kMessages);
    KeyWatcher watcher(server.port(), {.payload_bytes = 16});
    EXPECT_THROW(watcher.run(kMessages), std::runtime_error) << static_cast<int>(fault);
  }
}

// Answers every request with the same bytes.
class ApiServer : public TinyServer {
 public:
  explicit ApiServer(std::string answer) : answer_(std::move(answer)) { start(); }
  ~ApiServer() override { stop(); }

 private:
  void on_publish(const Publish& publish) override {
    put(publish.from, frame(publish.reply, "1", answer_));
  }

  std::string answer_;
};

TEST(Api, ReturnsTheAnswerAndThrowsItsError) {
  ApiServer good(R"({"state":{"messages":3}})");
  EXPECT_EQ(Api(good.port()).stream_state("BENCH")["messages"], 3);
  ApiServer bad(R"({"error":{"code":404,"err_code":10059}})");
  EXPECT_THROW(Api(bad.port()).stream_state("BENCH"), std::runtime_error);
}

// Sends its bytes one by one, so that every message is incomplete at every place once.
class DribblingServer : public TinyServer {
 public:
  explicit DribblingServer(std::string bytes) : bytes_(std::move(bytes)) { start(); }
  ~DribblingServer() override { stop(); }

 private:
  void on_publish(const Publish& publish) override {
    for (char byte : bytes_) {
      put(publish.from, std::string(1, byte));
    }
  }

  std::string bytes_;
};

std::vector<std::string> read_messages(const std::string& bytes, size_t count) {
  DribblingServer server(bytes);
  Peer peer(server.port());
  peer.ping_pong();
  peer.send_all("PUB go 0\r\n\r\n");
  MessageReader reader(peer);
  std::vector<std::string> seen;
  while (seen.size() < count) {
    peer.wait(/*writable=*/false);
    reader.pump([&](const Message& m) {
      seen.push_back(
          fmt::format("{}|{}|{}|{}|{}", m.subject, m.sid, m.reply, m.headers, m.payload));
    });
  }
  return seen;
}

TEST(MessageReader, TakesMessagesOfEveryFormWhereverTheyAreCut) {
  auto seen = read_messages(
      "MSG a 1 2\r\nhi\r\nPING\r\nMSG b 2 re.ply 0\r\n\r\n"
      "HMSG c 3 12 14\r\nNATS/1.0\r\n\r\nyo\r\nHMSG d 4 re.ply 12 12\r\nNATS/1.0\r\n\r\n\r\n",
      4);
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0], "a|1|||hi");
  EXPECT_EQ(seen[1], "b|2|re.ply||");
  EXPECT_EQ(seen[2], "c|3||NATS/1.0\r\n\r\n|yo");
  EXPECT_EQ(seen[3], "d|4|re.ply|NATS/1.0\r\n\r\n|");
}

TEST(MessageReader, ThrowsOnWhatIsNoMessage) {
  for (const char* bytes : {"MSG a 1\r\n", "MSG a 1 r s 2\r\nhi\r\n", "MSG a 1 2x\r\nhi\r\n",
                            "HMSG a 1 2\r\nhi\r\n", "HMSG a 1 3 2\r\nhi\r\n", "MSG a 1 1\r\nhi\r\n",
                            "-ERR 'Stale Connection'\r\n", "MSGX a 1 2\r\nhi\r\n"}) {
    EXPECT_THROW(read_messages(bytes, 1), std::runtime_error) << bytes;
  }
}

}  // namespace
}  // namespace natrix::bench
