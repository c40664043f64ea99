// The parser of HTTP requests: a table of good and bad heads, and pieces of every size.
#include "broker/monitor/http_request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace natrix::monitor {
namespace {

constexpr size_t kLimit = 8192;

std::string get(const std::string& target, const std::string& headers = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
}

HttpRequest parsed(const std::string& text) {
  RequestReader reader(kLimit);
  reader.append(text);
  auto next = reader.next();
  EXPECT_TRUE(next.ok()) << text << (next.ok() ? "" : next.error().text);
  if (!next.ok()) return {};
  EXPECT_TRUE(next->has_value()) << text;
  return next->value_or(HttpRequest{});
}

int refused_with(const std::string& text) {
  RequestReader reader(kLimit);
  reader.append(text);
  auto next = reader.next();
  if (next.ok()) return *next ? 200 : 0;
  EXPECT_FALSE(next.error().text.empty());
  return next.error().status;
}

TEST(HttpRequest, SplitsTheTarget) {
  HttpRequest request = parsed(get("/connz?sort=cid&limit=5"));
  EXPECT_EQ(request.path, "/connz");
  EXPECT_EQ(request.query, "sort=cid&limit=5");
  EXPECT_FALSE(request.head);
  EXPECT_TRUE(request.keep_alive);
}

TEST(HttpRequest, PathsAreDecodedAndClean) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"/", "/"},
      {"/varz", "/varz"},
      {"//varz", "/varz"},
      {"/varz/", "/varz/"},
      {"/a//b/./c/../d", "/a/b/d"},
      {"/../../varz", "/varz"},
      {"/..", "/"},
      {"/%76arz", "/varz"},
      {"/nats/.", "/nats/"},
      {"http://host:8222/varz", "/varz"},
      {"HTTP://host", "/"},
      {"http://host?x=1", "/"},
      {"/http://host/x", "/http:/host/x"},
      {"/%00", std::string("/\0", 2)},
  };
  for (const auto& [target, path] : cases) EXPECT_EQ(parsed(get(target)).path, path) << target;
  EXPECT_EQ(parsed(get("http://host?x=1")).query, "x=1");
}

TEST(HttpRequest, TheMethodIsGetOrHead) {
  EXPECT_TRUE(parsed("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").head);
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get", "CONNECT", "BREW"}) {
    EXPECT_EQ(refused_with(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n"), 405) << method;
  }
}

TEST(HttpRequest, WhoKeepsTheConnection) {
  EXPECT_TRUE(parsed(get("/")).keep_alive);
  EXPECT_FALSE(parsed(get("/", "Connection: close\r\n")).keep_alive);
  EXPECT_FALSE(parsed(get("/", "connection: Upgrade , CLOSE\r\n")).keep_alive);
  EXPECT_FALSE(parsed(get("/", "Connection: keep-alive, close\r\n")).keep_alive);
  EXPECT_FALSE(parsed("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_TRUE(parsed("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
}

TEST(HttpRequest, LenientWhereTheStandardAsksForIt) {
  EXPECT_EQ(parsed("GET /varz HTTP/1.1\nHost: a\n\n").path, "/varz");
  EXPECT_EQ(parsed("\r\n\r\n" + get("/varz")).path, "/varz");
  EXPECT_EQ(parsed(get("/varz", "Content-Length: 0\r\n")).path, "/varz");
  EXPECT_EQ(parsed(get("/varz", "X-Empty:\r\nX-Tab:\ta\tb \r\n")).path, "/varz");
  EXPECT_EQ(parsed(get("/v\xc3\xa9")).path, "/v\xc3\xa9");
}

TEST(HttpRequest, Malformed) {
  for (const char* text : {
           "NONSENSE\r\n\r\n",
           "GET /varz\r\n\r\n",
           "GET  /varz HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /varz HTTP/1.1 \r\nHost: a\r\n\r\n",
           "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET varz HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n",
           "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
           " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET / http/1.1\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.1\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nName : x\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
       }) {
    EXPECT_EQ(refused_with(text), 400) << text;
  }
  EXPECT_EQ(refused_with(std::string("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 29)), 400);
}

TEST(HttpRequest, OtherRefusals) {
  EXPECT_EQ(refused_with("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(refused_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
  EXPECT_EQ(refused_with(get("/", "Content-Length: 5\r\n")), 413);
  EXPECT_EQ(refused_with(get("/", "Content-Length: 99999999999999999999999\r\n")), 413);
  EXPECT_EQ(refused_with(get("/", "Transfer-Encoding: chunked\r\n")), 413);
}

TEST(HttpRequest, TheHeadIsBounded) {
  auto head_of = [](size_t size) {
    std::string head = get("/varz", "X: ");
    head.insert(head.size() - 2, std::string(size - head.size() - 2, 'x') + "\r\n");
    return head;
  };
  EXPECT_EQ(head_of(kLimit).size(), kLimit);
  EXPECT_EQ(refused_with(head_of(kLimit)), 200);
  EXPECT_EQ(refused_with(head_of(kLimit + 1)), 431);
  EXPECT_EQ(refused_with(std::string(kLimit, 'a')), 0);
  EXPECT_EQ(refused_with(std::string(kLimit + 1, 'a')), 431);
  std::string empty_lines;
  for (size_t i = 0; i <= kLimit / 2; ++i) empty_lines += "\r\n";
  EXPECT_EQ(refused_with(empty_lines), 431);
}

// However the bytes are cut, the same requests come out.
TEST(HttpRequest, PiecesOfEverySize) {
  std::string stream =
      get("/a") + "\r\n" + get("/b?c=d", "X: y\r\n") + "GET /c HTTP/1.0\n\n" + get("/last");
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    RequestReader reader(kLimit);
    std::string paths;
    for (size_t at = 0; at < stream.size(); at += piece) {
      reader.append(std::string_view(stream).substr(at, piece));
      while (true) {
        auto next = reader.next();
        ASSERT_TRUE(next.ok()) << piece;
        if (!*next) break;
        paths += (*next)->path;
      }
    }
    EXPECT_EQ(paths, "/a/b/c/last") << piece;
    EXPECT_TRUE(reader.empty());
  }
}

TEST(HttpRequest, PercentDecoding) {
  EXPECT_EQ(percent_decode("a+b%20c", true), "a b c");
  EXPECT_EQ(percent_decode("a+b%2Bc", false), "a+b+c");
  EXPECT_EQ(percent_decode("%ff", false), "\xff");
  EXPECT_EQ(percent_decode("", true), "");
  for (const char* bad : {"%", "%4", "%g0", "%0g", "a%"}) {
    EXPECT_EQ(percent_decode(bad, false), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace natrix::monitor
