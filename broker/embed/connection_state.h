// What is behind the public Connection.
#pragma once

#include "broker/embed/session.h"
#include "natrix/connection.h"

namespace natrix {

struct Connection::State {
  State(int fd, ConnectionOptions options, Logger& log) : session(fd, std::move(options), log) {}
  embed::Session session;
};

}  // namespace natrix
