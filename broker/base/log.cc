#include "broker/base/log.h"

#include <mutex>
#include <utility>

#include "broker/base/log_file.h"
#include "broker/base/log_format.h"
#include "broker/base/log_syslog.h"

namespace natrix {
namespace {

template <class Sink>
Result<std::shared_ptr<LogSink>> as_sink(Result<std::shared_ptr<Sink>> sink) {
  if (!sink) return fail(sink.error().message);
  return std::shared_ptr<LogSink>(std::move(*sink));
}

// The order of precedence is that of nats-server: a file, then syslog, then stderr.
Result<std::shared_ptr<LogSink>> make_sink(const LogOptions& options) {
  if (!options.file.empty()) return as_sink(FileSink::open(options));
  if (!options.remote_syslog.empty())
    return as_sink(SyslogSink::open_remote(options.remote_syslog));
  if (options.syslog) return as_sink(SyslogSink::open_local());
  return std::shared_ptr<LogSink>(std::make_shared<StderrSink>());
}

}  // namespace

struct Logger::State {
  std::mutex mutex;  // a leaf: nothing else is locked under it
  LogOptions options;
  std::shared_ptr<LogSink> sink;
  LogLineFormat format{LogOptions{}, false};

  void use(std::shared_ptr<LogSink> new_sink) {
    sink = std::move(new_sink);
    format = LogLineFormat(options, sink->wants_colour());
  }
};

Logger::Logger() : state_(std::make_unique<State>()) {
  state_->use(std::make_shared<StderrSink>());
}

Logger::~Logger() = default;

Result<void> Logger::configure(const LogOptions& options) {
  Result<std::shared_ptr<LogSink>> sink = make_sink(options);
  if (!sink) return fail(sink.error().message);
  {
    std::lock_guard lock(state_->mutex);
    state_->options = options;
    state_->use(std::move(*sink));
  }
  debug_.store(options.debug, std::memory_order_relaxed);
  trace_.store(options.trace, std::memory_order_relaxed);
  return {};
}

void Logger::set_sink(std::shared_ptr<LogSink> sink) {
  std::lock_guard lock(state_->mutex);
  state_->use(std::move(sink));
}

Result<void> Logger::reopen() {
  std::lock_guard lock(state_->mutex);
  return state_->sink->reopen();
}

void Logger::line(LogLevel level, std::string_view text) {
  std::lock_guard lock(state_->mutex);
  if (state_->sink->wants_bare_text()) {
    std::string bare;
    append_escaped(bare, text);
    state_->sink->write(level, bare);
  } else {
    state_->sink->write(level, state_->format.line(level, text));
  }
}

}  // namespace natrix
