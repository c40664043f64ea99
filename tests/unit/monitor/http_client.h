// A blocking HTTP client for tests that sends exactly what it is told and reads answers strictly.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <string>

namespace natrix::monitor {

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names as sent
  std::string body;
};

class HttpClient {
 public:
  explicit HttpClient(int port, const char* host = "127.0.0.1", int receive_buffer = 0) {
    bool v6 = std::strchr(host, ':') != nullptr;
    fd_ = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    }
    struct timeval patience {
      10, 0
    };
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in v4_address{};
    v4_address.sin_family = AF_INET;
    v4_address.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, host, &v4_address.sin_addr);
    sockaddr_in6 v6_address{};
    v6_address.sin6_family = AF_INET6;
    v6_address.sin6_port = v4_address.sin_port;
    inet_pton(AF_INET6, host, &v6_address.sin6_addr);
    auto* address =
        v6 ? reinterpret_cast<sockaddr*>(&v6_address) : reinterpret_cast<sockaddr*>(&v4_address);
    socklen_t size = v6 ? sizeof(v6_address) : sizeof(v4_address);
    connected_ = connect(fd_, address, size) == 0;
  }
  ~HttpClient() { close(); }
  HttpClient(HttpClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_), input_(other.input_) {}
  HttpClient& operator=(HttpClient&&) = delete;

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  [[nodiscard]] bool connected() const { return connected_; }

  bool send(const std::string& text) {
    size_t sent = 0;
    while (sent < text.size()) {
      ssize_t n = ::send(fd_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<size_t>(n);
    }
    return true;
  }

  // The next answer; nullopt if the connection ends first. `with_body` false: the answer to a HEAD.
  std::optional<Answer> answer(bool with_body = true) {
    size_t head_end = 0;
    while ((head_end = input_.find("\r\n\r\n")) == std::string::npos) {
      if (!receive()) return std::nullopt;
    }
    Answer answer = parse(input_.substr(0, head_end + 2));
    input_.erase(0, head_end + 4);
    size_t size = with_body ? std::stoul(answer.headers.at("Content-Length")) : 0;
    while (input_.size() < size) {
      if (!receive()) return std::nullopt;
    }
    answer.body = input_.substr(0, size);
    input_.erase(0, size);
    return answer;
  }

  std::optional<Answer> get(const std::string& target) {
    if (!send("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n")) return std::nullopt;
    return answer();
  }

  // Waits for the end of the connection; false: bytes came or nothing happened for 10 s.
  bool ended() { return input_.empty() && !receive() && !timed_out_; }

 private:
  bool receive() {
    char bytes[16384];
    ssize_t n = recv(fd_, bytes, sizeof(bytes), 0);
    timed_out_ = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (n > 0) input_.append(bytes, static_cast<size_t>(n));
    return n > 0;
  }

  static Answer parse(const std::string& head) {
    Answer answer;
    size_t line_end = head.find("\r\n");
    if (head.rfind("HTTP/1.1 ", 0) == 0) answer.status = std::stoi(head.substr(9, 3));
    while (line_end + 2 < head.size()) {
      size_t begin = line_end + 2;
      line_end = head.find("\r\n", begin);
      size_t colon = head.find(": ", begin);
      answer.headers[head.substr(begin, colon - begin)] =
          head.substr(colon + 2, line_end - colon - 2);
    }
    return answer;
  }

  int fd_ = -1;
  bool connected_ = false;
  bool timed_out_ = false;
  std::string input_;
};

}  // namespace natrix::monitor
