// One client connection of the generator and the reading of what the server sends on it.
//
// A Peer is used by one thread at a time. Failures (refused, closed, -ERR, unexpected bytes) are
// std::runtime_error: they end the measurement, because a figure with lost messages is no figure.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace natrix::bench {

// A port nobody listens on at the moment.
uint16_t free_loopback_port();

class Peer {
 public:
  // Connects to 127.0.0.1, reads INFO and sends CONNECT, not verbose.
  explicit Peer(uint16_t port, bool echo = false);
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  Peer(Peer&& other) noexcept;
  Peer& operator=(Peer&&) = delete;
  ~Peer();

  [[nodiscard]] int fd() const { return fd_; }
  // The JSON object of the server's INFO.
  [[nodiscard]] const std::string& info() const { return info_; }

  // Blocks until the kernel has taken all of it.
  void send_all(std::string_view bytes) const;
  // Sends what the kernel takes at once; 0 means that the socket is full.
  [[nodiscard]] size_t send_some(std::string_view bytes) const;
  // Blocks until the server has answered a PING, hence has processed everything sent before.
  // Reads over messages that come first and returns how many they were.
  size_t ping_pong() const;
  // Blocks until something can be read, or also written if `writable`; throws after a minute of
  // nothing.
  void wait(bool writable) const;
  // Answers what waits on a connection that does nothing (the server's PINGs).
  void answer_pings() const;

 private:
  int fd_ = -1;
  std::string info_;
};

// What a connection has received and its reader has not taken yet. Control lines are handled here.
class PeerInput {
 public:
  PeerInput(const Peer& peer, size_t capacity) : peer_(peer), buffer_(capacity) {}

  // Reads once without blocking; false if nothing had arrived.
  [[nodiscard]] bool fill();
  [[nodiscard]] std::string_view waiting() const { return {buffer_.data(), filled_}; }
  void drop(size_t bytes) {
    filled_ -= bytes;
    if (filled_ > 0 && bytes > 0) {
      memmove(buffer_.data(), buffer_.data() + bytes, filled_);
    }
  }
  // Handles one line that is no message; returns its length, 0 while it is incomplete.
  [[nodiscard]] size_t control_line(std::string_view input);
  // True once after the server has sent PING; the owner answers between two of its own frames.
  [[nodiscard]] bool take_pong_due();

 private:
  const Peer& peer_;
  std::vector<char> buffer_;
  size_t filled_ = 0;
  bool pong_due_ = false;
};

// Splits what a connection receives into MSG frames of one fixed length. Fixed lengths make the
// generator cheap: no number is parsed per message.
class FrameReader {
 public:
  FrameReader(const Peer& peer, size_t frame_bytes);

  // Reads once without blocking and calls `on_frame(const char*)` for every complete MSG frame.
  // Returns the number of frames; 0 if nothing or only a part had arrived.
  template <class OnFrame>
  size_t pump(OnFrame&& on_frame) {
    if (!input_.fill()) {
      return 0;
    }
    size_t frames = 0;
    size_t at = 0;
    std::string_view waiting = input_.waiting();
    while (at < waiting.size()) {
      if (waiting[at] == 'M') {
        if (waiting.size() - at < frame_bytes_) {
          break;
        }
        on_frame(waiting.data() + at);
        ++frames;
        at += frame_bytes_;
        continue;
      }
      size_t taken = input_.control_line(waiting.substr(at));
      if (taken == 0) {
        break;
      }
      at += taken;
    }
    input_.drop(at);
    return frames;
  }

  // See PeerInput.
  [[nodiscard]] bool take_pong_due() { return input_.take_pong_due(); }

 private:
  size_t frame_bytes_;
  PeerInput input_;
};

// One message as it came: views into the reader's buffer, valid during the callback.
struct Message {
  std::string_view subject;
  std::string_view sid;
  std::string_view reply;    // empty without
  std::string_view headers;  // with the line "NATS/1.0 ..."; empty without
  std::string_view payload;
};

// Splits what a connection receives into messages of any length up to 1 MiB.
class MessageReader {
 public:
  explicit MessageReader(const Peer& peer);

  // As FrameReader::pump(), with `on_message(const Message&)`.
  template <class OnMessage>
  size_t pump(OnMessage&& on_message) {
    if (!input_.fill()) {
      return 0;
    }
    size_t messages = 0;
    size_t at = 0;
    std::string_view waiting = input_.waiting();
    while (at < waiting.size()) {
      Message message;
      bool is_message = waiting[at] == 'M' || waiting[at] == 'H';
      size_t taken =
          is_message ? parse(waiting.substr(at), message) : input_.control_line(waiting.substr(at));
      if (taken == 0) {
        break;
      }
      if (is_message) {
        on_message(message);
        ++messages;
      }
      at += taken;
    }
    input_.drop(at);
    return messages;
  }

  [[nodiscard]] bool take_pong_due() { return input_.take_pong_due(); }

 private:
  // Length of the first message, 0 while it is incomplete.
  [[nodiscard]] static size_t parse(std::string_view input, Message& message);

  PeerInput input_;
};

}  // namespace natrix::bench
