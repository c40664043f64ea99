#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <regex>
#include <thread>

#include "broker/base/log.h"
#include "tests/support/temp_dir.h"

namespace natrix {
namespace {

using ::testing::HasSubstr;

// A syslog daemon of the test: a socket that is bound and read.
class Daemon {
 public:
  explicit Daemon(int type) : fd_(socket(AF_INET, type, 0)), stream_(type == SOCK_STREAM) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind_to(reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t length = sizeof address;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  explicit Daemon(const std::string& path, int type)
      : fd_(socket(AF_UNIX, type, 0)), stream_(type == SOCK_STREAM) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    bind_to(reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  ~Daemon() {
    if (peer_ >= 0) close(peer_);
    close(fd_);
  }

  [[nodiscard]] int port() const { return port_; }

  // What arrives until `wanted` was seen or five seconds have passed.
  std::string receive_until(const std::string& wanted) {
    std::string all;
    if (stream_ && peer_ < 0) peer_ = accept(fd_, nullptr, nullptr);
    int from = stream_ ? peer_ : fd_;
    while (all.find(wanted) == std::string::npos) {
      pollfd wait{from, POLLIN, 0};
      if (poll(&wait, 1, 5000) <= 0) break;
      char text[4096];
      ssize_t size = recv(from, text, sizeof text, 0);
      if (size <= 0) break;
      all.append(text, static_cast<size_t>(size));
    }
    return all;
  }
  void drop_peer() {
    close(peer_);
    peer_ = -1;
  }

 private:
  void bind_to(sockaddr* address, socklen_t length) {
    EXPECT_EQ(bind(fd_, address, length), 0);
    if (stream_) {
      EXPECT_EQ(listen(fd_, 4), 0);
    }
  }
  int fd_;
  int peer_ = -1;
  bool stream_;
  int port_ = 0;
};

LogOptions remote(const std::string& address) {
  LogOptions options;
  options.remote_syslog = address;
  options.debug = true;
  return options;
}

TEST(Syslog, UdpLinesCarryPriorityTimeHostTagAndPid) {
  Daemon daemon(SOCK_DGRAM);
  Logger log;
  ASSERT_TRUE(log.configure(remote(fmt::format("udp://127.0.0.1:{}", daemon.port()))));
  log.info("hello");
  std::string got = daemon.receive_until("hello\n");
  std::regex form(R"(<29>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d \S+ base_test\[)" +
                  std::to_string(getpid()) + R"(\]: hello\n)");
  EXPECT_TRUE(std::regex_match(got, form)) << got;
}

TEST(Syslog, LevelsBecomeSeveritiesOfTheDaemonFacility) {
  Daemon daemon(SOCK_DGRAM);
  Logger log;
  ASSERT_TRUE(log.configure(remote(fmt::format("udp://127.0.0.1:{}", daemon.port()))));
  log.fatal("a");
  EXPECT_THAT(daemon.receive_until("\n"), HasSubstr("<26>"));
  log.error("a");
  EXPECT_THAT(daemon.receive_until("\n"), HasSubstr("<27>"));
  log.warn("a");
  EXPECT_THAT(daemon.receive_until("\n"), HasSubstr("<28>"));
  log.debug("a");
  EXPECT_THAT(daemon.receive_until("\n"), HasSubstr("<31>"));
}

TEST(Syslog, TcpReconnectsAndTellsWhatWasLost) {
  Daemon daemon(SOCK_STREAM);
  Logger log;
  ASSERT_TRUE(log.configure(remote(fmt::format("tcp://127.0.0.1:{}", daemon.port()))));
  log.info("first");
  EXPECT_THAT(daemon.receive_until("first\n"), HasSubstr("first\n"));
  daemon.drop_peer();
  // The first sends after the loss may still be taken by the kernel; the reset follows.
  for (int i = 0; i < 5; ++i) {
    log.info("into the void");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  log.info("again");
  std::string got = daemon.receive_until("again\n");
  EXPECT_TRUE(std::regex_search(got, std::regex(R"(\d log lines before this one were lost)")))
      << got;
  EXPECT_THAT(got, HasSubstr("again\n"));
}

TEST(Syslog, ADaemonThatDoesNotReadNeverBlocksTheBroker) {
  Daemon daemon(SOCK_STREAM);
  Logger log;
  ASSERT_TRUE(log.configure(remote(fmt::format("tcp://127.0.0.1:{}", daemon.port()))));
  std::string big(10'000, 'x');
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 2000; ++i) log.info("{}", big);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(Syslog, UnixSocketsOfBothKinds) {
  tests::TempDir dir;
  for (int type : {SOCK_DGRAM, SOCK_STREAM}) {
    std::string path = (dir.path() / fmt::format("log{}", type)).string();
    Daemon daemon(path, type);
    Logger log;
    ASSERT_TRUE(log.configure(remote("unix://" + path)));
    log.info("line\nbreak");
    EXPECT_THAT(daemon.receive_until("break\n"), HasSubstr("]: line\\nbreak\n"));
  }
}

TEST(Syslog, WrongAddressesAreErrorsThatSayWhatIsWanted) {
  Logger log;
  for (const char* address : {"127.0.0.1:514", "http://127.0.0.1", "udp://", "tcp://:"}) {
    Result<void> result = log.configure(remote(address));
    ASSERT_FALSE(result) << address;
    EXPECT_THAT(result.error().message, HasSubstr("udp://host:port, tcp://host:port")) << address;
  }
  EXPECT_FALSE(log.configure(remote("unix://")));
  EXPECT_FALSE(log.configure(remote("unix:///nowhere/at/all")));
  EXPECT_FALSE(log.configure(remote("tcp://127.0.0.1:1")));
}

}  // namespace
}  // namespace natrix
