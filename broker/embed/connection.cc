#include "natrix/connection.h"

#include "broker/embed/connection_state.h"

namespace natrix {

namespace {
std::chrono::steady_clock::time_point after(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}
}  // namespace

Connection::Connection(std::shared_ptr<State> state) : state_(std::move(state)) {}

Connection::~Connection() {
  close();
}

Result<void> Connection::publish(std::string_view subject, std::string_view data,
                                 const Headers& headers, std::string_view reply) {
  return state_->session.publish(subject, data, headers, reply);
}

Result<void> Connection::respond(const Message& request, std::string_view data,
                                 const Headers& headers) {
  if (request.reply.empty()) return fail("the message asks for no answer");
  return state_->session.publish(request.reply, data, headers, {});
}

Result<SubscriptionId> Connection::subscribe(std::string_view subject, Handler handler,
                                             std::string_view queue) {
  return state_->session.subscribe(subject, std::move(handler), queue);
}

Result<void> Connection::unsubscribe(SubscriptionId id) {
  return state_->session.unsubscribe(id);
}

Result<Message> Connection::request(std::string_view subject, std::string_view data,
                                    std::chrono::milliseconds timeout, const Headers& headers) {
  return state_->session.request(subject, data, after(timeout), headers);
}

Result<void> Connection::flush(std::chrono::milliseconds timeout) {
  return state_->session.flush(after(timeout));
}

Result<void> Connection::drain(std::chrono::milliseconds timeout) {
  return state_->session.drain(after(timeout));
}

void Connection::close() {
  state_->session.close();
}

std::string Connection::last_error() const {
  return state_->session.last_error();
}

}  // namespace natrix
