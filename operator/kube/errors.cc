#include "operator/kube/errors.h"

#include <fmt/format.h>

#include <charconv>

namespace natrix::kube {
namespace {

constexpr std::chrono::seconds kLongestRetryAfter{300};
constexpr size_t kLongestRawMessage = 512;

Errc classify(int status, std::string_view reason) {
  switch (status) {
    case 401:
      return Errc::kUnauthorized;
    case 403:
      return Errc::kForbidden;
    case 404:
      return Errc::kNotFound;
    case 408:
    case 504:
      return Errc::kTimeout;
    case 409:
      return reason == "AlreadyExists" ? Errc::kAlreadyExists : Errc::kConflict;
    case 410:
      return Errc::kGone;
    case 429:
      return Errc::kTooManyRequests;
    default:
      return status >= 400 && status < 500 ? Errc::kInvalid : Errc::kServer;
  }
}

std::string string_field(const Json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::optional<std::chrono::milliseconds> capped(int64_t seconds) {
  if (seconds <= 0) return std::nullopt;
  return std::min<std::chrono::seconds>(kLongestRetryAfter, std::chrono::seconds(seconds));
}

std::optional<std::chrono::milliseconds> retry_after_of(const Json& status) {
  auto details = status.find("details");
  if (details == status.end() || !details->is_object()) return std::nullopt;
  auto seconds = details->find("retryAfterSeconds");
  if (seconds == details->end() || !seconds->is_number_integer()) return std::nullopt;
  return capped(seconds->get<int64_t>());
}

std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view header) {
  int64_t seconds = 0;
  auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), seconds);
  if (error != std::errc() || end != header.data() + header.size()) return std::nullopt;
  return capped(seconds);
}

// The body of an answer that is no Status object: a proxy's page, perhaps long or binary.
std::string excerpt(std::string_view body) {
  std::string text;
  for (char c : body.substr(0, kLongestRawMessage)) {
    text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return text.empty() ? "(empty answer)" : text;
}

}  // namespace

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::kNotFound:
      return "NotFound";
    case Errc::kAlreadyExists:
      return "AlreadyExists";
    case Errc::kConflict:
      return "Conflict";
    case Errc::kGone:
      return "Gone";
    case Errc::kInvalid:
      return "Invalid";
    case Errc::kForbidden:
      return "Forbidden";
    case Errc::kUnauthorized:
      return "Unauthorized";
    case Errc::kTooManyRequests:
      return "TooManyRequests";
    case Errc::kTimeout:
      return "Timeout";
    case Errc::kConnection:
      return "Connection";
    case Errc::kCancelled:
      return "Cancelled";
    case Errc::kServer:
      return "Server";
  }
  return "Server";
}

ApiError error_from_status(std::string_view what, const Json& status) {
  ApiError error;
  if (!status.is_object()) {
    error.message = fmt::format("{}: the API server sent an error without a Status object", what);
    return error;
  }
  auto code = status.find("code");
  if (code != status.end() && code->is_number_integer()) error.http_status = code->get<int>();
  error.code = classify(error.http_status, string_field(status, "reason"));
  error.retry_after = retry_after_of(status);
  error.message = fmt::format("{}: {}", what, string_field(status, "message"));
  return error;
}

ApiError error_from_response(std::string_view what, const HttpResponse& response) {
  Json status = Json::parse(response.body, nullptr, false);
  ApiError error;
  if (status.is_object() && string_field(status, "kind") == "Status") {
    error = error_from_status(what, status);
    error.code = classify(response.status, string_field(status, "reason"));
  } else {
    error.code = classify(response.status, {});
    error.message = fmt::format("{}: HTTP {}: {}", what, response.status, excerpt(response.body));
  }
  error.http_status = response.status;
  if (auto header = parse_retry_after(response.retry_after)) error.retry_after = header;
  return error;
}

ApiError error_from_transport(std::string_view what, const TransportError& error) {
  ApiError result;
  switch (error.code) {
    case TransportErrc::kTimeout:
      result.code = Errc::kTimeout;
      break;
    case TransportErrc::kConnection:
      result.code = Errc::kConnection;
      break;
    case TransportErrc::kCancelled:
      result.code = Errc::kCancelled;
      break;
    case TransportErrc::kTooLarge:
      result.code = Errc::kServer;
      break;
  }
  result.message = fmt::format("{}: {}", what, error.message);
  return result;
}

}  // namespace natrix::kube
