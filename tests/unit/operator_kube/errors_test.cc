#include "operator/kube/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace natrix::kube {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

HttpResponse status_response(int code, const char* reason, const char* message) {
  Json body = {{"kind", "Status"}, {"code", code}, {"reason", reason}, {"message", message}};
  return {.status = code, .retry_after = "", .body = body.dump()};
}

TEST(Errors, ClassifiesByWhatTheCallerShouldDo) {
  struct Case {
    int status;
    const char* reason;
    Errc expected;
  };
  for (const Case& c : std::initializer_list<Case>{{400, "BadRequest", Errc::kInvalid},
                                                   {401, "Unauthorized", Errc::kUnauthorized},
                                                   {403, "Forbidden", Errc::kForbidden},
                                                   {404, "NotFound", Errc::kNotFound},
                                                   {409, "AlreadyExists", Errc::kAlreadyExists},
                                                   {409, "Conflict", Errc::kConflict},
                                                   {410, "Expired", Errc::kGone},
                                                   {422, "Invalid", Errc::kInvalid},
                                                   {429, "TooManyRequests", Errc::kTooManyRequests},
                                                   {500, "InternalError", Errc::kServer},
                                                   {503, "ServiceUnavailable", Errc::kServer},
                                                   {504, "Timeout", Errc::kTimeout},
                                                   {302, "", Errc::kServer}}) {
    ApiError error = error_from_response("get x", status_response(c.status, c.reason, "words"));
    EXPECT_EQ(error.code, c.expected) << c.status << c.reason;
    EXPECT_EQ(error.http_status, c.status);
    EXPECT_EQ(error.message, "get x: words");
  }
}

TEST(Errors, RetryAfterFromHeaderOrStatusIsCapped) {
  HttpResponse response = status_response(429, "TooManyRequests", "slow down");
  response.retry_after = "7";
  EXPECT_EQ(error_from_response("x", response).retry_after, 7s);
  response.retry_after = "999999999";
  EXPECT_EQ(error_from_response("x", response).retry_after, 300s);
  response.retry_after = "Wed, 21 Oct 2026 07:28:00 GMT";
  EXPECT_EQ(error_from_response("x", response).retry_after, std::nullopt);

  Json status = {{"kind", "Status"}, {"details", {{"retryAfterSeconds", 3}}}};
  response.retry_after = "";
  response.body = status.dump();
  EXPECT_EQ(error_from_response("x", response).retry_after, 3s);
}

TEST(Errors, AnswersThatAreNoStatusAreQuotedBriefly) {
  HttpResponse page{.status = 502, .retry_after = "", .body = "<html>\n" + std::string(10000, 'x')};
  ApiError error = error_from_response("get x", page);
  EXPECT_EQ(error.code, Errc::kServer);
  EXPECT_THAT(error.message, HasSubstr("HTTP 502: <html> xxx"));
  EXPECT_LT(error.message.size(), 600u);
}

TEST(Errors, WatchErrorEventWithoutCodeIsAServerError) {
  EXPECT_EQ(error_from_status("watch x", Json("oops")).code, Errc::kServer);
  EXPECT_EQ(error_from_status("watch x", Json{{"code", 410}}).code, Errc::kGone);
}

}  // namespace
}  // namespace natrix::kube
