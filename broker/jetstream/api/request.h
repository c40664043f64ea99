// Request: one API request, taken apart and kept as long as its answer takes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace natrix::jetstream::api {

struct JetStreamAccount;

struct Request {
  JetStreamAccount* account = nullptr;
  std::string subject;
  std::vector<std::string> names;  // tokens in place of '*', then what '>' stands for
  std::string reply;
  std::string body;
  std::string_view kind;  // of the response

  [[nodiscard]] const std::string& stream() const { return names.at(0); }
  [[nodiscard]] const std::string& consumer() const { return names.at(1); }
  [[nodiscard]] bool blank() const {
    return body.find_first_not_of(" \t\r\n") == std::string::npos;
  }
};

}  // namespace natrix::jetstream::api
