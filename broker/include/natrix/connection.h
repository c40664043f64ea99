// Connection: publish, subscribe and request within the process of an embedded Broker.
//
// All methods are safe from any thread and from handlers; a handler may publish and request. The
// handlers of one connection run one after the other, on a thread of the connection, in the order
// the messages arrived; a slow handler holds up only its own connection. What waits for handlers is
// bounded (ConnectionOptions): beyond it the broker's slow-consumer rules apply. A connection must
// not be destroyed by its own handlers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "natrix/errors.h"

namespace natrix {

struct ConnectionOptions {
  std::string name;
  std::string user;
  std::string password;
  std::string token;
  size_t max_waiting_messages = 64 * 1024;
  size_t max_waiting_bytes = 64 * 1024 * 1024;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Message {
  std::string subject;
  std::string reply;  // empty: no answer expected
  Headers headers;
  int status = 0;  // of a status message, e.g. 503: no responders
  std::string data;
};

// Handle of a subscription of one connection.
using SubscriptionId = uint64_t;

class Connection {
 public:
  using Handler = std::function<void(const Message&)>;

  ~Connection();  // close()
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Success: handed to the broker. Errors: closed, too large, malformed subject or header.
  Result<void> publish(std::string_view subject, std::string_view data, const Headers& headers = {},
                       std::string_view reply = {});
  // Answers a request. Error also when `request` asked for no answer.
  Result<void> respond(const Message& request, std::string_view data, const Headers& headers = {});

  // With `queue` each message goes to one member of the group. After it returns, messages published
  // by anyone are delivered.
  Result<SubscriptionId> subscribe(std::string_view subject, Handler handler,
                                   std::string_view queue = {});
  Result<void> unsubscribe(SubscriptionId id);

  // Errors: nobody listens ("no responders"), nobody answered in time, closed.
  Result<Message> request(std::string_view subject, std::string_view data,
                          std::chrono::milliseconds timeout, const Headers& headers = {});

  // Waits until the broker has taken everything published before.
  Result<void> flush(std::chrono::milliseconds timeout);
  // Takes no more messages, handles those that arrived, flushes what handlers published, closes.
  Result<void> drain(std::chrono::milliseconds timeout);
  void close();

  // The last error the broker reported, e.g. a permissions violation; empty: none.
  [[nodiscard]] std::string last_error() const;

  struct State;

 private:
  friend class Broker;
  explicit Connection(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace natrix
