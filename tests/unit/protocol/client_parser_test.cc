#include "broker/protocol/client_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/client_stream.h"

namespace natrix::protocol {
namespace {

using tests::parse_stream;
using tests::ParsedStream;

ParsedStream parse(std::string_view stream, const ParserLimits& limits = {}) {
  return parse_stream(stream, {}, limits);
}

struct Good {
  std::string_view text;
  const char* operation;
};

const Good kGood[] = {
    {"PING\r\n", "PING"},
    {"ping\r\n", "PING"},
    {"PiNg\n", "PING"},
    {"PONG\r\n", "PONG"},
    {"PING \r\n", "PING"},
    {"+OK\r\n", "+OK"},
    {"+ok\r\n", "+OK"},
    {"-ERR 'go away'\r\n", "-ERR 'go away'"},
    {"INFO {}\r\n", "INFO {}"},
    {"CONNECT {\"verbose\":false}\r\n", "CONNECT {\"verbose\":false}"},
    {"connect\t {}\n", "CONNECT {}"},
    {"CONNECT \r\n", "CONNECT "},
    {"SUB a 1\r\n", "SUB a 1"},
    {"sub  a.*\tq  1 \r\n", "SUB a.*\tq  1 "},
    {"UNSUB 1\r\n", "UNSUB 1"},
    {"UnSub 1 5\r\n", "UNSUB 1 5"},
    {"PUB a 0\r\n\r\n", "PUB a||"},
    {"PUB a 5\r\nhello\r\n", "PUB a||hello"},
    {"PUB a r 5\r\nhello\r\n", "PUB a|r|hello"},
    {"pub a 2\r\nhi\r\n", "PUB a||hi"},
    {"PUB a 2\nhi\r\n", "PUB a||hi"},
    {"PUB\ta\t2\r\nhi\r\n", "PUB a||hi"},
    {"PUB  a   r  2  \r\nhi\r\n", "PUB a|r|hi"},
    {"PUB a 002\r\nhi\r\n", "PUB a||hi"},
    {"PUB a 4\r\n\r\n\r\n\r\n", "PUB a||\r\n\r\n"},
    {"PUB a\x01z 2\r\nhi\r\n", "PUB a\x01z||hi"},
    {"PUB a\rb 2\r\nhi\r\n", "PUB a\rb||hi"},
    {"HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", "HPUB a||NATS/1.0\r\n\r\n|hi"},
    {"HPUB a r 12 12\r\nNATS/1.0\r\n\r\n\r\n", "HPUB a|r|NATS/1.0\r\n\r\n|"},
    {"hpub a  r 12\t14\nNATS/1.0\r\n\r\nhi\r\n", "HPUB a|r|NATS/1.0\r\n\r\n|hi"},
    {"HPUB a 0 2\r\nhi\r\n", "HPUB a|||hi"},
};

TEST(ClientParser, Operations) {
  for (const Good& good : kGood) {
    ParsedStream got = parse(good.text);
    ASSERT_EQ(got.operations.size(), 1U) << good.text << ": " << tests::name(got.end);
    EXPECT_EQ(got.operations[0], good.operation) << good.text;
    EXPECT_EQ(got.end, ParseStatus::kIncomplete);
  }
}

struct Bad {
  std::string text;
  ParseStatus status;
};

const std::vector<Bad>& bad_streams() {
  using enum ParseStatus;
  static const std::vector<Bad> all = {
      {"\r\n", kUnknownVerb},
      {" PING\r\n", kUnknownVerb},
      {"X", kUnknownVerb},
      {"PINGS\r\n", kUnknownVerb},
      {"PUBB a 1\r\nx\r\n", kUnknownVerb},
      {"PUB", kIncomplete},
      {"PU\r\n", kUnknownVerb},
      {"PIN", kIncomplete},
      {"PIN\r\n", kUnknownVerb},
      {"SUBSCRIBE a 1\r\n", kUnknownVerb},
      {"RS+ $G a\r\n", kUnknownVerb},
      {"LS+ a\r\n", kUnknownVerb},
      {"A+ a\r\n", kUnknownVerb},
      {"MSG a 1 2\r\nhi\r\n", kUnknownVerb},
      {"GET / HTTP/1.1\r\n", kUnknownVerb},
      {std::string("\x16\x03\x01\x02\x00", 5), kUnknownVerb},
      {"-ER\r\n", kUnknownVerb},
      {"+OKAY\r\n", kUnknownVerb},
      {"PUB\r\n", kUnknownVerb},
      {"SUB\n", kUnknownVerb},
      {"CONNECT\r\n", kUnknownVerb},
      {"PUB\r", kUnknownVerb},
      {"PUB \r\n", kBadArguments},
      {"PUB a\r\n", kBadArguments},
      {"PUB 5\r\n", kBadArguments},
      {"PUB a b c 5\r\nhello\r\n", kBadArguments},
      {"PUB a x\r\n", kBadArguments},
      {"PUB a -1\r\n", kBadArguments},
      {"PUB a +1\r\n", kBadArguments},
      {"PUB a 1x\r\n", kBadArguments},
      {"PUB a 1.0\r\n", kBadArguments},
      {"HPUB a 2\r\n", kBadArguments},
      {"HPUB a 5 4\r\n", kBadArguments},
      {"HPUB a x 4\r\n", kBadArguments},
      {"HPUB a r 12 -4\r\n", kBadArguments},
      {"HPUB a b c 1 2\r\n", kBadArguments},
      {"PUB a 1048577\r\n", kPayloadTooLarge},
      {"PUB a 99999999999\r\n", kPayloadTooLarge},
      {"PUB  a 99999999999999999999999999\r\n", kPayloadTooLarge},
      {"HPUB a 12 1048577\r\n", kPayloadTooLarge},
      {"PUB a 1048576\r\n", kIncomplete},
      {"PUB a 2\r\nhix\r", kBadPayloadEnd},
      {"PUB a 2\r\nhi\n\n", kBadPayloadEnd},
      {"PUB a 2\r\nhi\r", kIncomplete},
      {"PUB a 2\r\nhi\r\r", kBadPayloadEnd},
      {"PUB a 0\r\nPING\r\n", kBadPayloadEnd},
      {"HPUB a 12 14\r\nNATS/1.0\r\n\r\nhixx", kBadPayloadEnd},
  };
  return all;
}

TEST(ClientParser, Errors) {
  for (const Bad& bad : bad_streams()) {
    ParsedStream got = parse(bad.text);
    EXPECT_EQ(tests::name(got.end), tests::name(bad.status)) << bad.text;
    EXPECT_TRUE(got.operations.empty()) << bad.text;
  }
}

TEST(ClientParser, AnOperationBeforeABadOneStillCounts) {
  ParsedStream got = parse("PING\r\nPUB a 2\r\nhi\r\nNONSENSE\r\n");
  EXPECT_THAT(got.operations, ::testing::ElementsAre("PING", "PUB a||hi"));
  EXPECT_EQ(got.end, ParseStatus::kUnknownVerb);
}

// TCP cuts where it likes: one cut at every place, and every byte by itself, must change nothing.
TEST(ClientParser, CutsDoNotMatter) {
  std::string all;
  for (const Good& good : kGood) all += good.text;
  std::vector<std::string> streams{all};
  for (const Bad& bad : bad_streams()) streams.push_back("PUB x 1\r\n1\r\n" + bad.text);
  streams.push_back("PUB " + std::string(4094, 'a') + " 0\r\n\r\n");
  streams.push_back("SUB " + std::string(4095, 'a') + "\r\n");
  for (const std::string& stream : streams) {
    ParsedStream whole = parse(stream);
    std::vector<size_t> every;
    for (size_t cut = 0; cut < stream.size(); ++cut) {
      ASSERT_EQ(parse_stream(stream, {cut}, {}), whole) << "cut at " << cut << ": " << stream;
      every.push_back(cut);
    }
    ASSERT_EQ(parse_stream(stream, every, {}), whole) << "byte by byte: " << stream;
  }
}

// max_control_line counts the arguments, not the verb, the space before them or the line end.
TEST(ClientParser, ControlLineLimit) {
  ParserLimits limits{64, 1024};
  for (const char* verb : {"SUB", "UNSUB", "CONNECT", "INFO", "-ERR", "PING"}) {
    for (const char* space : {" ", "   ", "\t"}) {
      for (const char* end : {"\r\n", "\n"}) {
        std::string fits = verb + std::string(space) + std::string(64, 'a') + end;
        EXPECT_EQ(parse(fits, limits).operations.size(), 1U) << fits;
        std::string over = verb + std::string(space) + std::string(65, 'a') + end;
        EXPECT_EQ(parse(over, limits).end, ParseStatus::kLineTooLong) << over;
      }
    }
  }
  for (const char* verb : {"PUB", "pub"}) {
    std::string fits = verb + std::string(" ") + std::string(62, 'a') + " 0\r\n\r\n";
    EXPECT_EQ(parse(fits, limits).operations.size(), 1U) << fits;
    std::string over = verb + std::string(" ") + std::string(63, 'a') + " 0\r\n\r\n";
    EXPECT_EQ(parse(over, limits).end, ParseStatus::kLineTooLong) << over;
  }
}

// A peer that never ends its line is refused as soon as it cannot become good any more.
TEST(ClientParser, ALineWithoutEndIsBounded) {
  ParserLimits limits{64, 1024};
  EXPECT_EQ(parse("SUB " + std::string(64, 'a'), limits).end, ParseStatus::kIncomplete);
  EXPECT_EQ(parse("SUB " + std::string(64, 'a') + "\r", limits).end, ParseStatus::kIncomplete);
  EXPECT_EQ(parse("SUB " + std::string(65, 'a'), limits).end, ParseStatus::kLineTooLong);
  EXPECT_EQ(parse("SUB " + std::string(5000, ' '), limits).end, ParseStatus::kLineTooLong);
  EXPECT_EQ(parse("PUB " + std::string(5000, ' ') + "a 0\r\n\r\n", limits).end,
            ParseStatus::kLineTooLong);
}

TEST(ClientParser, TellsHowMuchALargeOperationNeeds) {
  std::string start = "PUB a 1000\r\n";
  std::string bytes = start + "abc" + std::string(kScanSlack, '\0');
  ClientOperation operation;
  size_t wanted = 0;
  EXPECT_EQ(parse_client(bytes.data(), start.size() + 3, {}, operation, wanted),
            ParseStatus::kIncomplete);
  EXPECT_EQ(wanted, start.size() + 1000 + 2);
  EXPECT_EQ(parse_client(bytes.data(), 5, {}, operation, wanted), ParseStatus::kIncomplete);
  EXPECT_EQ(wanted, 0U) << "the size is not known yet";
}

std::string_view tail_of(std::string& bytes) {
  size_t size = bytes.size();
  bytes.append(kScanSlack, '\0');
  ClientOperation operation;
  size_t wanted = 0;
  EXPECT_EQ(parse_client(bytes.data(), size, {}, operation, wanted), ParseStatus::kOk);
  EXPECT_EQ(operation.size, size);
  const char* tail = operation.pub.tail;
  if (tail == nullptr) return {};
  return {tail, static_cast<size_t>(operation.pub.body + operation.pub.total_size + 2 - tail)};
}

// What follows the sid in MSG and HMSG, in one piece, is there for lines written the usual way.
TEST(ClientParser, TheTailIsWhatAMessageNeeds) {
  std::string pub = "PUB a 2\r\nhi\r\n", reply = "PUB a r 2\r\nhi\r\n";
  std::string headers = "HPUB a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n";
  EXPECT_EQ(tail_of(pub), "2\r\nhi\r\n");
  EXPECT_EQ(tail_of(reply), "r 2\r\nhi\r\n");
  EXPECT_EQ(tail_of(headers), "r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
  for (const char* unusual : {"PUB  a 2\r\nhi\r\n", "PUB a  2\r\nhi\r\n", "PUB\ta 2\r\nhi\r\n",
                              "PUB a 2 \r\nhi\r\n", "PUB a 2\nhi\r\n", "PUB a r\t2\r\nhi\r\n"}) {
    std::string bytes = unusual;
    EXPECT_TRUE(tail_of(bytes).empty()) << unusual;
  }
}

}  // namespace
}  // namespace natrix::protocol
