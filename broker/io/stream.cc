#include "broker/io/stream.h"

#include <sys/socket.h>

#include <cerrno>

namespace natrix::io {

namespace {

class PlainStream final : public Stream {
 public:
  explicit PlainStream(int fd) : fd_(fd) {}

  IoResult read(std::span<char> into) override {
    ssize_t n = ::recv(fd_, into.data(), into.size(), MSG_DONTWAIT);
    if (n > 0) return {IoStatus::kOk, static_cast<size_t>(n)};
    if (n == 0) return {IoStatus::kClosed};
    return failure();
  }

  IoResult write(std::span<const iovec> from) override {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(from.data());
    message.msg_iovlen = from.size();
    ssize_t n = ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) return {IoStatus::kOk, static_cast<size_t>(n)};
    return failure();
  }

  void shutdown_write() override { ::shutdown(fd_, SHUT_WR); }

 private:
  static IoResult failure() {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {IoStatus::kWouldBlock};
    return {IoStatus::kFailed, 0, errno};
  }
  int fd_;
};

}  // namespace

std::unique_ptr<Stream> make_plain_stream(int fd) {
  return std::make_unique<PlainStream>(fd);
}

}  // namespace natrix::io
