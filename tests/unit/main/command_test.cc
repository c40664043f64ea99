#include "broker/main/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/unit/config/parse_helpers.h"

namespace natrix::main {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

using Arguments = std::vector<std::string>;

class CommandTest : public ::testing::Test {
 protected:
  Command command(const Arguments& arguments) {
    return interpret("nats-server", arguments, world_.surroundings());
  }
  Print printed(const Arguments& arguments) {
    Command made = command(arguments);
    EXPECT_TRUE(std::holds_alternative<Print>(made))
        << fmt::format("{}", fmt::join(arguments, " "));
    return std::holds_alternative<Print>(made) ? std::get<Print>(made) : Print{};
  }

  config::FakeWorld world_{{{"good.conf", "port: 7\n"},
                            {"warn.conf", "ping_interval: 5\n"},
                            {"bad.conf", "port: x\nfoo: 1\n"},
                            {"syntax.conf", "port: [\n"}},
                           {}};
};

TEST_F(CommandTest, Version) {
  for (const Arguments& line : {Arguments{"-v"},
                                {"--version"},
                                {"version"},
                                {"VERSION"},
                                {"-p", "5", "-v", "-c", "none.conf"}}) {
    Print print = printed(line);
    EXPECT_THAT(print.out, MatchesRegex("nats-server: v[0-9]+\\.[0-9]+\\.[0-9]+\n"));
    EXPECT_THAT(print.err, IsEmpty());
    EXPECT_EQ(print.exit_code, 0);
  }
}

TEST_F(CommandTest, Help) {
  for (const Arguments& line : {Arguments{"-h"}, {"--help"}, {"help"}}) {
    Print print = printed(line);
    EXPECT_THAT(print.out, StartsWith("Usage: nats-server [options]\n"));
    for (const char* flag : {"--port", "--config", "--routes", "--http_port", "--pid", "-DV"})
      EXPECT_THAT(print.out, HasSubstr(flag));
    EXPECT_EQ(print.exit_code, 0);
  }
  EXPECT_THAT(printed({"--help_tls"}).out, HasSubstr("TLS_AES_128_GCM_SHA256"));
}

TEST_F(CommandTest, AFlagThatIsNotUnderstoodShowsUsageAndSucceeds) {
  Print print = printed({"--no-such-flag"});
  EXPECT_EQ(print.err, "flag provided but not defined: -no-such-flag\n");
  EXPECT_THAT(print.out, StartsWith("Usage: "));
  EXPECT_EQ(print.exit_code, 0);
}

TEST_F(CommandTest, AnotherWordIsAMistake) {
  Print print = printed({"frobnicate"});
  EXPECT_EQ(print.err, "nats-server: unrecognized command: \"frobnicate\"\n");
  EXPECT_EQ(print.exit_code, 1);
}

TEST_F(CommandTest, ConfigurationCheck) {
  Print good = printed({"-t", "-c", "good.conf"});
  EXPECT_THAT(good.err, MatchesRegex("nats-server: configuration file good.conf is valid "
                                     "\\(sha256:[0-9a-f]+\\)\n"));
  EXPECT_THAT(good.out, IsEmpty());
  EXPECT_EQ(good.exit_code, 0);

  Print warning = printed({"-t", "-c", "warn.conf"});
  EXPECT_THAT(warning.err, HasSubstr("nats-server: warning: warn.conf:1:1: "));
  EXPECT_EQ(warning.exit_code, 0);

  Print none = printed({"-t"});
  EXPECT_THAT(none.err, HasSubstr("must specify [-c, --config] option"));
  EXPECT_EQ(none.exit_code, 1);
}

TEST_F(CommandTest, CheckOfAReload) {
  auto check = [&](const char* next) {
    return printed({"-t", "-c", "good.conf", "--test_reload", next});
  };
  Print same = check("good.conf");
  EXPECT_THAT(same.err, HasSubstr("\nnats-server: configuration file good.conf can be reloaded\n"));
  EXPECT_EQ(same.exit_code, 0);
  Print restart = check("warn.conf");
  EXPECT_THAT(restart.err, HasSubstr("nats-server: config reload not supported for "));
  EXPECT_EQ(restart.exit_code, 3);
  EXPECT_EQ(check("bad.conf").exit_code, 1);
  EXPECT_THAT(check("bad.conf").err, HasSubstr("bad.conf:1:1: "));
  Print alone = printed({"-c", "good.conf", "--test_reload", "good.conf"});
  EXPECT_EQ(alone.err, "nats-server: --test_reload can only be used together with -t\n");
  EXPECT_EQ(alone.exit_code, 1);
}

TEST_F(CommandTest, BadConfigurationsEndWithOneAndEveryProblem) {
  for (const Arguments& line :
       {Arguments{"-c", "bad.conf"}, {"-t", "-c", "bad.conf"}, {"-p", "1", "--config=bad.conf"}}) {
    Print print = printed(line);
    EXPECT_EQ(print.err,
              "nats-server: bad.conf:1:1: \"port\" must be an integer, not a string\n"
              "nats-server: bad.conf:2:1: unknown field \"foo\"\n");
    EXPECT_EQ(print.exit_code, 1);
  }
  EXPECT_THAT(printed({"-c", "syntax.conf"}).err, HasSubstr("syntax.conf:1:7: Parse error"));
  EXPECT_THAT(printed({"-c", "none.conf"}).err, HasSubstr("open none.conf"));
  EXPECT_THAT(printed({"--profile", "1"}).err,
              HasSubstr("nats-server: --profile is not supported"));
  EXPECT_EQ(printed({"--profile", "1"}).exit_code, 1);
}

TEST_F(CommandTest, RunsWithTheOptions) {
  Command made = command({"-c", "good.conf", "-n", "x"});
  ASSERT_TRUE(std::holds_alternative<main::Run>(made));
  const config::Options& options = std::get<main::Run>(made).loaded.options;
  EXPECT_EQ(options.port, 7);
  EXPECT_EQ(options.server_name, "x");
  EXPECT_EQ(options.config_file, "good.conf");
}

TEST_F(CommandTest, Signals) {
  struct Case {
    const char* text;
    int number;
    const char* target;
  };
  const Case cases[] = {
      {"stop", SIGKILL, ""},
      {"quit=12", SIGINT, "12"},
      {"term=1*", SIGTERM, "1*"},
      {"reload=a", SIGHUP, "a"},
      {"reopen=/run/x.pid", SIGUSR1, "/run/x.pid"},
      {"ldm", SIGUSR2, ""},
  };
  for (const Case& c : cases) {
    Command made = command({"-sl", c.text});
    ASSERT_TRUE(std::holds_alternative<SendSignal>(made)) << c.text;
    EXPECT_EQ(std::get<SendSignal>(made).number, c.number);
    EXPECT_EQ(std::get<SendSignal>(made).target, c.target);
  }
  EXPECT_THAT(printed({"--signal", "explode"}).err, HasSubstr("unknown signal \"explode\""));
  EXPECT_EQ(printed({"--signal=explode"}).exit_code, 1);
}

}  // namespace
}  // namespace natrix::main
