// A Connection with TLS, against a session of the test's at the other end of the socket.
#include <gmock/gmock.h>
#include <poll.h>

#include "tests/unit/io/connection_fixture.h"
#include "tests/unit/tls/support.h"

namespace natrix::io {
namespace {

using tls::Session;

// The other end: blocking, on the test's thread.
class TlsPeer {
 public:
  TlsPeer(int fd, std::unique_ptr<Session> session) : fd_(fd), session_(std::move(session)) {}

  bool shake_hands() {
    for (;;) {
      tls::Status status = session_->handshake().status;
      send();
      if (status == tls::Status::kOk) return true;
      if (status == tls::Status::kFailed || !receive()) return false;
    }
  }
  void write(const std::string& text) {
    session_->write(text);
    send();
  }
  // Sends what is encrypted in pieces of `size` bytes.
  void write_in_pieces(const std::string& text, size_t size) {
    session_->write(text);
    std::string all = std::exchange(session_->output(), {});
    for (size_t at = 0; at < all.size(); at += size) send_raw(all.substr(at, size));
  }
  std::string read(size_t size) {
    std::string text(size, '\0');
    size_t got = 0;
    while (got < size) {
      tls::Progress progress = session_->read({text.data() + got, size - got});
      got += progress.bytes;
      if (progress.status == tls::Status::kOk) continue;
      if (progress.status != tls::Status::kWantInput || !receive()) break;
    }
    text.resize(got);
    return text;
  }
  tls::Status end() {
    char byte = 0;
    for (;;) {
      tls::Status status = session_->read({&byte, 1}).status;
      if (status != tls::Status::kWantInput || !receive()) return status;
    }
  }
  Session& session() { return *session_; }

 private:
  void send() { send_raw(std::exchange(session_->output(), {})); }
  void send_raw(const std::string& bytes) {
    for (size_t at = 0; at < bytes.size();) {
      pollfd ready{fd_, POLLOUT, 0};
      ASSERT_EQ(::poll(&ready, 1, 10'000), 1);
      ssize_t n = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) at += static_cast<size_t>(n);
      if (n < 0 && errno != EAGAIN) return;
    }
  }
  bool receive() {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, 10'000) != 1) return false;
    buffer_.resize(16 * 1024);
    ssize_t n = ::recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n <= 0) return false;
    buffer_.resize(static_cast<size_t>(n));
    session_->give(buffer_);
    return true;
  }

  int fd_;
  std::unique_ptr<Session> session_;
  std::string buffer_;
};

class ConnectionTlsTest : public ConnectionTest {
 protected:
  ~ConnectionTlsTest() override {
    if (end_ >= 0) ::close(end_);
  }

  // The connection accepts, the test is the client.
  void connect_tls(Limits limits = {}, bool ask = false) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    end_ = ends[0];
    on_shard([&] {
      connection = std::make_shared<TestConnection>(shard, ends[1], limits);
      connection->start();
      connection->begin_tls(Session::server(server_, ask));
    });
    peer_ = std::make_unique<TlsPeer>(end_, Session::client(client_, "localhost"));
  }
  bool reason_is(CloseReason reason) {
    return eventually([&] { return connection->closed() == std::vector{reason}; });
  }

  tls::Files files_;
  std::shared_ptr<const tls::Context> server_ = tls::make(files_.options());
  std::shared_ptr<const tls::Context> client_ = tls::make(files_.options("alice"));
  int end_ = -1;
  std::unique_ptr<TlsPeer> peer_;
};

TEST_F(ConnectionTlsTest, OperationsArriveAndAnswersLeave) {
  ASSERT_NO_FATAL_FAILURE(connect_tls({}, true));
  ASSERT_TRUE(peer_->shake_hands());
  peer_->write(operation("one") + operation("two"));
  ASSERT_TRUE(eventually([&] { return connection->count() == 2; }));
  EXPECT_THAT(connection->operations(), ::testing::ElementsAre("one", "two"));
  on_shard([&] {
    ASSERT_NE(connection->tls(), nullptr);
    EXPECT_EQ(connection->tls()->peer_certificates().at(0).subject, "CN=alice");
    connection->write("first ");
    connection->write("second");
  });
  EXPECT_EQ(peer_->read(12), "first second");
}

TEST_F(ConnectionTlsTest, WhatIsWrittenBeforeTheHandshakeFollowsIt) {
  ASSERT_NO_FATAL_FAILURE(connect_tls());
  on_shard([&] { connection->write("early"); });
  EXPECT_EQ(peer_->session().input().size(), 0U);
  ASSERT_TRUE(peer_->shake_hands());
  EXPECT_EQ(peer_->read(5), "early");
}

TEST_F(ConnectionTlsTest, AnyCutOfTheBytesGivesTheSameOperations) {
  ASSERT_NO_FATAL_FAILURE(connect_tls());
  ASSERT_TRUE(peer_->shake_hands());
  for (size_t size : {1, 7, 5000}) {
    peer_->write_in_pieces(operation(std::string(3000, 'a')) + operation("b"), size);
  }
  ASSERT_TRUE(eventually([&] { return connection->count() == 6; }));
  EXPECT_EQ(connection->operations()[4], std::string(3000, 'a'));
}

TEST_F(ConnectionTlsTest, LargeOperationsBothWays) {
  ASSERT_NO_FATAL_FAILURE(connect_tls());
  ASSERT_TRUE(peer_->shake_hands());
  std::string large(3 << 20, 'x');
  on_shard([&] {
    connection->on_operation = [](TestConnection& c, std::string_view payload, SharedBytes& block) {
      c.queue().append_shared(&block, payload);
      c.queued();
    };
  });
  peer_->write(operation(large));
  EXPECT_EQ(peer_->read(large.size()), large);
  EXPECT_TRUE(eventually([&] {
    bool sent = false;
    on_shard([&] { sent = connection->pending_bytes() == 0; });
    return sent;
  }));
}

// Many operations in one go: a read fills the chunk before the encrypted bytes are used up, and the
// socket stays silent afterwards.
TEST_F(ConnectionTlsTest, NothingIsForgottenBehindAFullRead) {
  ASSERT_NO_FATAL_FAILURE(connect_tls());
  ASSERT_TRUE(peer_->shake_hands());
  constexpr size_t kCount = 20'000;
  std::string all;
  for (size_t i = 0; i < kCount; ++i) all += operation(std::to_string(i) + std::string(40, '.'));
  peer_->write(all);
  ASSERT_TRUE(eventually([&] { return connection->count() == kCount; })) << connection->count();
}

TEST_F(ConnectionTlsTest, APauseKeepsWhatHasArrived) {
  ASSERT_NO_FATAL_FAILURE(connect_tls());
  ASSERT_TRUE(peer_->shake_hands());
  on_shard([&] { connection->pause_reading(); });
  std::string all;
  for (int i = 0; i < 5000; ++i) all += operation(std::string(100, 'p'));
  std::thread writer([&] { peer_->write(all); });
  on_shard([&] { EXPECT_EQ(connection->count(), 0U); });
  on_shard([&] { connection->resume_reading(); });
  EXPECT_TRUE(eventually([&] { return connection->count() == 5000; }));
  writer.join();
}

TEST_F(ConnectionTlsTest, GoodbyeOfThePeerClosesAsClient) {
  ASSERT_NO_FATAL_FAILURE(connect_tls());
  ASSERT_TRUE(peer_->shake_hands());
  peer_->session().say_goodbye();
  peer_->write("");
  EXPECT_TRUE(reason_is(CloseReason::kClientClosed));
  EXPECT_TRUE(destroyed());
}

TEST_F(ConnectionTlsTest, LastWordsAreReadBeforeTheGoodbye) {
  ASSERT_NO_FATAL_FAILURE(connect_tls());
  ASSERT_TRUE(peer_->shake_hands());
  // The peer's last part of the handshake has arrived when what it sent behind it has.
  peer_->write(operation("x"));
  ASSERT_TRUE(eventually([&] { return connection->count() == 1; }));
  on_shard([&] {
    connection->write("-ERR\r\n");
    connection->close_after_flush(CloseReason::kProtocolViolation);
  });
  EXPECT_EQ(peer_->read(6), "-ERR\r\n");
  EXPECT_EQ(peer_->end(), tls::Status::kClosed);
  EXPECT_TRUE(reason_is(CloseReason::kProtocolViolation));
  EXPECT_TRUE(destroyed());
}

TEST_F(ConnectionTlsTest, AHandshakeThatFailsCloses) {
  ASSERT_NO_FATAL_FAILURE(connect_tls());
  ASSERT_EQ(::send(end_, "PING\r\n", 6, 0), 6);
  EXPECT_TRUE(reason_is(CloseReason::kTlsHandshakeError));
  EXPECT_TRUE(destroyed());
}

TEST_F(ConnectionTlsTest, AHangUpInTheHandshakeIsAFailureOfIt) {
  ASSERT_NO_FATAL_FAILURE(connect_tls());
  ::close(std::exchange(end_, -1));
  EXPECT_TRUE(reason_is(CloseReason::kTlsHandshakeError));
}

TEST_F(ConnectionTlsTest, APeerThatDoesNotReadIsASlowConsumer) {
  Limits limits;
  limits.write_deadline = std::chrono::milliseconds(300);
  ASSERT_NO_FATAL_FAILURE(connect_tls(limits));
  ASSERT_TRUE(peer_->shake_hands());
  on_shard([&] { connection->write(std::string(4 << 20, 'z')); });
  EXPECT_TRUE(reason_is(CloseReason::kSlowConsumerWriteDeadline));
}

TEST_F(ConnectionTlsTest, WhoDialsSpeaksFirst) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  end_ = ends[0];
  on_shard([&] {
    connection = std::make_shared<TestConnection>(shard, ends[1], Limits{});
    connection->start();
    connection->begin_tls(Session::client(client_, "localhost"));
    connection->write("hello");
  });
  TlsPeer other(end_, Session::server(server_, true));
  ASSERT_TRUE(other.shake_hands());
  EXPECT_EQ(other.read(5), "hello");
}

}  // namespace
}  // namespace natrix::io
