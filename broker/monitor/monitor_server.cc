#include "broker/monitor/monitor_server.h"

#include <utility>

#include "broker/monitor/pages.h"

namespace natrix::monitor {

MonitorServer::MonitorServer(asio::io_context& io, Source& source, Logger& log,
                             MonitorOptions options)
    : io_(io),
      options_(std::move(options)),
      pages_(std::make_shared<Pages>(source, log, options_.base_path)),
      http_(std::make_shared<HttpServer>(
          io, log, options_.limits,
          [pages = pages_](const HttpRequest& request, Responder respond) {
            pages->handle(request, std::move(respond));
          },
          options_.tls)) {
  pages_->show_counters_of(http_);
}

MonitorServer::~MonitorServer() {
  stop();
}

Result<void> MonitorServer::start() {
  Result<void> listening = http_->listen(options_.host, options_.port);
  if (!listening) return listening;
  clock_ = std::make_shared<asio::steady_timer>(io_);
  sample_every_second(clock_, pages_);
  return {};
}

void MonitorServer::stop() {
  http_->stop();
  if (clock_) clock_->cancel();
  clock_.reset();
}

int MonitorServer::port() const {
  return http_->port();
}

// Weak, because a tick that is already on its way cannot be cancelled.
void MonitorServer::sample_every_second(const std::shared_ptr<asio::steady_timer>& clock,
                                        const std::shared_ptr<Pages>& pages) {
  clock->expires_after(std::chrono::seconds(1));
  clock->async_wait([weak_clock = std::weak_ptr(clock),
                     weak_pages = std::weak_ptr(pages)](asio::error_code error) {
    auto still_clock = weak_clock.lock();
    auto still_pages = weak_pages.lock();
    if (error || !still_clock || !still_pages) return;
    still_pages->sample();
    sample_every_second(still_clock, still_pages);
  });
}

}  // namespace natrix::monitor
