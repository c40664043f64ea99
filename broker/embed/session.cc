#include "broker/embed/session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/crypto/server_id.h"
#include "broker/protocol/info.h"
#include "broker/subject/tokens.h"

namespace natrix::embed {

namespace {

constexpr std::string_view kInboxSid = "1";
constexpr size_t kMaxUnsent = 4 * 1024 * 1024;  // publishers wait beyond it
constexpr size_t kReadSize = 64 * 1024;

Result<std::string> header_block(const Headers& headers) {
  if (headers.empty()) return std::string();
  std::string block = "NATS/1.0\r\n";
  for (const auto& [key, value] : headers) {
    bool bad_key = key.empty() || key.find_first_of(": \t\r\n") != std::string::npos;
    if (bad_key || value.find_first_of("\r\n") != std::string::npos) {
      return fail(fmt::format("header \"{}\" has a character that headers cannot hold", key));
    }
    block += fmt::format("{}: {}\r\n", key, value);
  }
  return block + "\r\n";
}

Message to_message(const protocol::ServerOperation& operation) {
  Message message{std::string(operation.subject),
                  std::string(operation.reply),
                  {},
                  0,
                  std::string(operation.payload)};
  protocol::HeaderBlock header;
  if (!operation.header.empty() && protocol::parse_header_block(operation.header, header)) {
    message.status = header.status;
    for (auto& [key, value] : header.fields) message.headers.emplace_back(key, value);
  }
  return message;
}

Failure<Error> closed_error() {
  return fail("the connection is closed");
}

}  // namespace

Session::Session(int fd, ConnectionOptions options, Logger& log)
    : fd_(fd),
      options_(std::move(options)),
      log_(log),
      inbox_(fmt::format("_INBOX.{}.", random_token(22))) {
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) & ~O_NONBLOCK);
}

Session::~Session() {
  close();
  if (reader_.joinable()) reader_.join();
  if (dispatcher_.joinable()) dispatcher_.join();
  ::close(fd_);
}

Result<void> Session::open(Deadline deadline) {
  reader_ = std::thread([this] { read_loop(); });
  dispatcher_ = std::thread([this] { dispatch_loop(); });
  protocol::Connect connect;
  connect.name = options_.name;
  connect.user = options_.user;
  connect.pass = options_.password;
  connect.auth_token = options_.token;
  std::string hello = protocol::encode_client_connect(connect);
  hello += fmt::format("SUB {}* {}\r\n", inbox_, kInboxSid);
  if (Result<void> sent = send(std::move(hello)); !sent) return sent;
  Result<void> answered = flush(deadline);
  std::lock_guard lock(mutex_);
  if (!answered && !error_.empty()) return fail(error_);
  if (answered && !greeted_) return fail("the broker did not greet");
  return answered;
}

// ---- sending

Result<void> Session::send(std::string bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || unsent_.size() < kMaxUnsent; });
  if (closed_) return closed_error();
  unsent_ += bytes;
  if (sending_) return {};  // whoever sends now sends this too
  sending_ = true;
  while (!unsent_.empty() && !closed_) {
    std::string batch = std::exchange(unsent_, {});
    lock.unlock();
    changed_.notify_all();
    for (size_t sent = 0; sent < batch.size();) {
      ssize_t n = ::send(fd_, batch.data() + sent, batch.size() - sent, MSG_NOSIGNAL);
      if (n <= 0 && errno != EINTR) break;
      if (n > 0) sent += static_cast<size_t>(n);
    }
    lock.lock();
  }
  sending_ = false;
  return {};
}

Result<void> Session::publish(std::string_view subject, std::string_view data,
                              const Headers& headers, std::string_view reply) {
  if (!subject::is_valid_literal(subject)) {
    return fail(fmt::format("\"{}\" is not a subject to publish to", subject));
  }
  if (!reply.empty() && !subject::is_valid_literal(reply)) {
    return fail(fmt::format("\"{}\" is not a reply subject", reply));
  }
  Result<std::string> block = header_block(headers);
  if (!block) return fail(block.error().message);
  size_t total = block->size() + data.size();
  {
    std::lock_guard lock(mutex_);
    if (max_payload_ != 0 && total > max_payload_) {
      return fail(fmt::format("message of {} bytes: at most {} are allowed", total, max_payload_));
    }
  }
  std::string line = fmt::format("{} {} {}{}", block->empty() ? "PUB" : "HPUB", subject, reply,
                                 reply.empty() ? "" : " ");
  if (!block->empty()) line += fmt::format("{} ", block->size());
  line += fmt::format("{}\r\n{}", total, *block);
  line += data;
  line += "\r\n";
  ++activity_;
  return send(std::move(line));
}

// ---- subscriptions and requests

Result<SubscriptionId> Session::subscribe(std::string_view subject, Connection::Handler handler,
                                          std::string_view queue) {
  if (!subject::is_valid_pattern(subject)) {
    return fail(fmt::format("\"{}\" is not a subject", subject));
  }
  if (queue.find_first_of(" \t\r\n") != std::string_view::npos) {
    return fail(fmt::format("\"{}\" is not a queue group", queue));
  }
  SubscriptionId id = 0;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return closed_error();
    id = next_id_++;
    handlers_[id] = std::make_shared<const Connection::Handler>(std::move(handler));
    error_.clear();
  }
  Result<void> sent =
      send(fmt::format("SUB {} {}{}{}\r\n", subject, queue, queue.empty() ? "" : " ", id));
  if (sent) sent = flush(std::chrono::steady_clock::now() + std::chrono::seconds(10));
  std::lock_guard lock(mutex_);
  if (!sent || !error_.empty()) {
    handlers_.erase(id);
    return fail(error_.empty() ? sent.error().message : error_);
  }
  return id;
}

Result<void> Session::unsubscribe(SubscriptionId id) {
  {
    std::lock_guard lock(mutex_);
    if (handlers_.erase(id) == 0) return fail("no such subscription");
  }
  return send(fmt::format("UNSUB {}\r\n", id));
}

Result<Message> Session::request(std::string_view subject, std::string_view data, Deadline deadline,
                                 const Headers& headers) {
  Waiting waiting;
  std::string reply;
  {
    std::lock_guard lock(mutex_);
    reply = inbox_ + std::to_string(next_request_++);
    requests_[reply] = &waiting;
    ++blocked_callers_;
  }
  changed_.notify_all();
  Result<void> sent = publish(subject, data, headers, reply);
  std::unique_lock lock(mutex_);
  if (sent) {
    changed_.wait_until(lock, deadline, [&] { return waiting.done || closed_; });
  }
  --blocked_callers_;
  requests_.erase(reply);
  if (!sent) return fail(sent.error().message);
  if (!waiting.done) {
    if (closed_) return closed_error();
    return fail(fmt::format("no answer to the request on \"{}\" in time", subject));
  }
  if (waiting.answer.status == 503 && waiting.answer.data.empty()) {
    return fail(fmt::format("no responders for \"{}\"", subject));
  }
  return std::move(waiting.answer);
}

Result<void> Session::flush(Deadline deadline) {
  uint64_t mine = 0;
  {
    std::lock_guard lock(mutex_);
    mine = ++pings_;
    ++blocked_callers_;
  }
  changed_.notify_all();
  Result<void> sent = send("PING\r\n");
  std::unique_lock lock(mutex_);
  bool answered =
      sent && changed_.wait_until(lock, deadline, [&] { return pongs_ >= mine || closed_; });
  --blocked_callers_;
  if (pongs_ >= mine) return {};
  if (!sent || closed_) return closed_error();
  return answered ? closed_error() : fail("the broker did not answer in time");
}

bool Session::on_dispatch_thread() const {
  return std::this_thread::get_id() == dispatcher_.get_id();
}

Result<void> Session::wait_idle(Deadline deadline) {
  if (on_dispatch_thread()) return fail("a handler cannot wait for the handlers to end");
  std::unique_lock lock(mutex_);
  bool idle = changed_.wait_until(lock, deadline, [&] { return waiting_.empty() && !handling_; });
  if (idle) return {};
  return fail(fmt::format("{} messages of connection \"{}\" still wait for their handlers",
                          waiting_.size() + (handling_ ? 1 : 0), options_.name));
}

Result<void> Session::drain(Deadline deadline) {
  if (on_dispatch_thread()) return fail("a handler cannot drain its own connection");
  std::string farewell;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return {};
    for (const auto& [id, handler] : handlers_) farewell += fmt::format("UNSUB {}\r\n", id);
  }
  // After the answer nothing new arrives; the handlers stay for what has arrived.
  Result<void> done = send(std::move(farewell));
  if (done) done = flush(deadline);
  if (done) done = wait_idle(deadline);
  if (done) done = flush(deadline);
  if (done) close();
  return done;
}

void Session::close() {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
  }
  ::shutdown(fd_, SHUT_RDWR);
  changed_.notify_all();
}

bool Session::is_closed() const {
  std::lock_guard lock(mutex_);
  return closed_;
}

std::string Session::last_error() const {
  std::lock_guard lock(mutex_);
  return error_;
}

// ---- receiving

void Session::read_loop() {
  std::string buffer;
  size_t used = 0;
  bool good = true;
  while (good) {
    buffer.resize(used + kReadSize);
    ssize_t n = ::recv(fd_, buffer.data() + used, kReadSize, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    used += static_cast<size_t>(n);
    std::string_view data(buffer.data(), used);
    protocol::ServerOperation operation;
    protocol::ParseStatus status;
    while ((status = protocol::parse_server(data, operation)) == protocol::ParseStatus::kOk) {
      if (!take(operation)) break;
      data.remove_prefix(operation.size);
    }
    good = status == protocol::ParseStatus::kIncomplete;
    buffer.erase(0, used - data.size());
    used = data.size();
  }
  close();
}

bool Session::take(const protocol::ServerOperation& operation) {
  switch (operation.verb) {
    case protocol::ServerVerb::kMsg:
    case protocol::ServerVerb::kHmsg:
      take_message(operation);
      break;
    case protocol::ServerVerb::kPing:
      (void)send("PONG\r\n");
      break;
    case protocol::ServerVerb::kPong: {
      std::lock_guard lock(mutex_);
      ++pongs_;
      break;
    }
    case protocol::ServerVerb::kInfo: {
      Result<protocol::Info> info = protocol::decode_info(operation.args);
      std::lock_guard lock(mutex_);
      greeted_ |= info.ok();
      if (info) max_payload_ = static_cast<size_t>(info->max_payload);
      break;
    }
    case protocol::ServerVerb::kErr: {
      log_.error("in-process connection \"{}\": {}", options_.name, operation.args);
      std::lock_guard lock(mutex_);
      error_ = std::string(operation.args);
      break;
    }
    case protocol::ServerVerb::kOk:
      break;
  }
  changed_.notify_all();
  return true;
}

bool Session::inbox_full() const {
  return waiting_.size() >= options_.max_waiting_messages ||
         waiting_bytes_ >= options_.max_waiting_bytes;
}

void Session::take_message(const protocol::ServerOperation& operation) {
  std::unique_lock lock(mutex_);
  if (operation.sid == kInboxSid) {
    auto request = requests_.find(std::string(operation.subject));
    if (request != requests_.end()) {
      request->second->answer = to_message(operation);
      request->second->done = true;
    }
    return;
  }
  uint64_t id = 0;
  for (char digit : operation.sid) id = id * 10 + static_cast<uint64_t>(digit - '0');
  auto handler = handlers_.find(id);
  if (handler == handlers_.end()) return;
  // Not while a caller waits for an answer that is behind this message.
  changed_.wait(lock, [&] { return closed_ || blocked_callers_ > 0 || !inbox_full(); });
  waiting_bytes_ += operation.payload.size();
  waiting_.push_back({to_message(operation), handler->second});
  ++activity_;
}

void Session::dispatch_loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return closed_ || !waiting_.empty(); });
    if (closed_) return;
    Work work = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= work.message.data.size();
    handling_ = true;
    lock.unlock();
    changed_.notify_all();
    try {
      (*work.handler)(work.message);
    } catch (const std::exception& error) {
      // A handler's exception must not end the process that embeds us.
      log_.error("in-process connection \"{}\": handler of \"{}\" threw: {}", options_.name,
                 work.message.subject, error.what());
    }
    ++activity_;
    lock.lock();
    handling_ = false;
    changed_.notify_all();
  }
}

}  // namespace natrix::embed
