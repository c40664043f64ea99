#include "broker/io/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "broker/base/assert.h"
#include "broker/io/tls_stream.h"

namespace natrix::io {

namespace {

constexpr size_t kMaxGather = 64;
constexpr auto kLingerTime = std::chrono::milliseconds(500);
// Reads of one connection in a row before others get their turn.
constexpr int kReadsPerRound = 4;

Endpoint peer_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  char text[INET6_ADDRSTRLEN] = {};
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  if (address.ss_family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
    return {text, ntohs(v4.sin_port)};
  }
  if (address.ss_family == AF_INET6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof(text));
    } else {
      ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
    }
    return {text, ntohs(v6.sin6_port)};
  }
  return {"in-process", 0};
}

}  // namespace

Connection::Connection(Shard& shard, int fd, Limits limits)
    : shard_(shard),
      descriptor_(shard.context(), fd),
      stream_(make_plain_stream(fd)),
      limits_(limits),
      queue_(shard.buffers()),
      timer_(shard.context()),
      remote_(peer_of(fd)) {}

Connection::~Connection() = default;

void Connection::start() {
  wait_readable();
}

// ---- reading

void Connection::wait_readable() {
  if (paused_ || stalled_ || state_ == State::kClosed) return;
  if (stream_->has_input()) return read_soon();  // the socket may stay silent
  if (reading_) return;
  reading_ = true;
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [self = shared_from_this()](const std::error_code& error) {
                           auto hold = self->shard_.run();
                           self->reading_ = false;
                           if (!error) self->read_some();
                         });
}

// As if the socket had become readable.
void Connection::read_soon() {
  if (read_posted_) return;
  read_posted_ = true;
  shard_.post([self = shared_from_this()] {
    self->read_posted_ = false;
    if (self->state_ != State::kClosed) self->read_some();
  });
}

void Connection::read_some() {
  if (state_ == State::kLingering) return linger();
  if (first_input_awaited_ && !look()) return wait_readable();
  if (handshaking_ && !shake_hands()) return wait_readable();
  for (int round = 0; round < kReadsPerRound; ++round) {
    if (state_ != State::kOpen || paused_ || stalled_) return;
    size_t have = 0;
    SharedBytes& block = begun(have);
    size_t room = block.capacity() - have;
    IoResult result = stream_->read({block.data() + have, room});
    if (result.status == IoStatus::kWouldBlock) break;
    if (result.status == IoStatus::kClosed) return close(CloseReason::kClientClosed);
    if (result.status == IoStatus::kFailed) return close(CloseReason::kReadError);
    if (!feed(block, have + result.bytes)) return;
    if (result.bytes < room) break;  // the socket is empty
  }
  wait_readable();
}

// ---- TLS

const tls::Session* Connection::tls() const {
  return tls_ != nullptr && !handshaking_ ? &tls_->session() : nullptr;
}

// False: the peer has sent nothing yet, or the connection is being closed.
bool Connection::look() {
  char first = 0;
  ssize_t n = ::recv(descriptor_.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return false;
  first_input_awaited_ = false;
  if (n == 1) {
    Turn turn(shard_);
    on_first_input(static_cast<unsigned char>(first));
  }
  return state_ == State::kOpen;
}

void Connection::begin_tls(std::unique_ptr<tls::Session> session) {
  flush();
  if (state_ != State::kOpen) return;
  // A peer that begins its handshake has read the greeting: room for it is no question of time.
  if (!queue_.empty()) return close(CloseReason::kTlsHandshakeError);
  auto stream = std::make_unique<TlsStream>(descriptor_.native_handle(), std::move(session));
  tls_ = stream.get();
  stream_ = std::move(stream);
  first_input_awaited_ = false;
  handshaking_ = true;
  read_soon();  // who dialled speaks first, without waiting for input
}

// False: it is not done yet, or has failed.
bool Connection::shake_hands() {
  IoResult result = tls_->handshake();
  if (result.status == IoStatus::kWouldBlock) {
    if (tls_->has_output()) flush();
    return false;
  }
  Turn turn(shard_);
  if (result.status != IoStatus::kOk) {
    on_handshake_failed(tls_->failure(), tls_->session());
    return false;
  }
  handshaking_ = false;
  on_secured();
  if (!queue_.empty() || tls_->has_output()) flush();
  return state_ == State::kOpen;
}

void Connection::on_handshake_failed(const std::string&, const tls::Session&) {
  close(CloseReason::kTlsHandshakeError);
}

// ---- buffers of input

// The block that the next bytes go to, with the `have` bytes of an unfinished operation in front.
SharedBytes& Connection::begun(size_t& have) {
  have = large_ ? large_size_ : carry_size_;
  if (large_) return *large_.get();
  SharedBytes& block = *shard_.read_chunk();
  if (have > 0) std::memcpy(block.data(), carry_.get(), have);
  return block;
}

// Presents `size` bytes at the start of the block and keeps what is left over.
bool Connection::feed(SharedBytes& block, size_t size) {
  if (large_ && large_known_ && size < block.capacity()) {
    large_size_ = size;
    return true;
  }
  // The bytes must outlive the call, even if the connection is closed in it.
  BytesRef presented = std::move(large_);
  Consumed consumed;
  {
    Turn turn(shard_);
    consumed = on_data(block, block.data(), size);
  }
  if (state_ != State::kOpen) {
    if (state_ == State::kLingering) wait_readable();
    return false;
  }
  char* rest = block.data() + consumed.bytes;
  size_t left = size - consumed.bytes;
  NATRIX_ASSERT(consumed.bytes <= size, "no more is consumed than arrived");
  std::unique_ptr<char[]> carry;
  large_known_ = consumed.wanted != 0;
  if (left >= BufferPool::kReadChunk || consumed.wanted > BufferPool::kReadChunk) {
    // More than a chunk: collected in a block of its own, which grows while the size is unknown. A
    // known size is the block's to the byte, because nothing is presented before it is full.
    NATRIX_ASSERT(!large_known_ || consumed.wanted > left,
                  "an operation that is whole is consumed");
    large_ = BytesRef::adopt(SharedBytes::allocate(large_known_ ? consumed.wanted : left * 2));
    std::memcpy(large_->data(), rest, left);
    large_size_ = left;
    left = 0;
  } else if (left > 0) {
    carry = std::make_unique<char[]>(left);
    std::memcpy(carry.get(), rest, left);
  }
  carry_ = std::move(carry);
  carry_size_ = left;
  return true;
}

void Connection::pause_reading() {
  paused_ = true;
}

void Connection::resume_reading() {
  if (!paused_) return;
  paused_ = false;
  if (state_ == State::kOpen) {
    // Operations may be waiting whole in what was read before the pause.
    size_t have = 0;
    SharedBytes& block = begun(have);
    if (have > 0 && !feed(block, have)) return;
  }
  wait_readable();
}

void Connection::stall_reading(std::chrono::milliseconds time) {
  if (stalled_) return;
  stalled_ = true;
  stalled_until_ = Clock::now() + time;
  arm_timer();
}

// The peer is being told why it is closed; what it still sends is thrown away until it hangs up.
void Connection::linger() {
  SharedBytes& block = *shard_.read_chunk();
  for (int round = 0; round < kReadsPerRound; ++round) {
    IoResult result = stream_->read({block.data(), block.capacity()});
    if (result.status == IoStatus::kWouldBlock) break;
    if (result.status != IoStatus::kOk) return finish();
  }
  wait_readable();
}

// ---- writing

void Connection::write(std::string_view bytes) {
  if (state_ != State::kOpen) return;
  queue_.append(bytes);
  queued();
}

void Connection::mark_dirty() {
  dirty_ = true;
  if (!writing_) shard_.flush_later(this);
}

void Connection::too_slow() {
  if (state_ == State::kOpen) close(CloseReason::kSlowConsumerPendingBytes);
}

void Connection::flush() {
  dirty_ = false;
  if (state_ == State::kClosed || writing_) return;
  std::array<iovec, kMaxGather> vectors;
  while (!queue_.empty() || stream_->has_output()) {
    // During a handshake only what belongs to it is sent.
    if (handshaking_ && !stream_->has_output()) return;
    size_t used = handshaking_ ? 0 : queue_.gather(vectors);
    IoResult result = stream_->write({vectors.data(), used});
    if (result.status == IoStatus::kWouldBlock) {
      // writing_ keeps the connection off the dirty list until there is room again.
      if (blocked_since_ == Clock::time_point::max()) {
        blocked_since_ = Clock::now();
        arm_timer();
      }
      return wait_writable();
    }
    if (result.status != IoStatus::kOk) {
      if (state_ == State::kLingering) return finish();
      return close(CloseReason::kWriteError);
    }
    blocked_since_ = Clock::time_point::max();
    queue_.consume(result.bytes);
  }
  if (state_ == State::kLingering) stream_->shutdown_write();
}

void Connection::wait_writable() {
  writing_ = true;
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_write,
                         [self = shared_from_this()](const std::error_code& error) {
                           auto hold = self->shard_.run();
                           self->writing_ = false;
                           if (!error) self->flush();
                         });
}

// ---- time

void Connection::wake_at(Clock::time_point when) {
  wake_at_ = std::min(wake_at_, when);
  arm_timer();
}

void Connection::arm_timer() {
  if (state_ == State::kClosed) return;
  Clock::time_point next = std::min(wake_at_, stalled_until_);
  if (blocked_since_ != Clock::time_point::max()) {
    next = std::min(
        next, blocked_since_ + std::chrono::duration_cast<Clock::duration>(limits_.write_deadline));
  }
  if (next >= armed_for_) return;
  armed_for_ = next;
  timer_.expires_at(next);
  timer_.async_wait([weak = weak_from_this()](const std::error_code& error) {
    if (error) return;
    auto self = weak.lock();
    if (!self) return;
    auto hold = self->shard_.run();
    self->timer_fired();
  });
}

void Connection::timer_fired() {
  armed_for_ = Clock::time_point::max();
  Clock::time_point now = Clock::now();
  if (state_ == State::kClosed) return;
  if (state_ == State::kLingering) {
    // It may be the timer of before, which fired just as the connection began to linger.
    return now >= wake_at_ ? finish() : arm_timer();
  }
  if (blocked_since_ != Clock::time_point::max() &&
      now - blocked_since_ >= limits_.write_deadline) {
    return close(CloseReason::kSlowConsumerWriteDeadline);
  }
  if (now >= stalled_until_) {
    stalled_ = false;
    stalled_until_ = Clock::time_point::max();
    read_some();
  }
  if (now >= wake_at_ && state_ == State::kOpen) {
    wake_at_ = Clock::time_point::max();
    on_timer();
  }
  arm_timer();
}

// ---- closing

void Connection::close(CloseReason reason) {
  if (state_ == State::kClosed) return;
  auto self = shared_from_this();  // the registry lets go of it below
  bool was_open = state_ == State::kOpen;
  if (was_open && !writing_ && !handshaking_ && reason != CloseReason::kWriteError &&
      reason != CloseReason::kSlowConsumerPendingBytes) {
    std::array<iovec, kMaxGather> vectors;
    size_t used = queue_.gather(vectors);
    if (used > 0) (void)stream_->write({vectors.data(), used});
    stream_->say_goodbye();
  }
  state_ = State::kClosed;
  if (was_open) on_closed(reason);
  finish();
}

void Connection::close_after_flush(CloseReason reason) {
  if (state_ != State::kOpen) return;
  auto self = shared_from_this();
  state_ = State::kLingering;
  reason_ = reason;
  on_closed(reason);
  wake_at_ = Clock::now() + kLingerTime;
  armed_for_ = Clock::time_point::max();
  arm_timer();
  paused_ = stalled_ = false;
  flush();
  if (state_ == State::kLingering) wait_readable();
}

void Connection::finish() {
  state_ = State::kClosed;
  timer_.cancel();
  queue_.clear();
  carry_.reset();
  large_ = BytesRef();
  std::error_code ignored;
  descriptor_.close(ignored);
  shard_.retire(new std::shared_ptr<Connection>(shared_from_this()));
}

}  // namespace natrix::io
