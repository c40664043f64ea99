// The operator's own small HTTP server: GET and HEAD of short pages, for probes and scrapers.
//
// One thread, any number of clients at their own pace; at most kMaxConnections of them, each with
// kDeadline from connect to the last byte. When all places are taken the oldest connection makes
// room, so that somebody who only connects cannot keep the kubelet out. Connections are closed
// after one answer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "broker/base/result.h"

namespace natrix::metrics {

struct Page {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpListener {
 public:
  static constexpr size_t kMaxConnections = 64;
  static constexpr size_t kMaxRequestBytes = 8192;
  static constexpr std::chrono::seconds kDeadline{5};

  // Called on the listener's thread with the path, without query. Must not block for long.
  using Handler = std::function<Page(const std::string& path)>;

  // `address` is host:port or :port (all addresses); port 0 takes a free one. Fails with a sentence
  // that names the address.
  static Result<std::unique_ptr<HttpListener>> open(const std::string& address, Handler handler);
  ~HttpListener();
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  [[nodiscard]] int port() const { return port_; }

 private:
  struct Connection;
  class Loop;
  HttpListener() = default;

  int port_ = 0;
  int wake_fd_ = -1;
  std::thread thread_;
};

}  // namespace natrix::metrics
