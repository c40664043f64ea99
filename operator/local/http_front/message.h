// A request and its answer, free of any HTTP library.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace natrix::http_front {

struct Request {
  std::string method;  // "GET", ...
  std::string path;    // decoded, without the query
  std::map<std::string, std::string> query;
  std::string accept;
  std::string content_type;
  std::string user_agent;
  std::string body;

  [[nodiscard]] std::string param(const std::string& name) const {
    const auto found = query.find(name);
    return found == query.end() ? "" : found->second;
  }
  [[nodiscard]] bool flag(const std::string& name) const {
    const std::string value = param(name);
    return value == "true" || value == "1";
  }
};

// Sends a piece of a streamed answer; false when the client is gone. An empty piece only asks.
using SendPiece = std::function<bool(std::string_view piece)>;

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::string> warnings;  // Warning headers
  std::string retry_after;            // seconds, empty: no header
  // Set instead of `body`: called on the connection's thread, returns when the answer is complete
  // or SendPiece returned false.
  std::function<void(const SendPiece&)> stream;
};

}  // namespace natrix::http_front
