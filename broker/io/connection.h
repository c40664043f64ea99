// Connection: one socket of one shard: reading into the shard's chunk, a bounded write queue with a
// deadline, one timer, and an orderly close. Protocols derive from it (client/, route/).
//
// Everything runs on the shard's thread. Owned by shared_ptr: the pending waits and the registry
// hold it; after on_closed() it is retired, so that messages under way to it stay valid.
//
// Reading: on_data() gets all bytes that have arrived, contiguous, followed by SharedBytes::kSlack
// readable bytes. It consumes whole operations; the rest is presented again with more bytes behind.
// A connection that waits costs no buffer.
//
// TLS may begin at any time before the first byte is exchanged, or after a greeting in clear
// (begin_tls); what is written meanwhile is sent when the handshake is done. It is a Stream below
// all of this; a plain connection pays nothing for it.
#pragma once

#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/io/close_reason.h"
#include "broker/io/shard.h"
#include "broker/io/stream.h"
#include "broker/io/write_queue.h"
#include "broker/tls/session.h"

namespace natrix::io {

class TlsStream;

// Both ends of a socket as text, for log and monitoring.
struct Endpoint {
  std::string ip;
  int port = 0;
};

struct Limits {
  size_t max_pending_bytes = 64 << 20;
  std::chrono::nanoseconds write_deadline = std::chrono::seconds(10);
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Takes over `fd`, a connected non-blocking stream socket.
  Connection(Shard& shard, int fd, Limits limits);
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins to read. After it the connection keeps itself alive until closed.
  void start();

  [[nodiscard]] Shard& shard() const { return shard_; }
  [[nodiscard]] bool open() const { return state_ == State::kOpen; }
  [[nodiscard]] const Endpoint& remote() const { return remote_; }
  [[nodiscard]] size_t pending_bytes() const { return queue_.size_bytes(); }

  // The session of a connection that has made its TLS handshake; null on others.
  [[nodiscard]] const tls::Session* tls() const;

  // Queues bytes and sends them at the end of the current round of events.
  void write(std::string_view bytes);
  // Sends what is queued, as far as the socket takes it.
  void flush();

  // Closes at once, after one attempt to flush.
  void close(CloseReason reason);
  // Sends what is queued, lets the peer read it (a bounded time), then closes: for errors that the
  // peer should see.
  void close_after_flush(CloseReason reason);

 protected:
  struct Consumed {
    size_t bytes = 0;
    // Bytes the first incomplete operation needs in all, when that is known and large; else 0.
    size_t wanted = 0;
  };
  virtual Consumed on_data(SharedBytes& block, char* data, size_t size) = 0;
  // Once, when the connection has left the open state: withdraw everything that refers to it.
  virtual void on_closed(CloseReason reason) = 0;
  // When the time of wake_at() has come.
  virtual void on_timer() = 0;

  // Asks for on_first_input(), before start().
  void look_at_first_input() { first_input_awaited_ = true; }
  // The peer has sent something, `first` comes first; nothing of it has been read. The place to
  // decide between TLS and plain.
  virtual void on_first_input(unsigned char first) { (void)first; }
  // What follows on the socket is TLS. on_secured() or on_handshake_failed() comes later, in a turn
  // of its own. What has been written so far goes in clear; if the socket does not take it at once
  // the connection is closed.
  void begin_tls(std::unique_ptr<tls::Session> session);
  [[nodiscard]] bool handshaking() const { return handshaking_; }
  virtual void on_secured() {}
  virtual void on_handshake_failed(const std::string& why, const tls::Session& session);

  WriteQueue& queue() { return queue_; }
  // Call after adding to queue(): schedules the flush and enforces max_pending.
  void queued() {
    if (!dirty_) [[unlikely]]
      mark_dirty();
    if (queue_.size_bytes() > limits_.max_pending_bytes) [[unlikely]]
      too_slow();
  }
  // Stops reading until resume_reading(); nests not.
  void pause_reading();
  void resume_reading();
  // Pauses reading for a moment, e.g. because a receiver cannot keep up.
  void stall_reading(std::chrono::milliseconds time);
  // Calls on_timer() at `when`, the earlier of this and what was asked before.
  void wake_at(Clock::time_point when);
  [[nodiscard]] const Limits& limits() const { return limits_; }

 private:
  enum class State : uint8_t { kOpen, kLingering, kClosed };
  void wait_readable();
  void read_soon();
  void read_some();
  bool look();
  bool shake_hands();
  SharedBytes& begun(size_t& have);
  bool feed(SharedBytes& block, size_t size);
  void linger();
  void mark_dirty();
  void too_slow();
  void wait_writable();
  void arm_timer();
  void timer_fired();
  void finish();

  Shard& shard_;
  asio::posix::stream_descriptor descriptor_;
  std::unique_ptr<Stream> stream_;
  TlsStream* tls_ = nullptr;  // stream_, if it is one
  const Limits limits_;
  WriteQueue queue_;
  // Bytes of an operation that has not arrived whole: a private copy, or the block a large
  // operation is collected in.
  std::unique_ptr<char[]> carry_;
  size_t carry_size_ = 0;
  BytesRef large_;
  size_t large_size_ = 0;
  asio::steady_timer timer_;
  Clock::time_point wake_at_ = Clock::time_point::max();
  Clock::time_point armed_for_ = Clock::time_point::max();
  Clock::time_point blocked_since_ = Clock::time_point::max();  // the socket took nothing since
  Clock::time_point stalled_until_ = Clock::time_point::max();
  Endpoint remote_;
  State state_ = State::kOpen;
  CloseReason reason_ = CloseReason::kClientClosed;
  bool reading_ = false;  // a wait for input is pending
  bool read_posted_ = false;
  bool writing_ = false;  // a wait for room is pending
  bool paused_ = false;
  bool stalled_ = false;
  bool dirty_ = false;
  bool large_known_ = false;  // large_ is as large as its operation
  bool first_input_awaited_ = false;
  bool handshaking_ = false;
};

}  // namespace natrix::io
