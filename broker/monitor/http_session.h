// One connection of the HTTP server, over any stream with Asio's asynchronous read and write; one
// that has a handshake (asio::ssl::stream) makes it first. Only http_server.cc includes this.
//
// A session is kept alive by its pending operations and lives on the thread of its io_context.
//
//   (handshaking ->)
//   waiting -> serving -> writing -> waiting ...   and at last   writing -> draining -> closed
//
// Draining reads and drops what the client still sends after the last answer: to close a socket
// with unread bytes would reset the connection and could destroy the answer on its way.
#pragma once

#include <array>
#include <asio.hpp>
#include <memory>
#include <string>
#include <utility>

#include "broker/monitor/http_server.h"

namespace natrix::monitor {

// What a session needs of its server.
class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  virtual const HttpLimits& limits() const = 0;
  virtual void handle(const HttpRequest& request, Responder respond) = 0;
  // False: too much waits already, the answer must not be kept.
  virtual bool reserve(size_t bytes) = 0;
  virtual void release(size_t bytes) = 0;
  virtual void closed(class SessionBase& session) = 0;
};

// What a server sees of its sessions.
class SessionBase {
 public:
  virtual ~SessionBase() = default;
  virtual void close() = 0;
  [[nodiscard]] virtual bool idle() const = 0;  // between two requests
  [[nodiscard]] std::chrono::steady_clock::time_point idle_since() const { return idle_since_; }

 protected:
  std::chrono::steady_clock::time_point idle_since_ = std::chrono::steady_clock::now();
};

// Status line and headers, with the empty line.
std::string response_head(const HttpResponse& response, bool keep_alive);

template <class Stream>
class HttpSession final : public SessionBase,
                          public std::enable_shared_from_this<HttpSession<Stream>> {
 public:
  HttpSession(Stream stream, std::shared_ptr<SessionOwner> owner)
      : stream_(std::move(stream)),
        timer_(stream_.get_executor()),
        owner_(std::move(owner)),
        reader_(owner_->limits().max_head_bytes) {}

  void start() {
    if constexpr (kSecure) {
      state_ = State::kHandshaking;
      arm(owner_->limits().head_deadline);
      stream_.async_handshake(Stream::server,
                              [self = this->shared_from_this()](asio::error_code error) {
                                if (self->state_ == State::kClosed) return;
                                if (error) return self->close();
                                self->state_ = State::kServing;
                                self->advance();
                              });
    } else {
      advance();
    }
  }

  void close() override {
    if (state_ == State::kClosed) return;
    state_ = State::kClosed;
    disarm();
    asio::error_code ignored;
    stream_.lowest_layer().close(ignored);
    release();
    owner_->closed(*this);
  }

  [[nodiscard]] bool idle() const override { return state_ == State::kWaiting && reader_.empty(); }

 private:
  enum class State { kHandshaking, kWaiting, kServing, kWriting, kDraining, kClosed };
  static constexpr bool kSecure = requires(Stream stream) {
    stream.async_handshake(Stream::server, [](asio::error_code) {});
  };
  static constexpr std::chrono::milliseconds kDrainTime{1000};
  static constexpr size_t kDrainBytes = 256 * 1024;

  // Serves the next request that is already here or waits for one.
  void advance() {
    auto next = reader_.next();
    if (!next) {
      state_ = State::kServing;
      keep_alive_ = head_ = false;
      return write({.status = next.error().status, .body = next.error().text + "\n"});
    }
    if (*next) return serve(**next);
    bool was_idle = state_ == State::kWaiting && waiting_idle_;
    bool first_wait = state_ != State::kWaiting;
    state_ = State::kWaiting;
    waiting_idle_ = reader_.empty();
    if (first_wait) idle_since_ = std::chrono::steady_clock::now();
    // The time for a head counts from its first byte and is not prolonged by the following ones.
    if (first_wait || (was_idle && !waiting_idle_)) {
      arm(waiting_idle_ ? owner_->limits().idle_deadline : owner_->limits().head_deadline);
    }
    read();
  }

  void read() {
    stream_.async_read_some(asio::buffer(input_),
                            [self = this->shared_from_this()](asio::error_code error, size_t size) {
                              self->on_read(error, size);
                            });
  }

  void on_read(asio::error_code error, size_t size) {
    if (state_ == State::kDraining) {
      drained_ += size;
      if (error || drained_ > kDrainBytes) return close();
      return read();
    }
    if (state_ != State::kWaiting) return;
    if (error) return close();
    reader_.append({input_.data(), size});
    advance();
  }

  void serve(const HttpRequest& request) {
    state_ = State::kServing;
    head_ = request.head;
    keep_alive_ = request.keep_alive;
    arm(owner_->limits().answer_deadline);
    // The handler may keep the responder for longer than this session lives.
    auto respond = [weak = this->weak_from_this(), serial = ++serial_](HttpResponse response) {
      auto self = weak.lock();
      if (self && self->state_ == State::kServing && self->serial_ == serial) {
        self->write(std::move(response));
      }
    };
    owner_->handle(request, std::move(respond));
  }

  void write(HttpResponse response) {
    size_t size = head_ ? 0 : response.body.size();
    if (owner_->reserve(size)) {
      reserved_ = size;
    } else {
      response = {.status = 503, .body = "too many large answers wait for slow clients; retry\n"};
    }
    output_head_ = response_head(response, keep_alive_);
    output_body_ = head_ ? std::string() : std::move(response.body);
    written_ = 0;
    state_ = State::kWriting;
    write_some();
  }

  void write_some() {
    size_t head_done = std::min(written_, output_head_.size());
    std::array<asio::const_buffer, 2> rest{asio::buffer(output_head_) + head_done,
                                           asio::buffer(output_body_) + (written_ - head_done)};
    if (rest[0].size() + rest[1].size() == 0) return on_written();
    arm(owner_->limits().stall_deadline);
    stream_.async_write_some(
        rest, [self = this->shared_from_this()](asio::error_code error, size_t size) {
          if (self->state_ != State::kWriting) return;
          if (error) return self->close();
          self->written_ += size;
          self->write_some();
        });
  }

  void on_written() {
    release();
    output_body_ = std::string();  // gives the memory back
    if (keep_alive_) return advance();
    state_ = State::kDraining;
    if constexpr (kSecure) {  // the peer answers the goodbye, so nothing is left to drain
      arm(kDrainTime);
      return stream_.async_shutdown(
          [self = this->shared_from_this()](asio::error_code) { self->close(); });
    }
    asio::error_code ignored;
    stream_.lowest_layer().shutdown(asio::socket_base::shutdown_send, ignored);
    arm(kDrainTime);
    read();
  }

  void release() { owner_->release(std::exchange(reserved_, 0)); }

  void arm(std::chrono::milliseconds time) {
    timer_.expires_after(time);
    timer_.async_wait([self = this->shared_from_this(), armed = ++armed_](asio::error_code error) {
      // An expiry that was already on its way when the timer was armed anew is void.
      if (!error && armed == self->armed_) self->on_deadline();
    });
  }

  void disarm() {
    ++armed_;
    timer_.cancel();
  }

  void on_deadline() {
    if (state_ == State::kWaiting && !reader_.empty()) {
      keep_alive_ = head_ = false;
      return write({.status = 408, .body = "the request was not complete in time\n"});
    }
    if (state_ == State::kServing) {
      keep_alive_ = false;
      return write({.status = 503, .body = "the server did not answer in time; see its log\n"});
    }
    close();
  }

  Stream stream_;
  asio::steady_timer timer_;
  std::shared_ptr<SessionOwner> owner_;
  RequestReader reader_;
  State state_ = State::kServing;  // as after an answer
  bool waiting_idle_ = false;
  bool head_ = false, keep_alive_ = false;  // of the request being served
  uint64_t serial_ = 0;                     // of that request
  uint64_t armed_ = 0;
  std::string output_head_, output_body_;
  size_t written_ = 0, reserved_ = 0, drained_ = 0;
  std::array<char, 2048> input_;
};

}  // namespace natrix::monitor
