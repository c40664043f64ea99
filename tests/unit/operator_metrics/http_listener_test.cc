#include "operator/metrics/http_listener.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "operator/metrics/probes.h"

namespace natrix::metrics {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class Client {
 public:
  explicit Client(int port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    connected = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(fd_); }
  void send(const std::string& text) { ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  // All that comes until the server closes.
  std::string read_all() {
    std::string text;
    char bytes[4096];
    ssize_t got = 0;
    while ((got = ::recv(fd_, bytes, sizeof bytes, 0)) > 0) {
      text.append(bytes, static_cast<size_t>(got));
    }
    closed = got == 0 || (got < 0 && errno == ECONNRESET);
    return text;
  }
  bool connected = false;
  bool closed = false;

 private:
  int fd_;
};

std::string fetch(int port, const std::string& request) {
  Client client(port);
  client.send(request);
  return client.read_all();
}

class HttpListenerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = HttpListener::open("127.0.0.1:0", [](const std::string& path) {
      if (path == "/big") return Page{.status = 200, .body = std::string(5 << 20, 'b')};
      return Page{.status = 200, .body = path};
    });
    ASSERT_TRUE(opened) << opened.error().message;
    listener_ = std::move(*opened);
  }
  std::unique_ptr<HttpListener> listener_;
};

TEST_F(HttpListenerTest, AnswersGetAndHeadAndCloses) {
  std::string page = fetch(listener_->port(), "GET /x?y=z HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(page, HasSubstr("Content-Length: 2\r\n"));
  EXPECT_THAT(page, EndsWith("\r\n\r\n/x"));
  EXPECT_THAT(fetch(listener_->port(), "HEAD /x HTTP/1.1\r\n\r\n"), EndsWith("\r\n\r\n"));
}

TEST_F(HttpListenerTest, RefusesOtherMethodsAndNonsense) {
  EXPECT_THAT(fetch(listener_->port(), "POST / HTTP/1.1\r\n\r\n"), HasSubstr("Allow: GET, HEAD"));
  EXPECT_THAT(fetch(listener_->port(), "hello\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(fetch(listener_->port(), "GET x HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(fetch(listener_->port(), "GET \r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(fetch(listener_->port(), "GET /" + std::string(9000, 'a')),
              StartsWith("HTTP/1.1 431"));
}

TEST_F(HttpListenerTest, LargePageArrivesWhole) {
  std::string page = fetch(listener_->port(), "GET /big HTTP/1.1\r\n\r\n");
  EXPECT_GT(page.size(), size_t{5} << 20);
}

TEST_F(HttpListenerTest, RequestInPiecesIsPutTogether) {
  Client client(listener_->port());
  for (const char* piece : {"GE", "T /piec", "es HTTP/1.1\r\n", "\r", "\n"}) {
    client.send(piece);
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_THAT(client.read_all(), EndsWith("/pieces"));
}

TEST_F(HttpListenerTest, SilentClientsNeitherBlockOthersNorStay) {
  std::vector<std::unique_ptr<Client>> silent;
  for (size_t i = 0; i < HttpListener::kMaxConnections + 20; ++i) {
    silent.push_back(std::make_unique<Client>(listener_->port()));
    ASSERT_TRUE(silent.back()->connected);
  }
  auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(fetch(listener_->port(), "GET /alive HTTP/1.1\r\n\r\n"), EndsWith("/alive"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  silent.front()->read_all();
  EXPECT_TRUE(silent.front()->closed) << "the oldest made room";
  silent.back()->read_all();
  EXPECT_TRUE(silent.back()->closed) << "the deadline ends the others";
  EXPECT_LT(std::chrono::steady_clock::now() - begin, HttpListener::kDeadline + 3s);
}

TEST(HttpListener, NamesTheAddressItCannotUse) {
  auto handler = [](const std::string&) { return Page{}; };
  for (const char* address : {"nonsense", "127.0.0.1:", "127.0.0.1:99999", "192.0.2.1:0"}) {
    auto opened = HttpListener::open(address, handler);
    ASSERT_FALSE(opened) << address;
    EXPECT_THAT(opened.error().message, HasSubstr(address));
  }
  auto first = HttpListener::open("127.0.0.1:0", handler);
  ASSERT_TRUE(first);
  std::string taken = fmt::format("127.0.0.1:{}", (*first)->port());
  EXPECT_THAT(HttpListener::open(taken, handler).error().message, HasSubstr("in use"));
}

TEST(HttpListener, EmptyHostListensOnAllAddresses) {
  auto opened = HttpListener::open(":0", [](const std::string&) { return Page{.body = "here"}; });
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_THAT(fetch((*opened)->port(), "GET / HTTP/1.1\r\n\r\n"), EndsWith("here"));
}

TEST(Probes, PagesFollowTheirChecks) {
  Metrics metrics("1.2.3");
  std::string trouble = "waiting for natsclusters";
  auto opened = serve_probes("127.0.0.1:0", metrics,
                             {.live = {}, .ready = {{"informers", [&] { return trouble; }}}});
  ASSERT_TRUE(opened) << opened.error().message;
  int port = (*opened)->port();
  EXPECT_THAT(fetch(port, "GET /healthz HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  std::string not_ready = fetch(port, "GET /readyz HTTP/1.1\r\n\r\n");
  EXPECT_THAT(not_ready, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(not_ready, HasSubstr("informers: waiting for natsclusters"));
  std::string page = fetch(port, "GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_THAT(page, HasSubstr("version=0.0.4"));
  EXPECT_THAT(page, HasSubstr("natrix_operator_build_info{version=\"1.2.3\"} 1"));
  EXPECT_THAT(fetch(port, "GET /other HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404"));
}

}  // namespace
}  // namespace natrix::metrics
