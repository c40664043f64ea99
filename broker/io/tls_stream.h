// TlsStream: a TLS session over a socket. Reads and writes pass through buffers of the calling
// thread, many records to a system call; an idle stream keeps none of its own.
//
// After handshake() has given kOk it is a Stream like any other.
#pragma once

#include <memory>
#include <string>

#include "broker/io/stream.h"
#include "broker/tls/session.h"

namespace natrix::io {

class TlsStream final : public Stream {
 public:
  // `fd` as for make_plain_stream().
  TlsStream(int fd, std::unique_ptr<tls::Session> session);

  // As far as the peer's bytes allow. kWouldBlock: call again when there are more, and send
  // has_output(). kFailed: failure() says why.
  IoResult handshake();
  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] const tls::Session& session() const { return *session_; }

  IoResult read(std::span<char> into) override;
  IoResult write(std::span<const iovec> from) override;
  void shutdown_write() override;
  void say_goodbye() override;
  [[nodiscard]] bool has_input() const override;
  [[nodiscard]] bool has_output() const override { return !unsent_.empty(); }

 private:
  IoResult receive();
  IoResult send_output();
  void keep_input();

  const int fd_;
  std::unique_ptr<tls::Session> session_;
  std::string unread_;  // encrypted, behind a read that was full
  std::string unsent_;  // encrypted, the socket did not take it
  std::string failure_;
  bool ended_ = false;  // the session has come to its end, whatever the socket still brings
};

}  // namespace natrix::io
