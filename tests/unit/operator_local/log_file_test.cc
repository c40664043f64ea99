// What containers print, and how it is read.
#include "operator/local/agent/log_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "operator/base/timestamp.h"
#include "operator/local/agent/log_reader.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace natrix::agent {
namespace {

using http_front::LogRequest;
using std::chrono::milliseconds;
using std::chrono::system_clock;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

class Logs : public ::testing::Test {
 protected:
  static std::string texts(const std::string& lines) {
    return select_lines(lines, LogRequest{}, system_clock::now());
  }
  static std::string all(const LogFile& log) {
    uint64_t position = 0;
    return texts(log.read_all(position));
  }
  std::string path(const char* name = "log") { return (dir_.path() / name).string(); }

  tests::TempDir dir_;
};

TEST_F(Logs, LinesAreStampedAndCompletedAcrossWrites) {
  LogFile log(path());
  log.append("one\ntw");
  EXPECT_EQ(all(log), "one\n");
  log.append("o\n\n");
  log.append("unfinished");
  uint64_t position = 0;
  EXPECT_THAT(log.read_all(position),
              MatchesRegex("(20..-..-..T..:..:..\\.[0-9]{9}Z (one|two|)\n){3}"));
  log.close();
  EXPECT_EQ(all(log), "one\ntwo\n\nunfinished\n");
}

TEST_F(Logs, LongLinesAreBroken) {
  LogFile log(path());
  log.append(std::string(40000, 'x') + "\n");
  const std::string text = all(log);
  EXPECT_EQ(std::count(text.begin(), text.end(), 'x'), 40000);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST_F(Logs, TwoFilesOfTheLimitAreKept) {
  LogFile log(path(), 1000);
  for (int i = 0; i < 200; ++i) log.append(fmt::format("line {}\n", i));
  const std::string text = all(log);
  EXPECT_THAT(text, HasSubstr("line 199\n"));
  EXPECT_EQ(text.find("line 100\n"), std::string::npos);
  uint64_t size = 0;
  for (const auto& file : std::filesystem::directory_iterator(dir_.path()))
    size += file.file_size();
  EXPECT_LE(size, 2000U);
  EXPECT_GE(size, 1000U);
}

TEST_F(Logs, AFollowerMissesNothingOverARotation) {
  LogFile log(path(), 1000);
  uint64_t position = 0;
  std::string seen = texts(log.read_all(position));
  std::string written;
  for (int i = 0; i < 300; ++i) {
    const std::string line = fmt::format("line {}\n", i);
    log.append(line);
    written += line;
    if (i % 7 == 0) seen += texts(log.read_more(position, milliseconds(0)));
  }
  seen += texts(log.read_more(position, milliseconds(0)));
  EXPECT_EQ(seen, written);
}

TEST_F(Logs, AFollowerThatIsTooSlowGetsWhatIsThere) {
  LogFile log(path(), 1000);
  uint64_t position = 0;
  log.append("first\n");
  (void)log.read_all(position);
  for (int i = 0; i < 1000; ++i) log.append(fmt::format("line {}\n", i));
  const std::string seen = texts(log.read_more(position, milliseconds(0)));
  EXPECT_THAT(seen, HasSubstr("line 999\n"));
  EXPECT_LE(seen.size(), 2000U);
  EXPECT_EQ(log.read_more(position, milliseconds(0)), "");
}

TEST_F(Logs, WaitingEndsWithTheLog) {
  auto log = std::make_shared<LogFile>(path());
  LogRequest request;
  request.follow = true;
  auto reader = make_log_reader(log, request, system_clock::now());
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->next(milliseconds(0)), "");
  std::thread writer([&] {
    log->append("late\n");
    log->close();
  });
  std::string seen;
  while (const auto piece = (*reader)->next(milliseconds(10000))) seen += *piece;
  writer.join();
  EXPECT_EQ(seen, "late\n");
}

TEST_F(Logs, RequestsSelectLines) {
  const std::string lines =
      "2024-05-01T10:00:00.000000000Z a\n2024-05-01T10:00:01.500000000Z b c\n"
      "2024-05-01T10:00:02.000000000Z d\n";
  const auto now = *ops::parse_time("2024-05-01T10:00:03Z");
  const auto select = [&](auto&& change) {
    LogRequest request;
    change(request);
    return select_lines(lines, request, now);
  };
  EXPECT_EQ(select([](LogRequest&) {}), "a\nb c\nd\n");
  EXPECT_EQ(select([](LogRequest& r) { r.tail_lines = 2; }), "b c\nd\n");
  EXPECT_EQ(select([](LogRequest& r) { r.tail_lines = 0; }), "");
  EXPECT_EQ(select([](LogRequest& r) { r.tail_lines = 9; }), "a\nb c\nd\n");
  EXPECT_EQ(select([](LogRequest& r) { r.since_seconds = 2; }), "b c\nd\n");
  EXPECT_EQ(select([](LogRequest& r) { r.since_time = "2024-05-01T10:00:01.7Z"; }), "d\n");
  EXPECT_EQ(select([](LogRequest& r) {
              r.timestamps = true;
              r.tail_lines = 1;
            }),
            "2024-05-01T10:00:02.000000000Z d\n");
  EXPECT_EQ(select_lines("cut off", LogRequest{}, now), "off");
}

TEST_F(Logs, AReaderStopsAtItsLimitAndRefusesNonsense) {
  auto log = std::make_shared<LogFile>(path());
  log->append("123456789\nabc\n");
  LogRequest request;
  request.limit_bytes = 12;
  auto reader = make_log_reader(log, request, system_clock::now());
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->next(milliseconds(0)), "123456789\nab");
  EXPECT_EQ((*reader)->next(milliseconds(0)), std::nullopt);
  request.since_time = "yesterday";
  EXPECT_EQ(make_log_reader(log, request, system_clock::now()).error().code, 400);
}

TEST_F(Logs, ThePumpMovesOutputAndClosesTheLogAtItsEnd) {
  LogPump pump;
  std::vector<std::shared_ptr<LogFile>> logs;
  std::vector<int> ends;
  for (int i = 0; i < 20; ++i) {
    logs.push_back(std::make_shared<LogFile>(path(fmt::format("log{}", i).c_str())));
    ends.push_back(pump.open(logs.back()).value());
  }
  for (int i = 0; i < 20; ++i) {
    const std::string text = fmt::format("hello {}\nno newline", i);
    ASSERT_EQ(write(ends[i], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    EXPECT_FALSE(logs[i]->closed());
    close(ends[i]);
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(tests::eventually([&] { return logs[i]->closed(); }));
    EXPECT_EQ(all(*logs[i]), fmt::format("hello {}\nno newline\n", i));
  }
}

}  // namespace
}  // namespace natrix::agent
