#include "broker/protocol/route_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "broker/protocol/scan.h"

namespace natrix::protocol {
namespace {

struct Parsed {
  ParseStatus status;
  RouteOperation operation;
  size_t wanted = 0;
  std::string bytes;  // the views point here
};

std::unique_ptr<Parsed> parse(std::string text, RouteParserLimits limits = {}) {
  auto parsed = std::make_unique<Parsed>();
  size_t size = text.size();
  parsed->bytes = std::move(text);
  parsed->bytes.resize(size + kScanSlack, '#');
  parsed->status =
      parse_route(parsed->bytes.data(), size, limits, parsed->operation, parsed->wanted);
  return parsed;
}

std::string joined(const std::vector<std::string_view>& parts) {
  std::string all;
  for (std::string_view part : parts) all += std::string(part) + ",";
  return all;
}

struct MessageCase {
  const char* line;
  const char* origin;
  const char* account;
  const char* subject;
  const char* reply;
  const char* queues;
  uint32_t header, total;
  const char* tail;  // null: none
};

class Messages : public testing::TestWithParam<MessageCase> {};

TEST_P(Messages, AreTakenApart) {
  const MessageCase& c = GetParam();
  auto p = parse(c.line);
  ASSERT_EQ(p->status, ParseStatus::kOk);
  const RouteMessage& m = p->operation.message;
  EXPECT_EQ(m.origin, c.origin);
  EXPECT_EQ(m.account, c.account);
  EXPECT_EQ(m.subject, c.subject);
  EXPECT_EQ(m.reply, c.reply);
  EXPECT_EQ(joined(m.queues), c.queues);
  EXPECT_EQ(m.header_size, c.header);
  EXPECT_EQ(m.total_size, c.total);
  EXPECT_EQ(p->operation.size, std::string_view(c.line).size());
  EXPECT_EQ(std::string_view(m.body, 2),
            std::string_view(c.line).substr(std::string_view(c.line).find("\r\n") + 2, 2));
  if (c.tail == nullptr) {
    EXPECT_EQ(m.tail, nullptr);
  } else {
    ASSERT_NE(m.tail, nullptr);
    size_t size = static_cast<size_t>(m.body + m.total_size + 2 - m.tail);
    EXPECT_EQ(std::string_view(m.tail, size), c.tail);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Messages,
    testing::Values(
        MessageCase{"RMSG $G a.b 2\r\nhi\r\n", "", "$G", "a.b", "", "", 0, 2, "2\r\nhi\r\n"},
        MessageCase{"rmsg $G a 0\r\n\r\n", "", "$G", "a", "", "", 0, 0, "0\r\n\r\n"},
        MessageCase{"RMSG $G a r 2\r\nhi\r\n", "", "$G", "a", "r", "", 0, 2, "r 2\r\nhi\r\n"},
        MessageCase{"RMSG $G a | q 2\r\nhi\r\n", "", "$G", "a", "", "q,", 0, 2, "2\r\nhi\r\n"},
        MessageCase{"RMSG $G a + r q 2\r\nhi\r\n", "", "$G", "a", "r", "q,", 0, 2, nullptr},
        MessageCase{"RMSG $G a + r q1 q2 q3 q4 2\r\nhi\r\n", "", "$G", "a", "r", "q1,q2,q3,q4,", 0,
                    2, nullptr},
        MessageCase{"RMSG $G a | q1 q2 q3 q4 q5 2\r\nhi\r\n", "", "$G", "a", "", "q1,q2,q3,q4,q5,",
                    0, 2, nullptr},
        MessageCase{"RMSG  $G\ta   2\r\nhi\r\n", "", "$G", "a", "", "", 0, 2, nullptr},
        MessageCase{"HMSG $G a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", "", "$G", "a", "", "", 12, 14,
                    "12 14\r\nNATS/1.0\r\n\r\nhi\r\n"},
        MessageCase{"HMSG $G a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", "", "$G", "a", "r", "", 12, 14,
                    "r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"},
        MessageCase{"HMSG $G a + r q 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", "", "$G", "a", "r", "q,", 12,
                    14, nullptr},
        MessageCase{"HMSG $G a | q 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", "", "$G", "a", "", "q,", 12,
                    14, "12 14\r\nNATS/1.0\r\n\r\nhi\r\n"},
        MessageCase{"LMSG leaf $G a 0 2\r\nhi\r\n", "leaf", "$G", "a", "", "", 0, 2, "2\r\nhi\r\n"},
        MessageCase{"LMSG leaf $G a r 0 2\r\nhi\r\n", "leaf", "$G", "a", "r", "", 0, 2, nullptr},
        MessageCase{"LMSG leaf $G a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", "leaf", "$G", "a", "r", "",
                    12, 14, "r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"},
        MessageCase{"LMSG leaf $G a + r q 0 2\r\nhi\r\n", "leaf", "$G", "a", "r", "q,", 0, 2,
                    nullptr}));

TEST(RouteParser, DedicatedRoutesNameNoAccount) {
  RouteParserLimits limits;
  limits.account_in_line = false;
  auto p = parse("RMSG a r 2\r\nhi\r\n", limits);
  ASSERT_EQ(p->status, ParseStatus::kOk);
  EXPECT_EQ(p->operation.message.account, "");
  EXPECT_EQ(p->operation.message.subject, "a");
  EXPECT_EQ(p->operation.message.reply, "r");
  p = parse("LMSG leaf a | q 0 2\r\nhi\r\n", limits);
  ASSERT_EQ(p->status, ParseStatus::kOk);
  EXPECT_EQ(p->operation.message.origin, "leaf");
  EXPECT_EQ(joined(p->operation.message.queues), "q,");
}

TEST(RouteParser, RefusesMalformedMessages) {
  for (const char* line : {"RMSG $G a\r\n", "RMSG $G\r\n", "RMSG \r\n", "RMSG $G a x\r\n",
                           "RMSG $G a -1\r\n", "RMSG $G a * r 1\r\nx\r\n", "RMSG $G a ++ r q 1\r\n",
                           "HMSG $G a 2\r\n", "HMSG $G a 3 2\r\nhi\r\n", "HMSG $G a x 2\r\nhi\r\n",
                           "LMSG $G a 2\r\n", "LMSG o $G a b c 0 2\r\nhi\r\n"}) {
    EXPECT_EQ(parse(line)->status, ParseStatus::kBadArguments) << line;
  }
  EXPECT_EQ(parse("RMSG $G a 2\r\nhixx")->status, ParseStatus::kBadPayloadEnd);
  RouteParserLimits limits;
  limits.max_payload = 10;
  EXPECT_EQ(parse("RMSG $G a 11\r\n", limits)->status, ParseStatus::kPayloadTooLarge);
  EXPECT_EQ(parse("RMSG $G a 99999999999\r\n", limits)->status, ParseStatus::kPayloadTooLarge);
}

TEST(RouteParser, RefusesUnknownVerbs) {
  for (const char* line : {"PUB a 1\r\n", "SUB a 1\r\n", "RS* $G a\r\n", "X", "RMSX", "RMSGX a\r\n",
                           "A+ $G\r\n", "\r\n", "HPUB a 1 1\r\n"}) {
    EXPECT_EQ(parse(line)->status, ParseStatus::kUnknownVerb) << line;
  }
}

TEST(RouteParser, WaitsForMoreAtEveryByte) {
  std::string whole = "HMSG $G a.b + r q 12 14\r\nNATS/1.0\r\n\r\nhi\r\n";
  for (size_t size = 0; size < whole.size(); ++size) {
    auto p = parse(whole.substr(0, size));
    EXPECT_EQ(p->status, ParseStatus::kIncomplete) << size;
    EXPECT_EQ(p->wanted, size > whole.find('\n') ? whole.size() : 0) << size;
  }
  EXPECT_EQ(parse(whole)->status, ParseStatus::kOk);
}

TEST(RouteParser, LimitsControlLines) {
  RouteParserLimits limits;
  limits.max_control_line = 20;
  EXPECT_EQ(parse("RS+ $G 12345678901234567890\r\n", limits)->status, ParseStatus::kLineTooLong);
  EXPECT_EQ(parse("RS+ $G 12345678901234567890", limits)->status, ParseStatus::kLineTooLong);
  EXPECT_EQ(parse("RMSG $G 12345678901234567890 2\r\n", limits)->status, ParseStatus::kLineTooLong);
  EXPECT_EQ(parse("RS+ $G 1234567890\r\n", limits)->status, ParseStatus::kOk);
}

TEST(RouteParser, KnowsTheOtherVerbs) {
  auto p = parse("RS+ $G a.* q 3\r\n");
  ASSERT_EQ(p->status, ParseStatus::kOk);
  EXPECT_EQ(p->operation.verb, RouteVerb::kSub);
  EXPECT_EQ(p->operation.args, "$G a.* q 3");
  EXPECT_EQ(parse("rs- $G a\r\n")->operation.verb, RouteVerb::kUnsub);
  EXPECT_EQ(parse("LS+ o $G a\r\n")->operation.verb, RouteVerb::kLeafSub);
  EXPECT_EQ(parse("LS- o $G a\r\n")->operation.verb, RouteVerb::kLeafUnsub);
  EXPECT_EQ(parse("PING\r\n")->operation.verb, RouteVerb::kPing);
  EXPECT_EQ(parse("PONG\n")->operation.verb, RouteVerb::kPong);
  EXPECT_EQ(parse("+OK\r\n")->operation.verb, RouteVerb::kOk);
  p = parse("INFO {\"a\": 1}\r\n");
  EXPECT_EQ(p->operation.verb, RouteVerb::kInfo);
  EXPECT_EQ(p->operation.args, "{\"a\": 1}");
  EXPECT_EQ(parse("-ERR 'x y'\r\n")->operation.args, "'x y'");
}

TEST(RouteInterestLines, AreTakenApart) {
  RouteInterest i;
  ASSERT_TRUE(parse_route_interest("$G a.>", {}, i));
  EXPECT_EQ(i.account, "$G");
  EXPECT_EQ(i.subject, "a.>");
  EXPECT_EQ(i.queue, "");
  EXPECT_EQ(i.weight, 1);
  ASSERT_TRUE(parse_route_interest("$G a q 7", {}, i));
  EXPECT_EQ(i.queue, "q");
  EXPECT_EQ(i.weight, 7);
  ASSERT_TRUE(parse_route_interest("$G a q 0", {}, i));
  EXPECT_EQ(i.weight, 1);
  ASSERT_TRUE(parse_route_interest("$G a q", {false, true, false}, i));
  EXPECT_EQ(i.queue, "q");
  ASSERT_TRUE(parse_route_interest("o $G a q 2", {true, true, true}, i));
  EXPECT_EQ(i.origin, "o");
  EXPECT_EQ(i.account, "$G");
  ASSERT_TRUE(parse_route_interest("a q 2", {false, false, true}, i));
  EXPECT_EQ(i.account, "");
  EXPECT_EQ(i.subject, "a");
}

TEST(RouteInterestLines, MayBeMalformed) {
  RouteInterest i;
  for (const char* args : {"", "$G", "$G a q", "$G a q x", "$G a q 1 2", "$G a q -1"}) {
    EXPECT_FALSE(parse_route_interest(args, {}, i)) << args;
  }
  EXPECT_FALSE(parse_route_interest("$G a q 1", {false, true, false}, i));
}

}  // namespace
}  // namespace natrix::protocol
