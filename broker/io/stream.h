// Stream: the bytes of one connected socket, without waiting. A plain socket here; TLS and others
// wrap it without the connection noticing.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>

namespace natrix::io {

enum class IoStatus { kOk, kWouldBlock, kClosed, kFailed };

struct IoResult {
  IoStatus status;
  size_t bytes = 0;
  int error = 0;  // errno of kFailed
};

class Stream {
 public:
  virtual ~Stream() = default;
  virtual IoResult read(std::span<char> into) = 0;
  virtual IoResult write(std::span<const iovec> from) = 0;
  // No more writes; the peer sees the end once it has read everything.
  virtual void shutdown_write() = 0;
  // Tells a peer that is about to be closed, if the protocol has words for that.
  virtual void say_goodbye() {}
  // Bytes that have left the socket and not the stream: read() gives them without waiting.
  [[nodiscard]] virtual bool has_input() const { return false; }
  // Bytes that write() took and the socket did not yet: write() of nothing sends them.
  [[nodiscard]] virtual bool has_output() const { return false; }
};

// `fd` is a non-blocking socket that stays open for the stream's life; not owned.
std::unique_ptr<Stream> make_plain_stream(int fd);

}  // namespace natrix::io
