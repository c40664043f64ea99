#include "operator/main/options.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

namespace natrix::operator_main {
namespace {

Options parse(std::vector<std::string> words) {
  words.insert(words.begin(), "natrix-operator");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return parse_command_line(static_cast<int>(argv.size()), argv.data());
}

TEST(Options, RunIsTheDefaultCommand) {
  Options options = parse({});
  EXPECT_EQ(options.command, Command::kRun);
  EXPECT_EQ(options.metrics_address, ":8080");
  EXPECT_EQ(options.workers, 4);
  EXPECT_FALSE(options.leader_elect);
  EXPECT_EQ(parse({"run"}).command, Command::kRun);
  EXPECT_EQ(parse({"crd"}).command, Command::kCrd);
  EXPECT_EQ(parse({"version"}).command, Command::kVersion);
}

TEST(Options, FlagsMeanTheSameWithAndWithoutTheWordRun) {
  for (bool with_run : {false, true}) {
    std::vector<std::string> words{"--kubeconfig=k",
                                   "--context",
                                   "c",
                                   "-n",
                                   "shop",
                                   "--metrics-addr",
                                   "off",
                                   "--leader-elect",
                                   "--leader-elect-namespace",
                                   "l",
                                   "--workers",
                                   "7",
                                   "--broker-image",
                                   "nats:2.12",
                                   "--api-qps",
                                   "0.5",
                                   "--api-burst",
                                   "9",
                                   "--log-format",
                                   "json",
                                   "--log-level",
                                   "debug"};
    if (with_run) words.insert(words.begin(), "run");
    Options options = parse(words);
    EXPECT_EQ(options.command, Command::kRun);
    EXPECT_EQ(options.kubeconfig, "k");
    EXPECT_EQ(options.context, "c");
    EXPECT_EQ(options.ns, "shop");
    EXPECT_EQ(options.metrics_address, "off");
    EXPECT_TRUE(options.leader_elect);
    EXPECT_EQ(options.leader_elect_namespace, "l");
    EXPECT_EQ(options.workers, 7);
    EXPECT_EQ(options.broker_image, "nats:2.12");
    EXPECT_EQ(options.api_qps, 0.5);
    EXPECT_EQ(options.api_burst, 9);
    EXPECT_EQ(options.log_format, ops::LogFormat::kJson);
    EXPECT_EQ(options.log_level, ops::Level::kDebug);
  }
}

TEST(Options, WrongWordsEndWith2AndHelpWith0) {
  for (std::vector<std::string> words :
       std::vector<std::vector<std::string>>{{"--nope"},
                                             {"nope"},
                                             {"--workers", "0"},
                                             {"--workers", "many"},
                                             {"--api-qps", "-1"},
                                             {"--log-level", "loud"},
                                             {"crd", "run"}}) {
    Options options = parse(words);
    EXPECT_EQ(options.command, Command::kExit) << words.front();
    EXPECT_EQ(options.exit_code, 2) << words.front();
  }
  for (const char* word : {"--help", "-h", "--version"}) {
    Options options = parse({word});
    EXPECT_EQ(options.command, Command::kExit) << word;
    EXPECT_EQ(options.exit_code, 0) << word;
  }
}

TEST(Options, LocalHasFlagsOfItsOwn) {
  Options options = parse({"local", "--port", "7001", "--data-dir", "d", "--broker", "/bin/true",
                           "--image", "a=b", "--image", "c=d", "--metrics-addr", "off", "-f",
                           "/dev/null", "-f", "/etc/passwd"});
  EXPECT_EQ(options.command, Command::kLocal);
  EXPECT_EQ(options.local.api_port, 7001);
  EXPECT_EQ(options.local.data_directory, "d");
  EXPECT_EQ(options.local.broker, "/bin/true");
  EXPECT_EQ(options.local.images, (std::vector<std::string>{"a=b", "c=d"}));
  EXPECT_EQ(options.local.metrics_address, "off");
  EXPECT_EQ(options.local.manifests, (std::vector<std::string>{"/dev/null", "/etc/passwd"}));
}

TEST(Options, LocalKeepsItsDataWithTheUsersState) {
  setenv("XDG_STATE_HOME", "/state", 1);
  EXPECT_EQ(parse({"local"}).local.data_directory, "/state/natrix/local");
  unsetenv("XDG_STATE_HOME");
  setenv("HOME", "/home/u", 1);
  EXPECT_EQ(parse({"local"}).local.data_directory, "/home/u/.local/state/natrix/local");
}

TEST(Options, FlagsOfRunAreRefusedBeforeOtherCommands) {
  for (const char* command : {"local", "crd", "version"}) {
    EXPECT_EQ(parse({"--workers", "3", command}).exit_code, 2) << command;
  }
  EXPECT_EQ(parse({"local", "-f", "/no/such/file"}).exit_code, 2);
  EXPECT_EQ(parse({"local", "--kubeconfig", "k"}).exit_code, 2);
}

}  // namespace
}  // namespace natrix::operator_main
