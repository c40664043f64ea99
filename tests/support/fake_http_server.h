// An HTTP/1.1 server on loopback that a test scripts byte by byte: it can delay, drip, cut and
// reset wherever it likes. A thread per connection; connections are kept alive.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace natrix::tests {

struct FakeRequest {
  std::string method;
  std::string target;                          // path and query as sent
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// The server's end of one connection, for the handler's thread only.
class FakeConnection {
 public:
  FakeConnection(int fd, const std::atomic<bool>& stopping) : fd_(fd), stopping_(stopping) {}

  // False when the peer or the test has gone.
  bool send(const std::string& bytes);
  bool respond(int status, const std::string& body, const std::string& extra_headers = "");
  // Head of an answer with chunked body, then chunks; end_chunks() ends it properly.
  bool begin_chunks();
  bool chunk(const std::string& bytes);
  bool end_chunks();
  // Ends the connection: in order, or with a reset.
  void close();
  void reset();
  // Waits until the peer closes (true) or `timeout` passes.
  bool peer_closed_within(std::chrono::milliseconds timeout);
  [[nodiscard]] bool stopping() const { return stopping_; }
  [[nodiscard]] bool open() const { return open_; }

 private:
  int fd_;
  const std::atomic<bool>& stopping_;
  bool open_ = true;
};

class FakeHttpServer {
 public:
  using Handler = std::function<void(const FakeRequest&, FakeConnection&)>;

  explicit FakeHttpServer(Handler handler);
  ~FakeHttpServer();

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url() const;
  // Requests in the order they arrived.
  [[nodiscard]] std::vector<FakeRequest> requests() const;
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void accept_loop();
  void serve(int fd);

  Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  mutable std::mutex mutex_;
  std::vector<FakeRequest> requests_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace natrix::tests
