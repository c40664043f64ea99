#include "operator/brokerapi/http_broker_api.h"

#include <fmt/format.h>
#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "operator/brokerapi/report.h"

namespace natrix::brokerapi {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMostThreads = 16;
constexpr size_t kLargestPage = 4 << 20;
constexpr std::chrono::milliseconds kStopInterval{20};

// One server's questions, on one connection. `ask` runs on a worker thread, `stop` on the caller's.
class Questions {
 public:
  explicit Questions(const ServerAddress& server) : client_(server.host, server.port) {
    client_.set_keep_alive(true);
    client_.set_default_headers({{"Accept-Encoding", "identity"}});
  }

  Result<ServerReport> ask(Clock::time_point deadline) {
    Pages pages;
    int status = 0;
    for (const auto& [path, page] :
         {std::pair("/varz", &pages.varz), std::pair("/routez", &pages.routez)}) {
      if (auto done = get(path, deadline, *page, status); !done) return fail(done.error().message);
      if (status != 200) return fail(fmt::format("{} answered {}", path, status));
    }
    if (auto done = get("/healthz", deadline, pages.healthz, pages.health_status); !done) {
      return fail(done.error().message);
    }
    return read_pages(pages);
  }

  // Ends a running request; to be called until the worker is done, as it may be about to connect.
  void stop() {
    stopped_ = true;
    client_.stop();
  }

 private:
  Result<void> get(const char* path, Clock::time_point deadline, std::string& body, int& status) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (stopped_ || left.count() <= 0) return fail(fmt::format("no time left for {}", path));
    client_.set_connection_timeout(left);
    client_.set_read_timeout(left);
    client_.set_write_timeout(left);
    auto keep = [&](const char* data, size_t length) {
      if (stopped_ || body.size() + length > kLargestPage) return false;
      body.append(data, length);
      return true;
    };
    const httplib::Result answer = client_.Get(path, keep);
    if (!answer) return fail(fmt::format("{}: {}", path, httplib::to_string(answer.error())));
    status = answer->status;
    return {};
  }

  httplib::Client client_;
  std::atomic<bool> stopped_{false};
};

// All servers of one call. Workers take the next unasked server until there is none.
class Round {
 public:
  Round(const std::vector<ServerAddress>& servers, Clock::time_point deadline)
      : servers_(servers), deadline_(deadline), answers_(servers.size()) {
    for (const ServerAddress& server : servers) {
      questions_.push_back(std::make_unique<Questions>(server));
    }
  }

  std::map<std::string, Result<ServerReport>> run() {
    std::vector<std::thread> workers;
    running_ = std::min(kMostThreads, servers_.size());
    for (size_t i = running_; i > 0; --i) workers.emplace_back([this] { work(); });
    std::unique_lock lock(mutex_);
    done_.wait_until(lock, deadline_, [this] { return running_ == 0; });
    while (running_ > 0) {
      for (const auto& questions : questions_) questions->stop();
      done_.wait_for(lock, kStopInterval, [this] { return running_ == 0; });
    }
    lock.unlock();
    for (std::thread& worker : workers) worker.join();
    std::map<std::string, Result<ServerReport>> out;
    for (size_t i = 0; i < servers_.size(); ++i) {
      out.emplace(servers_[i].name, std::move(*answers_[i]));
    }
    return out;
  }

 private:
  void work() {
    while (true) {
      const size_t mine = next_++;
      if (mine >= servers_.size()) break;
      answers_[mine] = questions_[mine]->ask(deadline_);
    }
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) done_.notify_one();
  }

  const std::vector<ServerAddress>& servers_;
  const Clock::time_point deadline_;
  std::vector<std::unique_ptr<Questions>> questions_;
  std::vector<std::optional<Result<ServerReport>>> answers_;  // each written by one worker
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  std::condition_variable done_;
  size_t running_ = 0;
};

class HttpBrokerApi : public BrokerApi {
 public:
  std::map<std::string, Result<ServerReport>> ask(const std::vector<ServerAddress>& servers,
                                                  std::chrono::milliseconds deadline) override {
    if (servers.empty()) return {};
    return Round(servers, Clock::now() + deadline).run();
  }
};

}  // namespace

std::unique_ptr<BrokerApi> make_http_broker_api() {
  return std::make_unique<HttpBrokerApi>();
}

}  // namespace natrix::brokerapi
