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
  // Answers what waits on a connection that does nothing (the server's PINGs).
  void answer_pings() const;

 private:
  int fd_ = -1;
  std::string info_;
};

// Splits what a connection receives into MSG frames of one fixed length, and control lines, which
// it handles itself. Fixed lengths make the generator cheap: no number is parsed per message.
class FrameReader {
 public:
  FrameReader(const Peer& peer, size_t frame_bytes);

  // Reads once without blocking and calls `on_frame(const char*)` for every complete MSG frame.
  // Returns the number of frames; 0 if nothing or only a part had arrived.
  template <class OnFrame>
  size_t pump(OnFrame&& on_frame) {
    if (!fill()) {
      return 0;
    }
    size_t frames = 0;
    size_t at = 0;
    while (at < filled_) {
      const char* begin = buffer_.data() + at;
      size_t left = filled_ - at;
      if (*begin == 'M') {
        if (left < frame_bytes_) {
          break;
        }
        on_frame(begin);
        ++frames;
        at += frame_bytes_;
        continue;
      }
      size_t taken = control_line(begin, left);
      if (taken == 0) {
        break;
      }
      at += taken;
    }
    filled_ -= at;
    if (filled_ > 0) {
      memmove(buffer_.data(), buffer_.data() + at, filled_);
    }
    return frames;
  }

  // True once after the server has sent PING; the owner answers between two of its own frames.
  [[nodiscard]] bool take_pong_due();

 private:
  [[nodiscard]] bool fill();
  // Handles one line that is no MSG; returns its length, 0 while it is incomplete.
  [[nodiscard]] size_t control_line(const char* begin, size_t left);

  const Peer& peer_;
  size_t frame_bytes_;
  std::vector<char> buffer_;
  size_t filled_ = 0;
  bool pong_due_ = false;
};

}  // namespace natrix::bench
