// Response: the JSON answer to an API request, put together from texts of the model's codec.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "broker/jetstream/model/codec.h"

namespace natrix::jetstream::api {

class Response {
 public:
  // `kind` as in "stream_create": io.nats.jetstream.api.v1.stream_create_response.
  explicit Response(std::string_view kind)
      : text_(fmt::format("{{\"type\":\"io.nats.jetstream.api.v1.{}_response\"", kind)) {}

  Response& error(const model::ApiError& error) {
    failed_ = true;
    return member("error", model::to_text(error));
  }
  // `value` is JSON already.
  Response& member(std::string_view name, std::string_view value) {
    text_.append(",\"").append(name).append("\":").append(value);
    return *this;
  }
  // All members of a JSON object become members of the answer.
  Response& members(std::string_view object) {
    if (object.size() > 2) text_.append(",").append(object.substr(1, object.size() - 2));
    return *this;
  }
  Response& page(size_t total, size_t offset, size_t limit) {
    text_ += fmt::format(",\"total\":{},\"offset\":{},\"limit\":{}", total, offset, limit);
    return *this;
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::string text() const { return text_ + "}"; }

 private:
  std::string text_;
  bool failed_ = false;
};

}  // namespace natrix::jetstream::api
