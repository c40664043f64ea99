// The process around the broker, with another broker in it: each test runs the program in a child
// process, sends it signals and reads what it logs and leaves behind.
#include "broker/main/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#include "broker/config/flags.h"
#include "broker/main/signals.h"
#include "tests/support/temp_dir.h"

namespace natrix::main {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

// Logs what it is told to do; the configuration chooses its behaviour.
class RecordingService final : public Service {
 public:
  RecordingService(const config::Options& options, Logger& log) : options_(options), log_(log) {}
  ~RecordingService() override {
    if (leaving_.joinable()) leaving_.join();
  }

  Result<void> start() override {
    if (options_.server_name == "unlucky") return fail("port 4222 is taken");
    log_.info("Server is ready");
    return {};
  }
  [[nodiscard]] Endpoints endpoints() const override {
    Endpoints endpoints;
    endpoints.nats = {{"nats", "127.0.0.1", 4242}};
    return endpoints;
  }
  void reload(const config::Options& options) override {
    options_ = options;
    log_.info("service reload {}", options.max_payload);
  }
  void lame_duck(std::function<void()> done) override {
    log_.info("service lame duck");
    leaving_ = std::thread([done = std::move(done), pause = options_.lame_duck_grace_period] {
      std::this_thread::sleep_for(pause);
      done();
    });
  }
  void shutdown() override { log_.info("service shutdown"); }

 private:
  config::Options options_;
  Logger& log_;
  std::thread leaving_;
};

class ProgramTest : public ::testing::Test {
 protected:
  ~ProgramTest() override {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  void start(std::vector<std::string> arguments, const std::string& program = "/x/nats-server") {
    pid_ = fork();
    ASSERT_GE(pid_, 0);
    if (pid_ > 0) return;
    FILE* out = std::freopen(out_.c_str(), "w", stdout);
    FILE* err = std::freopen(err_.c_str(), "a", stderr);
    if (out == nullptr || err == nullptr) _exit(99);
    int code = run_program(program, arguments, config::process_surroundings(),
                           [](const config::Options& options, Logger& log) {
                             return std::make_unique<RecordingService>(options, log);
                           });
    std::fflush(nullptr);
    _exit(code);
  }
  void start_ready(std::vector<std::string> arguments) {
    start(std::move(arguments));
    wait_for("Server is ready");
  }
  void send(int signal) { ASSERT_EQ(kill(pid_, signal), 0); }
  int exit_code() {
    int status = 0;
    for (int i = 0; i < 1000; ++i) {
      if (waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
      }
      std::this_thread::sleep_for(10ms);
    }
    ADD_FAILURE() << "still running; log:\n" << log();
    return -1;
  }
  [[nodiscard]] static std::string contents(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  [[nodiscard]] std::string log() const { return contents(err_); }
  void wait_for(const std::string& text) { wait_for(text, err_); }
  void wait_for(const std::string& text, const fs::path& file) {
    for (int i = 0; i < 1000; ++i) {
      if (contents(file).find(text) != std::string::npos) return;
      std::this_thread::sleep_for(10ms);
    }
    FAIL() << "no \"" << text << "\" in:\n" << contents(file);
  }

  tests::TempDir dir_;
  fs::path out_ = dir_.path() / "out";
  fs::path err_ = dir_.path() / "err";
  pid_t pid_ = -1;
};

TEST_F(ProgramTest, SigintAndSigtermEndItWithZero) {
  for (auto [signal, name] : {std::pair(SIGINT, "interrupt"), std::pair(SIGTERM, "terminated")}) {
    start_ready({});
    send(signal);
    EXPECT_EQ(exit_code(), 0);
    EXPECT_THAT(log(), HasSubstr(fmt::format("[INF] Trapped \"{}\" signal", name)));
    EXPECT_THAT(log(), HasSubstr("service shutdown"));
    fs::remove(err_);
  }
}

TEST_F(ProgramTest, TextsGoToTheirStreams) {
  start({"-v"});
  EXPECT_EQ(exit_code(), 0);
  EXPECT_THAT(contents(out_), HasSubstr("nats-server: v"));
  start({"oops"}, "./broker");
  EXPECT_EQ(exit_code(), 1);
  EXPECT_THAT(log(), HasSubstr("broker: unrecognized command: \"oops\""));
}

TEST_F(ProgramTest, FilesAreThereWhileItRuns) {
  std::string config =
      dir_.write("x.conf", "pid_file: \"" + (dir_.path() / "pid").string() +
                               "\"\nports_file_dir: \"" + dir_.path().string() + "\"");
  start_ready({"-c", config});
  fs::path ports = dir_.path() / fmt::format("nats-server_{}.ports", pid_);
  wait_for("}", ports);
  EXPECT_EQ(contents(ports), R"({"nats":["nats://127.0.0.1:4242"]})");
  EXPECT_EQ(contents(dir_.path() / "pid"), std::to_string(pid_));
  send(SIGINT);
  EXPECT_EQ(exit_code(), 0);
  EXPECT_FALSE(fs::exists(ports));
  EXPECT_FALSE(fs::exists(dir_.path() / "pid"));
}

TEST_F(ProgramTest, WhatPreventsTheStartIsAFatalLineAndExitOne) {
  start({"-n", "unlucky", "-P", (dir_.path() / "pid").string()});
  EXPECT_EQ(exit_code(), 1);
  EXPECT_THAT(log(), HasSubstr("[FTL] port 4222 is taken"));
  EXPECT_FALSE(fs::exists(dir_.path() / "pid"));

  start({"-P", "/nowhere/at/all"});
  EXPECT_EQ(exit_code(), 1);
  EXPECT_THAT(log(), HasSubstr("[FTL] Could not write pidfile: \"/nowhere/at/all\""));

  start({"--ports_file_dir", "/nowhere"});
  EXPECT_EQ(exit_code(), 1);
  EXPECT_THAT(log(), HasSubstr("[FTL] Could not write ports file"));

  start({"-l", "/nowhere/log"});
  EXPECT_EQ(exit_code(), 1);
  EXPECT_THAT(log(), HasSubstr("nats-server: log file \"/nowhere/log\" cannot be opened"));
}

TEST_F(ProgramTest, ReloadAppliesWhatMayChange) {
  std::string config = dir_.write("x.conf", "max_payload: 1000");
  start_ready({"-c", config});
  fs::path log_file = dir_.path() / "new.log", pid_file = dir_.path() / "pid";
  dir_.write("x.conf", fmt::format("max_payload: 2000, log_file: \"{}\", pid_file: \"{}\"",
                                   log_file.string(), pid_file.string()));
  send(SIGHUP);
  wait_for("Reloaded server configuration", log_file);
  EXPECT_THAT(contents(log_file), HasSubstr("service reload 2000"));
  EXPECT_THAT(contents(log_file), HasSubstr("Reloaded: max_payload: old=1000, new=2000"));
  EXPECT_EQ(contents(pid_file), std::to_string(pid_));
  EXPECT_THAT(log(), HasSubstr("Trapped \"hangup\" signal"));

  dir_.write("x.conf", fmt::format("log_file: \"{}\"", log_file.string()));
  send(SIGHUP);
  wait_for("service reload 1048576", log_file);
  send(SIGINT);
  EXPECT_EQ(exit_code(), 0);
  EXPECT_FALSE(fs::exists(pid_file));
}

TEST_F(ProgramTest, AReloadThatFailsChangesNothing) {
  std::string config = dir_.write("x.conf", "max_payload: 1000, port: 1");
  start_ready({"-c", config, "--server_name", "kept"});
  const std::pair<const char*, const char*> failures[] = {
      {"max_payload: 2000\nfoo: 1\nbar: 2", "x.conf:2:1: unknown field \"foo\"; "},
      {"max_payload: 2000, port: 2", "config reload not supported for port: old=1, new=2"},
      {"max_payload: 2000, port: 1, pid_file: /nowhere/pid", "\"/nowhere/pid\" cannot be created"},
      {"max_payload: 2000, port: 1, log_file: /nowhere/log", "log file \"/nowhere/log\" cannot"},
  };
  for (auto [text, message] : failures) {
    dir_.write("x.conf", text);
    send(SIGHUP);
    wait_for(message);
    EXPECT_THAT(log(), HasSubstr("[ERR] Failed to reload server configuration: "));
  }
  EXPECT_THAT(log(), Not(HasSubstr("service reload")));
  send(SIGINT);
  EXPECT_EQ(exit_code(), 0);
}

TEST_F(ProgramTest, ReloadsByItselfWhenAskedTo) {
  setenv(config::kReloadIntervalVariable, "100ms", 1);
  std::string config = dir_.write("x.conf", "include part.conf");
  dir_.write("part.conf", "max_payload: 1000");
  start_ready({"-c", config});
  unsetenv(config::kReloadIntervalVariable);
  // Looked at a few times: nothing to do.
  std::this_thread::sleep_for(500ms);
  EXPECT_THAT(log(), Not(HasSubstr("have changed")));

  dir_.write("part.conf", "max_payload: 2000");
  wait_for("service reload 2000");
  EXPECT_THAT(log(), HasSubstr("[INF] Files of the configuration have changed"));

  dir_.write("part.conf", "max_payload: oops");
  wait_for("[ERR] Failed to reload server configuration: ");
  std::this_thread::sleep_for(500ms);
  const std::string text = log();
  EXPECT_EQ(text.find("Failed to"), text.rfind("Failed to")) << "said once";
  dir_.write("part.conf", "max_payload: 3000");
  wait_for("service reload 3000");

  // A file that is named from now on is watched from now on.
  dir_.write("more.conf", "max_payload: 4000");
  dir_.write("x.conf", "include more.conf");
  wait_for("service reload 4000");
  dir_.write("more.conf", "max_payload: 5000");
  wait_for("service reload 5000");
  send(SIGINT);
  EXPECT_EQ(exit_code(), 0);
}

TEST_F(ProgramTest, WithoutAFileThereIsNothingToReload) {
  start_ready({});
  send(SIGHUP);
  wait_for("can only reload config when a file is provided using -c or --config");
}

TEST_F(ProgramTest, ReopensItsLogFile) {
  fs::path log_file = dir_.path() / "a.log";
  start({"-l", log_file.string()});
  wait_for("Server is ready", log_file);
  fs::rename(log_file, dir_.path() / "old.log");
  send(SIGUSR1);
  wait_for("File log re-opened", log_file);
  EXPECT_THAT(contents(dir_.path() / "old.log"), HasSubstr("Server is ready"));
  send(SIGINT);
  EXPECT_EQ(exit_code(), 0);

  start_ready({});
  send(SIGUSR1);
  wait_for("File log re-open ignored, not a file logger");
}

TEST_F(ProgramTest, LameDuckModeEndsByItselfAndIgnoresSigterm) {
  std::string config = dir_.write("x.conf", "lame_duck_grace_period: 300ms");
  start_ready({"-c", config});
  send(SIGUSR2);
  wait_for("service lame duck");
  send(SIGUSR2);
  send(SIGTERM);
  wait_for("Trapped \"terminated\" signal");
  EXPECT_EQ(exit_code(), 0);
  std::string text = log();
  EXPECT_THAT(text, HasSubstr("service shutdown"));
  EXPECT_EQ(text.find("service lame duck"), text.rfind("service lame duck"));
}

TEST_F(ProgramTest, SigintEndsLameDuckMode) {
  std::string config = dir_.write("x.conf", "lame_duck_grace_period: 20s");
  start_ready({"-c", config});
  send(SIGUSR2);
  wait_for("service lame duck");
  // The service of this test waits for its grace period in its destructor; the program need not.
  send(SIGINT);
  wait_for("service shutdown");
}

TEST_F(ProgramTest, SignalsAnotherBrokerByPidOrPidFile) {
  std::string pid_file = (dir_.path() / "pid").string();
  start_ready({"-P", pid_file});
  auto send_by = [](const std::string& how) {
    return run_program(
        "nats-server", {"-sl", how}, config::process_surroundings(),
        [](const config::Options&, Logger&) -> std::unique_ptr<Service> { return nullptr; });
  };
  EXPECT_EQ(send_by(fmt::format("reopen={}", pid_)), 0);
  wait_for("Trapped \"user defined signal 1\" signal");
  EXPECT_EQ(send_by("quit=" + pid_file), 0);
  EXPECT_EQ(exit_code(), 0);
  EXPECT_EQ(send_by("quit=" + pid_file), 1) << "gone";
  EXPECT_EQ(send_by("quit=x1"), 1);
}

TEST(SendSignal, NamesWhatIsMissing) {
  Result<void> sent = send_signal(SIGINT, "999999999*", "no-such-program");
  ASSERT_FALSE(sent);
  EXPECT_THAT(sent.error().message, HasSubstr("no no-such-program processes running"));
  EXPECT_THAT(send_signal(SIGINT, "abc", "x").error().message, HasSubstr("invalid pid: abc"));
  EXPECT_THAT(send_signal(0, "4194304", "x").error().message, HasSubstr("No such process"));
}

}  // namespace
}  // namespace natrix::main
