#include "broker/base/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <thread>
#include <vector>

#include "tests/support/temp_dir.h"

namespace natrix {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

class Collector final : public LogSink {
 public:
  void write(LogLevel level, std::string_view line) override {
    levels.push_back(level);
    lines.emplace_back(line);
  }
  std::vector<LogLevel> levels;
  std::vector<std::string> lines;
};

class LogFileTest : public ::testing::Test {
 protected:
  LogOptions options() {
    LogOptions options;
    options.file = file_.string();
    return options;
  }
  std::vector<fs::path> backups() {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(dir_.path())) {
      if (entry.path() != file_) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  tests::TempDir dir_;
  fs::path file_ = dir_.path() / "broker.log";
};

TEST_F(LogFileTest, WritesTheNatsLineForm) {
  Logger log;
  LogOptions with_levels = options();
  with_levels.debug = with_levels.trace = true;
  ASSERT_TRUE(log.configure(with_levels));
  log.info("Listening for client connections on {}:{}", "127.0.0.1", 4222);
  log.debug("d");
  log.warn("w");
  log.error("e");
  log.fatal("f");
  log.trace("t");
  auto lines = lines_of(file_);
  ASSERT_EQ(lines.size(), 6U);
  const std::string prefix =
      fmt::format(R"(\[{}\] \d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{{6}} )", getpid());
  const char* rest[] = {R"(\[INF\] Listening for client connections on 127\.0\.0\.1:4222)",
                        R"(\[DBG\] d)",
                        R"(\[WRN\] w)",
                        R"(\[ERR\] e)",
                        R"(\[FTL\] f)",
                        R"(\[TRC\] t)"};
  for (size_t i = 0; i < lines.size(); ++i)
    EXPECT_TRUE(std::regex_match(lines[i], std::regex(prefix + rest[i]))) << lines[i];
}

TEST_F(LogFileTest, LeavesOutWhatIsOff) {
  Logger log;
  LogOptions bare = options();
  bare.time = false;
  bare.pid = false;
  ASSERT_TRUE(log.configure(bare));
  EXPECT_FALSE(log.debug_enabled());
  EXPECT_FALSE(log.trace_enabled());
  log.debug("not shown");
  log.trace("not shown");
  log.info("shown");
  EXPECT_EQ(lines_of(file_), std::vector<std::string>{"[INF] shown"});
}

TEST_F(LogFileTest, UtcTimeIsUtc) {
  ASSERT_EQ(setenv("TZ", "XXX-09:00", 1), 0);
  tzset();
  Logger log;
  LogOptions utc = options();
  utc.pid = false;
  utc.time_utc = true;
  ASSERT_TRUE(log.configure(utc));
  time_t before = time(nullptr);
  log.info("x");
  time_t after = time(nullptr);
  auto lines = lines_of(file_);
  ASSERT_EQ(lines.size(), 1U);
  auto stamp = [](time_t t) {
    char text[32];
    tm parts{};
    gmtime_r(&t, &parts);
    return std::string(text, strftime(text, sizeof text, "%Y/%m/%d %H:%M:%S", &parts));
  };
  std::string seen = lines[0].substr(0, 19);
  EXPECT_TRUE(seen == stamp(before) || seen == stamp(after)) << seen;
  unsetenv("TZ");
  tzset();
}

TEST_F(LogFileTest, TextOfPeersCannotForgeLines) {
  Logger log;
  ASSERT_TRUE(log.configure(options()));
  log.info("name \"{}\"", "a\r\n[1] [FTL] b\x1b[31m\ttab\x7f");
  auto lines = lines_of(file_);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], HasSubstr("name \"a\\r\\n[1] [FTL] b\\x1b[31m\ttab\\x7f\""));
}

TEST_F(LogFileTest, AFileThatCannotBeOpenedIsAnErrorAndChangesNothing) {
  Logger log;
  ASSERT_TRUE(log.configure(options()));
  LogOptions wrong;
  wrong.debug = true;
  wrong.file = (dir_.path() / "no such folder" / "x.log").string();
  Result<void> result = log.configure(wrong);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("x.log\" cannot be opened: No such file"));
  EXPECT_FALSE(log.debug_enabled());
  log.info("still here");
  EXPECT_EQ(lines_of(file_).size(), 1U);
}

TEST_F(LogFileTest, AppendsAndKeepsThePermissionsPrivate) {
  { std::ofstream(file_) << "old\n"; }
  Logger log;
  ASSERT_TRUE(log.configure(options()));
  log.info("new");
  EXPECT_EQ(lines_of(file_).size(), 2U);

  LogOptions other = options();
  other.file = (dir_.path() / "fresh.log").string();
  ASSERT_TRUE(log.configure(other));
  struct stat info {};
  ASSERT_EQ(stat(other.file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0137, 0U) << "no more than rw-r-----";
}

TEST_F(LogFileTest, ReopenFollowsARenamedFile) {
  Logger log;
  ASSERT_TRUE(log.configure(options()));
  log.info("one");
  fs::rename(file_, dir_.path() / "moved");
  log.info("two");
  ASSERT_TRUE(log.reopen());
  log.info("three");
  EXPECT_EQ(lines_of(dir_.path() / "moved").size(), 2U);
  EXPECT_EQ(lines_of(file_).size(), 1U);
}

TEST_F(LogFileTest, RotatesPastTheLimitAndKeepsOnlySoManyFiles) {
  Logger log;
  LogOptions rotating = options();
  rotating.file_size_limit_bytes = 1000;
  rotating.file_max_num = 3;
  ASSERT_TRUE(log.configure(rotating));
  { std::ofstream(dir_.path() / "broker.log.keep") << "not a backup\n"; }
  for (int i = 0; i < 200; ++i) log.info("line {:03} {}", i, std::string(50, 'x'));

  std::vector<fs::path> rotated;
  for (const fs::path& path : backups()) {
    if (path.filename() == "broker.log.keep") continue;
    EXPECT_THAT(path.filename().string(),
                MatchesRegex("broker\\.log\\.[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+"
                             "\\.[0-9]+"));
    EXPECT_LT(fs::file_size(path), 1400U);
    rotated.push_back(path);
  }
  EXPECT_EQ(rotated.size(), 2U) << "three files with the current one";
  EXPECT_TRUE(fs::exists(dir_.path() / "broker.log.keep"));
  auto current = lines_of(file_);
  ASSERT_FALSE(current.empty());
  EXPECT_THAT(current[0], HasSubstr("[INF] Rotated log, backup saved as \""));
}

TEST_F(LogFileTest, NoLineIsLostByRotation) {
  Logger log;
  LogOptions rotating = options();
  rotating.file_size_limit_bytes = 500;
  ASSERT_TRUE(log.configure(rotating));
  for (int i = 0; i < 100; ++i) log.info("number {} end", i);
  std::string all;
  auto files = backups();
  files.push_back(file_);
  for (const fs::path& path : files) {
    for (const std::string& line : lines_of(path)) all += line + "\n";
  }
  for (int i = 0; i < 100; ++i) EXPECT_THAT(all, HasSubstr(fmt::format("number {} end\n", i)));
}

TEST_F(LogFileTest, LinesLostToAFullDiskAreCountedAndTold) {
  Logger log;
  ASSERT_TRUE(log.configure(options()));
  log.info("before");
  // A file size limit of the process makes writes fail as a full disk does.
  signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  rlimit tight = old;
  tight.rlim_cur = fs::file_size(file_);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  log.info("lost one");
  log.info("lost two");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, SIG_DFL);
  log.info("after");
  auto lines = lines_of(file_);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[1], HasSubstr("after"));
  EXPECT_THAT(lines[2], HasSubstr("[WRN] 2 log lines before this one were lost: File too large"));
}

TEST_F(LogFileTest, ThreadsDoNotMixTheirLines) {
  Logger log;
  ASSERT_TRUE(log.configure(options()));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&log, t] {
      for (int i = 0; i < 250; ++i) log.info("{} begin {} end", t, std::string(200, 'a' + t));
    });
  }
  for (std::thread& thread : threads) thread.join();
  auto lines = lines_of(file_);
  ASSERT_EQ(lines.size(), 1000U);
  std::regex form(R"(.*\[INF\] (0 begin a+|1 begin b+|2 begin c+|3 begin d+) end)");
  for (const std::string& line : lines) EXPECT_TRUE(std::regex_match(line, form)) << line;
}

TEST(LogSinkTest, ASinkOfTheCallerGetsLevelAndLineWithoutLineEnd) {
  Logger log;
  auto sink = std::make_shared<Collector>();
  log.set_sink(sink);
  log.warn("careful {}", 1);
  ASSERT_EQ(sink->lines.size(), 1U);
  EXPECT_EQ(sink->levels[0], LogLevel::kWarn);
  EXPECT_TRUE(sink->lines[0].ends_with(" [WRN] careful 1")) << sink->lines[0];
  EXPECT_TRUE(log.reopen());
}

// Runs `write`, which logs two lines, with standard error going to a terminal or a pipe and gives
// back what came out.
std::string captured_stderr(bool terminal, const std::function<void()>& write) {
  int read_end = -1, write_end = -1;
  if (terminal) {
    EXPECT_EQ(openpty(&read_end, &write_end, nullptr, nullptr, nullptr), 0);
  } else {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    read_end = ends[0];
    write_end = ends[1];
  }
  int saved = dup(STDERR_FILENO);
  dup2(write_end, STDERR_FILENO);
  write();
  dup2(saved, STDERR_FILENO);
  close(saved);
  std::string text;
  pollfd more{read_end, POLLIN, 0};  // a terminal passes on what was written bit by bit
  while (std::count(text.begin(), text.end(), '\n') < 2 && poll(&more, 1, 10000) > 0) {
    char bytes[4096];
    ssize_t size = read(read_end, bytes, sizeof bytes);
    if (size <= 0) break;
    text.append(bytes, static_cast<size_t>(size));
  }
  close(write_end);
  close(read_end);
  return text;
}

TEST(LogStderr, ColoursOnATerminalOnly) {
  auto write = [] {
    Logger log;
    log.info("i");
    log.warn("w");
  };
  std::string plain = captured_stderr(false, write);
  EXPECT_THAT(plain, HasSubstr("[INF] i\n"));
  EXPECT_THAT(plain, HasSubstr("[WRN] w\n"));
  std::string coloured = captured_stderr(true, write);
  EXPECT_THAT(coloured, HasSubstr("[\x1b[32mINF\x1b[0m] i"));
  EXPECT_THAT(coloured, HasSubstr("[\x1b[0;93mWRN\x1b[0m] w"));
}

}  // namespace
}  // namespace natrix
