#include "broker/jetstream/consumer/pull_queue.h"

#include <charconv>

#include "broker/jetstream/model/codec.h"

namespace natrix::jetstream::consumer {

namespace {

std::string_view trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

Result<model::PullRequest> parse_pull_request(std::string_view body) {
  body = trim(body);
  model::PullRequest request;
  request.batch = 1;
  request.plain = true;
  if (body.empty()) return request;
  if (body[0] != '{') {
    int64_t batch = 0;
    auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), batch);
    if (error == std::errc() && end == body.data() + body.size()) request.batch = batch;
    return request;
  }
  request.batch = 0;
  request.plain = false;
  if (auto read = model::from_text(body, request, model::Strictness::kLenient); !read) {
    return fail(read.error().description);
  }
  if (request.heartbeat > 0 && request.heartbeat > request.expires / 2) {
    return fail("heartbeat value too large");
  }
  return request;
}

}  // namespace natrix::jetstream::consumer
