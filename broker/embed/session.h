// Session: the client side of one in-process connection: a socket, a thread that reads it and a
// thread that runs handlers. The state behind natrix::Connection.
//
// Safe from any thread. Locks: mutex_ guards everything but the socket; it is never held while a
// handler runs or while bytes are sent.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "broker/base/log.h"
#include "broker/protocol/server_parser.h"
#include "natrix/connection.h"

namespace natrix::embed {

class Session {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // Takes over `fd`, a connected stream socket to the broker.
  Session(int fd, ConnectionOptions options, Logger& log);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Greets the broker; once, first.
  Result<void> open(Deadline deadline);

  Result<void> publish(std::string_view subject, std::string_view data, const Headers& headers,
                       std::string_view reply);
  Result<SubscriptionId> subscribe(std::string_view subject, Connection::Handler handler,
                                   std::string_view queue);
  Result<void> unsubscribe(SubscriptionId id);
  Result<Message> request(std::string_view subject, std::string_view data, Deadline deadline,
                          const Headers& headers);
  Result<void> flush(Deadline deadline);
  // Waits until no message waits for a handler and none runs.
  Result<void> wait_idle(Deadline deadline);
  Result<void> drain(Deadline deadline);
  void close();

  [[nodiscard]] std::string last_error() const;
  // Changes with every message that was published or handled: two equal readings around an idle
  // moment mean that nothing is going on.
  [[nodiscard]] uint64_t activity() const { return activity_.load(); }
  [[nodiscard]] bool is_closed() const;

 private:
  struct Work {
    Message message;
    std::shared_ptr<const Connection::Handler> handler;
  };
  struct Waiting {
    bool done = false;
    Message answer;
  };

  void read_loop();
  void dispatch_loop();
  bool take(const protocol::ServerOperation& operation);
  void take_message(const protocol::ServerOperation& operation);
  Result<void> send(std::string bytes);
  bool on_dispatch_thread() const;
  bool inbox_full() const;

  const int fd_;
  const ConnectionOptions options_;
  Logger& log_;
  const std::string inbox_;  // "_INBOX.<random>."

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<SubscriptionId, std::shared_ptr<const Connection::Handler>> handlers_;
  std::unordered_map<std::string, Waiting*> requests_;  // by reply subject
  std::deque<Work> waiting_;
  size_t waiting_bytes_ = 0;
  bool handling_ = false;
  std::string unsent_;
  bool sending_ = false;
  bool closed_ = false;
  bool greeted_ = false;
  std::string error_;
  size_t max_payload_ = 0;
  uint64_t next_id_ = 2;  // 1 is the inbox of requests
  uint64_t next_request_ = 1;
  uint64_t pings_ = 0, pongs_ = 0;
  int blocked_callers_ = 0;  // they wait for the reader, which must not wait for room then
  std::atomic<uint64_t> activity_{0};
  std::thread reader_, dispatcher_;
};

}  // namespace natrix::embed
