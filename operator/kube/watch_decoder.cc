#include "operator/kube/watch_decoder.h"

#include <fmt/format.h>

#include "operator/kube/errors.h"

namespace natrix::kube {

WatchDecoder::WatchDecoder(std::string what, size_t max_line_bytes,
                           std::function<void(WatchEvent)> on_event)
    : what_(std::move(what)), max_line_bytes_(max_line_bytes), on_event_(std::move(on_event)) {}

bool WatchDecoder::feed(std::string_view bytes) {
  if (error_) return false;
  while (true) {
    size_t end = bytes.find('\n');
    if (end == std::string_view::npos) break;
    std::string_view rest = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    if (partial_.empty()) {
      if (!line(rest)) return false;
      continue;
    }
    partial_ += rest;
    std::string whole = std::move(partial_);
    partial_.clear();
    if (!line(whole)) return false;
  }
  partial_ += bytes;
  if (partial_.size() > max_line_bytes_) {
    return broken(fmt::format("an event is larger than {} bytes", max_line_bytes_));
  }
  return true;
}

bool WatchDecoder::line(std::string_view text) {
  if (text.find_first_not_of(" \t\r") == std::string_view::npos) return true;
  Json event = Json::parse(text, nullptr, false);
  if (!event.is_object()) return broken("an event is not a JSON object");
  auto type = event.find("type");
  auto object = event.find("object");
  if (type == event.end() || !type->is_string() || object == event.end() || !object->is_object()) {
    return broken("an event has no type or object");
  }
  const auto& name = type->get_ref<const std::string&>();
  if (name == "ERROR") {
    error_ = error_from_status(what_, *object);
    return false;
  }
  WatchEventType kind{};
  if (name == "ADDED") {
    kind = WatchEventType::kAdded;
  } else if (name == "MODIFIED") {
    kind = WatchEventType::kModified;
  } else if (name == "DELETED") {
    kind = WatchEventType::kDeleted;
  } else if (name == "BOOKMARK") {
    kind = WatchEventType::kBookmark;
  } else {
    return broken(fmt::format("an event has the unknown type \"{}\"", name));
  }
  on_event_(WatchEvent{kind, std::move(*object)});
  return true;
}

bool WatchDecoder::broken(std::string message) {
  error_ = ApiError{.code = Errc::kServer, .message = fmt::format("{}: {}", what_, message)};
  return false;
}

}  // namespace natrix::kube
