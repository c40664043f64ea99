#include "broker/io/tls_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace natrix::io {

namespace {

constexpr size_t kReceiveBytes = 64 * 1024;
// Receives of one read(): a block of many megabytes is filled in several turns.
constexpr int kReceives = 8;
// Plain bytes that one write() encrypts, and those of one record.
constexpr size_t kBatchBytes = 128 * 1024;
constexpr size_t kRecordBytes = 16 * 1024;
constexpr size_t kKeptOutput = 256 * 1024;
// Answers of the protocol itself (to key updates) that a peer may leave unread.
constexpr size_t kMostUnread = 1024 * 1024;

// Shared by all connections whose work this thread does; empty between calls.
struct Scratch {
  std::array<char, kReceiveBytes> received;
  std::array<char, kRecordBytes> record;
  std::string output;
};

Scratch& scratch() {
  thread_local std::unique_ptr<Scratch> mine = std::make_unique<Scratch>();
  return *mine;
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

// Lends the thread's output string to the session for a scope.
class OutputLoan {
 public:
  explicit OutputLoan(tls::Session& session) : session_(session) {
    std::swap(session_.output(), scratch().output);
  }
  ~OutputLoan() {
    std::swap(session_.output(), scratch().output);
    std::string& output = scratch().output;
    output.clear();
    if (output.capacity() > kKeptOutput) output.shrink_to_fit();
  }
  OutputLoan(const OutputLoan&) = delete;
  OutputLoan& operator=(const OutputLoan&) = delete;

 private:
  tls::Session& session_;
};

}  // namespace

TlsStream::TlsStream(int fd, std::unique_ptr<tls::Session> session)
    : fd_(fd), session_(std::move(session)) {}

// Encrypted bytes from the socket, given to the session.
IoResult TlsStream::receive() {
  auto& buffer = scratch().received;
  ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n > 0) {
    session_->give({buffer.data(), static_cast<size_t>(n)});
    return {IoStatus::kOk, static_cast<size_t>(n)};
  }
  if (n == 0) return {IoStatus::kClosed};
  if (would_block(errno)) return {IoStatus::kWouldBlock};
  return {IoStatus::kFailed, 0, errno};
}

// What the session has put out. kWouldBlock: the rest is kept.
IoResult TlsStream::send_output() {
  std::string& output = session_->output();
  std::string_view rest = unsent_.empty() ? std::string_view(output) : std::string_view(unsent_);
  if (!unsent_.empty() && !output.empty()) rest = unsent_ += output;
  size_t sent = 0;
  IoResult result{IoStatus::kOk};
  while (sent < rest.size()) {
    ssize_t n = ::send(fd_, rest.data() + sent, rest.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<size_t>(n);
      continue;
    }
    result = would_block(errno) ? IoResult{IoStatus::kWouldBlock}
                                : IoResult{IoStatus::kFailed, 0, errno};
    break;
  }
  std::string left(rest.substr(sent));
  unsent_.swap(left);
  output.clear();
  result.bytes = sent;
  return result;
}

// The bytes that were given lie in a buffer of the thread: what is left of them must not.
void TlsStream::keep_input() {
  std::string rest(session_->input());
  unread_.swap(rest);
  session_->give(unread_);
}

IoResult TlsStream::handshake() {
  OutputLoan loan(*session_);
  for (;;) {
    tls::Progress progress = session_->handshake();
    if (IoResult sent = send_output(); sent.status == IoStatus::kFailed) {
      failure_ = std::strerror(sent.error);
      return sent;
    }
    if (progress.status == tls::Status::kOk) {
      keep_input();
      return {IoStatus::kOk};
    }
    if (progress.status != tls::Status::kWantInput) {
      failure_ = session_->error();
      return {IoStatus::kFailed};
    }
    IoResult received = receive();
    if (received.status == IoStatus::kWouldBlock) return received;
    if (received.status != IoStatus::kOk) {
      failure_ = received.status == IoStatus::kClosed ? "EOF" : std::strerror(received.error);
      return {IoStatus::kFailed};
    }
  }
}

IoResult TlsStream::read(std::span<char> into) {
  if (unsent_.size() > kMostUnread) return {IoStatus::kFailed, 0, ENOBUFS};
  OutputLoan loan(*session_);
  size_t got = 0;
  IoResult end{IoStatus::kWouldBlock};
  for (int receives = 0; got < into.size();) {
    tls::Progress progress = session_->read(into.subspan(got));
    if (progress.status == tls::Status::kOk) {
      got += progress.bytes;
      continue;
    }
    if (progress.status != tls::Status::kWantInput) {
      bool goodbye = progress.status == tls::Status::kClosed;
      ended_ = true;
      end = {goodbye ? IoStatus::kClosed : IoStatus::kFailed, 0, goodbye ? 0 : EPROTO};
      break;
    }
    if (receives++ == kReceives) break;
    IoResult received = receive();
    if (received.status != IoStatus::kOk) {
      end = received;
      break;
    }
  }
  keep_input();
  // Answers of the protocol itself, alerts for instance.
  if (!session_->output().empty()) (void)send_output();
  if (got > 0) return {IoStatus::kOk, got};
  return end;
}

IoResult TlsStream::write(std::span<const iovec> from) {
  if (!unsent_.empty()) {
    IoResult sent = send_output();
    if (sent.status == IoStatus::kFailed) return sent;
    // Progress, though none of `from` has been looked at.
    if (!unsent_.empty()) return {sent.bytes > 0 ? IoStatus::kOk : IoStatus::kWouldBlock};
  }
  OutputLoan loan(*session_);
  auto& record = scratch().record;
  size_t consumed = 0, gathered = 0;
  auto seal = [&](std::string_view bytes) {
    return bytes.empty() || session_->write(bytes).status == tls::Status::kOk;
  };
  for (const iovec& part : from) {
    std::string_view bytes(static_cast<const char*>(part.iov_base), part.iov_len);
    bytes = bytes.substr(0, kBatchBytes - consumed);
    consumed += bytes.size();
    while (!bytes.empty()) {
      // Whole records go without a copy, small pieces share one.
      if (gathered == 0 && bytes.size() >= kRecordBytes) {
        if (!seal(bytes.substr(0, kRecordBytes))) return {IoStatus::kFailed, 0, EPROTO};
        bytes.remove_prefix(kRecordBytes);
        continue;
      }
      size_t taken = std::min(bytes.size(), kRecordBytes - gathered);
      std::memcpy(record.data() + gathered, bytes.data(), taken);
      gathered += taken;
      bytes.remove_prefix(taken);
      if (gathered < kRecordBytes) continue;
      if (!seal({record.data(), gathered})) return {IoStatus::kFailed, 0, EPROTO};
      gathered = 0;
    }
    if (consumed == kBatchBytes) break;
  }
  if (!seal({record.data(), gathered})) return {IoStatus::kFailed, 0, EPROTO};
  IoResult sent = send_output();
  if (sent.status == IoStatus::kFailed) return sent;
  return {IoStatus::kOk, consumed};
}

void TlsStream::say_goodbye() {
  OutputLoan loan(*session_);
  session_->say_goodbye();
  (void)send_output();
}

void TlsStream::shutdown_write() {
  say_goodbye();
  if (unsent_.empty()) ::shutdown(fd_, SHUT_WR);
}

bool TlsStream::has_input() const {
  return ended_ || !unread_.empty() || session_->holds_plain_bytes();
}

}  // namespace natrix::io
