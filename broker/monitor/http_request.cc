#include "broker/monitor/http_request.h"

#include <algorithm>
#include <vector>

namespace natrix::monitor {
namespace {

using HeadResult = Result<HttpRequest, HttpError>;

Failure<HttpError> refuse(int status, std::string text) {
  return {HttpError{status, std::move(text)}};
}

bool is_token_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes the next line off `text`; the line end may be CRLF or a lone LF (RFC 9112 2.2).
std::string_view take_line(std::string_view& text) {
  size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

// The path without empty, "." and ".." segments; a trailing slash is kept. Exporters that are given
// a URL with a trailing slash ask for "//varz".
std::string clean_path(std::string_view path) {
  std::vector<std::string_view> segments;
  bool trailing_slash = false;
  while (!path.empty()) {
    size_t slash = path.find('/');
    std::string_view segment = path.substr(0, slash);
    trailing_slash = slash != std::string_view::npos;
    path.remove_prefix(trailing_slash ? slash + 1 : path.size());
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
      trailing_slash = true;
    } else if (segment == ".") {
      trailing_slash = true;
    } else if (!segment.empty()) {
      segments.push_back(segment);
    }
  }
  std::string clean;
  for (std::string_view segment : segments) clean.append("/").append(segment);
  if (clean.empty() || trailing_slash) clean += '/';
  return clean;
}

// "http://host/path?query", which servers must accept, to "/path?query" (RFC 9112 3.2.2).
std::string_view origin_form(std::string_view target) {
  size_t scheme_end = target.find("://");
  if (target.starts_with('/') || scheme_end == std::string_view::npos) return target;
  std::string_view scheme = target.substr(0, scheme_end);
  if (!equal_ignoring_case(scheme, "http") && !equal_ignoring_case(scheme, "https")) return target;
  std::string_view rest = target.substr(scheme_end + 3);
  size_t path = rest.find_first_of("/?");
  if (path == std::string_view::npos) return "/";
  return rest.substr(path);
}

std::optional<HttpError> parse_target(std::string_view target, HttpRequest& request) {
  target = origin_form(target);
  std::string_view path = target.substr(0, target.find('?'));
  if (path.size() < target.size()) request.query = target.substr(path.size() + 1);
  if (path.empty() && !target.empty()) path = "/";  // absolute form without a path
  std::optional<std::string> decoded = percent_decode(path, false);
  if (!path.starts_with('/') || !decoded) {
    return HttpError{400, "the request target is not a path; ask for /varz, for example"};
  }
  request.path = clean_path(*decoded);
  return std::nullopt;
}

std::optional<HttpError> parse_request_line(std::string_view line, HttpRequest& request) {
  size_t first = line.find(' ');
  size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos ||
      std::any_of(line.begin(), line.end(), is_control)) {
    return HttpError{400, "the request line is not \"METHOD target HTTP/1.1\""};
  }
  std::string_view method = line.substr(0, first);
  std::string_view version = line.substr(second + 1);
  if (!is_token(method)) return HttpError{400, "the method is not a word"};
  if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.') {
    return HttpError{400, "the request line does not end with an HTTP version"};
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return HttpError{505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  }
  if (method != "GET" && method != "HEAD") {
    return HttpError{405, "only GET and HEAD are served on the monitoring port"};
  }
  request.head = method == "HEAD";
  request.http10 = version == "HTTP/1.0";
  request.keep_alive = !request.http10;
  return parse_target(line.substr(first + 1, second - first - 1), request);
}

// What the header lines say about the connection.
struct Headers {
  int hosts = 0;
  bool body = false, close = false, keep_alive = false;
};

std::optional<HttpError> parse_header(std::string_view line, Headers& headers) {
  size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return HttpError{400, "a header line is not \"Name: value\""};
  }
  std::string_view name = line.substr(0, colon);
  std::string_view value = trim(line.substr(colon + 1));
  if (std::any_of(value.begin(), value.end(), [](char c) { return is_control(c) && c != '\t'; })) {
    return HttpError{400, "a header value has control characters"};
  }
  if (equal_ignoring_case(name, "host")) {
    ++headers.hosts;
  } else if (equal_ignoring_case(name, "content-length")) {
    if (value.empty() || value.find_first_not_of("0123456789") != std::string_view::npos) {
      return HttpError{400, "Content-Length is not a number"};
    }
    headers.body |= value.find_first_not_of('0') != std::string_view::npos;
  } else if (equal_ignoring_case(name, "transfer-encoding")) {
    headers.body = true;
  } else if (equal_ignoring_case(name, "connection")) {
    while (!value.empty()) {
      std::string_view option = trim(value.substr(0, value.find(',')));
      headers.close |= equal_ignoring_case(option, "close");
      headers.keep_alive |= equal_ignoring_case(option, "keep-alive");
      value.remove_prefix(std::min(value.find(','), value.size() - 1) + 1);
    }
  }
  return std::nullopt;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

Result<HttpRequest, HttpError> parse_request_head(std::string_view head) {
  HttpRequest request;
  std::string_view line;
  do line = take_line(head);
  while (line.empty() && !head.empty());
  if (auto error = parse_request_line(line, request)) return fail_with(std::move(*error));

  Headers headers;
  for (line = take_line(head); !line.empty(); line = take_line(head)) {
    if (auto error = parse_header(line, headers)) return fail_with(std::move(*error));
  }
  if (headers.hosts > 1 || (headers.hosts == 0 && !request.http10)) {
    return refuse(400, "exactly one Host header is needed");
  }
  if (headers.body) return refuse(413, "requests with a body are not accepted");
  if (headers.close) {
    request.keep_alive = false;
  } else if (headers.keep_alive) {
    request.keep_alive = true;
  }
  return HeadResult(std::move(request));
}

size_t RequestReader::find_head_end() {
  while (true) {
    size_t newline = buffer_.find('\n', scanned_);
    if (newline == std::string::npos) {
      scanned_ = buffer_.size();
      return 0;
    }
    size_t length = newline - line_start_;
    if (length > 0 && buffer_[newline - 1] == '\r') --length;
    scanned_ = line_start_ = newline + 1;
    // Empty lines before a request are skipped (RFC 9112 2.2); they count towards the limit.
    if (length > 0) in_head_ = true;
    if (length == 0 && in_head_) return newline + 1;
  }
}

Result<std::optional<HttpRequest>, HttpError> RequestReader::next() {
  size_t end = find_head_end();
  if (std::max(end, end == 0 ? buffer_.size() : 0) > max_head_bytes_) {
    return refuse(431, "the request head is larger than " + std::to_string(max_head_bytes_) +
                           " bytes; send shorter headers");
  }
  if (end == 0) return std::optional<HttpRequest>();
  HeadResult request = parse_request_head(std::string_view(buffer_).substr(0, end));
  buffer_.erase(0, end);
  scanned_ = line_start_ = 0;
  in_head_ = false;
  if (!request) return fail_with(request.error());
  return std::optional<HttpRequest>(std::move(*request));
}

}  // namespace natrix::monitor
