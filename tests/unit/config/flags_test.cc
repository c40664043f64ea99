#include "broker/config/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/parse_helpers.h"

namespace natrix::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Arguments = std::vector<std::string>;

Options applied(const Arguments& arguments, Options options = {}) {
  Result<CommandLine> line = parse_command_line(arguments);
  EXPECT_TRUE(line) << line.error().message;
  if (!line) return {};
  Result<void> set = apply_flags(*line, options);
  EXPECT_TRUE(set) << set.error().message;
  return options;
}

void expect_change(std::initializer_list<Arguments> lines,
                   const std::function<void(Options&)>& change) {
  Options expected;
  change(expected);
  EXPECT_FALSE(expected == Options{}) << "a change that changes nothing proves nothing";
  for (const Arguments& line : lines)
    EXPECT_TRUE(applied(line) == expected) << fmt::format("{}", fmt::join(line, " "));
}

TEST(Flags, EverySpellingSetsItsOption) {
  expect_change({{"-p", "5"}, {"-p=5"}, {"--p", "5"}, {"-port", "5"}, {"--port=5"}, {"-p", "+5"}},
                [](Options& o) { o.port = 5; });
  expect_change({{"-p", "-1"}, {"-port=-1"}}, [](Options& o) { o.port = -1; });
  expect_change({{"-a", "h"}, {"--addr", "h"}, {"-net=h"}}, [](Options& o) { o.host = "h"; });
  expect_change({{"-n", "x"}, {"--name=x"}, {"-server_name", "x"}},
                [](Options& o) { o.server_name = "x"; });
  expect_change({{"--client_advertise", "h:1"}}, [](Options& o) { o.client_advertise = "h:1"; });
  expect_change({{"-m", "8222"}, {"--http_port", "8222"}}, [](Options& o) { o.http_port = 8222; });
  expect_change({{"-P", "f"}, {"--pid", "f"}}, [](Options& o) { o.pid_file = "f"; });
  expect_change({{"--ports_file_dir", "d"}}, [](Options& o) { o.ports_file_dir = "d"; });
  expect_change({{"--natrix_shards", "2"}}, [](Options& o) { o.shards = 2; });
  expect_change({{"-l", "f"}, {"--log=f"}}, [](Options& o) { o.log.file = "f"; });
  expect_change({{"--log_size_limit", "9"}}, [](Options& o) { o.log.file_size_limit_bytes = 9; });
  expect_change({{"-s"}, {"--syslog"}, {"-syslog=1"}}, [](Options& o) { o.log.syslog = true; });
  expect_change({{"-r", "udp://h:1"}, {"--remote_syslog", "udp://h:1"}},
                [](Options& o) { o.log.remote_syslog = "udp://h:1"; });
  expect_change({{"--max_traced_msg_len", "7"}}, [](Options& o) { o.max_traced_msg_len = 7; });
  expect_change({{"--user", "u", "--pass", "p"}, {"-user=u", "-pass=p"}}, [](Options& o) {
    o.authorization.user = "u";
    o.authorization.password = "p";
  });
  expect_change({{"--auth", "t"}}, [](Options& o) { o.authorization.token = "t"; });
}

TEST(Flags, LevelsOfTheLog) {
  expect_change({{"-D"}, {"--debug"}, {"-D=true"}}, [](Options& o) { o.log.debug = true; });
  expect_change({{"-V"}, {"--trace"}}, [](Options& o) { o.log.trace = true; });
  expect_change({{"-DV"}, {"-D", "-V"}, {"-DV=T"}},
                [](Options& o) { o.log.debug = o.log.trace = true; });
  expect_change({{"-VV"}}, [](Options& o) { o.log.trace = o.trace_verbose = true; });
  expect_change({{"-DVV"}}, [](Options& o) { o.log.debug = o.log.trace = o.trace_verbose = true; });
  expect_change({{"-T=false"}, {"--logtime=0"}}, [](Options& o) { o.log.time = false; });
  expect_change({{"--logtime_utc"}}, [](Options& o) { o.log.time_utc = true; });
  Options debugging;
  debugging.log.debug = debugging.log.trace = true;
  EXPECT_FALSE(applied({"-DV=false"}, debugging).log.debug) << "a flag beats the file";
}

TEST(Flags, Cluster) {
  expect_change({{"--cluster", "nats://0.0.0.0:6222"}, {"-cluster_listen=nats-route://:6222"}},
                [](Options& o) { o.cluster.port = 6222; });
  expect_change({{"--cluster", "nats://u:p@127.0.0.1:-1"}}, [](Options& o) {
    o.cluster.host = "127.0.0.1";
    o.cluster.port = -1;
    o.cluster.authorization.user = "u";
    o.cluster.authorization.password = "p";
  });
  expect_change({{"--cluster_name", "\"local\""}},
                [](Options& o) { o.cluster.name = "\"local\""; });
  expect_change({{"--routes", "nats://a:1,nats-route://b:2"}}, [](Options& o) {
    o.cluster.routes = {{"nats", "", "", "a", 1}, {"nats-route", "", "", "b", 2}};
  });
  expect_change({{"--cluster_advertise", "h"}}, [](Options& o) { o.cluster.advertise = "h"; });
  expect_change({{"--no_advertise"}, {"--no_advertise=true"}},
                [](Options& o) { o.cluster.no_advertise = true; });
  expect_change({{"--connect_retries", "3"}}, [](Options& o) { o.cluster.connect_retries = 3; });

  Options file;
  file.cluster.port = 1;
  file.cluster.authorization.user = "u";
  file.cluster.routes = {{"nats", "", "", "a", 1}};
  EXPECT_EQ(applied({"--cluster", ""}, file).cluster.port, kNoPort);
  EXPECT_EQ(applied({"--cluster", "nats://h:2"}, file).cluster.authorization.user, "");
  EXPECT_TRUE(applied({"--routes", ""}, file).cluster.routes.empty());
}

TEST(Flags, OffAndIgnoredFlagsChangeNothing) {
  for (const Arguments& line : {Arguments{"-js=false"},
                                {"--tls=false"},
                                {"--tlsverify=false"},
                                {"--tlscert", ""},
                                {"-ms", "0"},
                                {"--profile", "0"},
                                {"-p", "0"},
                                {"-a", ""},
                                {"--client_advertise", ""},
                                {}})
    EXPECT_TRUE(applied(line) == Options{}) << fmt::format("{}", fmt::join(line, " "));
}

TEST(Flags, SteeringAndWords) {
  Arguments arguments = {"-t", "-c", "x.conf", "-sl", "quit=1", "--", "-p"};
  Result<CommandLine> line = parse_command_line(arguments);
  ASSERT_TRUE(line);
  EXPECT_TRUE(line->test_config);
  EXPECT_EQ(line->config_file, "x.conf");
  EXPECT_EQ(line->signal, "quit=1");
  EXPECT_THAT(line->words, ElementsAre("-p"));
  for (const Arguments& help : {Arguments{"-h"}, {"--help"}, {"-help=true"}})
    EXPECT_TRUE(parse_command_line(help)->help);
  for (const Arguments& version : {Arguments{"-v"}, {"--version"}})
    EXPECT_TRUE(parse_command_line(version)->version);
  EXPECT_TRUE(parse_command_line(Arguments{"--help_tls"})->help_tls);
  Result<CommandLine> words = parse_command_line(Arguments{"-D", "version", "-x"});
  ASSERT_TRUE(words);
  EXPECT_THAT(words->words, ElementsAre("version", "-x"));
  EXPECT_THAT(parse_command_line(Arguments{"-"})->words, ElementsAre("-"));
}

struct Case {
  Arguments arguments;
  const char* expected;
};

TEST(Flags, WrongSyntaxIsDescribedAsGoDoes) {
  const Case cases[] = {
      {{"--no-such-flag"}, "flag provided but not defined: -no-such-flag"},
      {{"-P5"}, "flag provided but not defined: -P5"},
      {{"-DEBUG"}, "flag provided but not defined: -DEBUG"},
      {{"-p"}, "flag needs an argument: -p"},
      {{"--port", "x"}, "invalid value \"x\" for flag -port: parse error"},
      {{"-p", ""}, "invalid value \"\" for flag -p: parse error"},
      {{"-p=99999999999999999999"}, "invalid value"},
      {{"-D=maybe"}, "invalid boolean value \"maybe\" for -D: parse error"},
      {{"---p"}, "bad flag syntax: ---p"},
      {{"-=5"}, "bad flag syntax: -=5"},
  };
  for (const Case& c : cases) {
    Result<CommandLine> line = parse_command_line(c.arguments);
    ASSERT_FALSE(line) << c.expected;
    EXPECT_THAT(line.error().message, HasSubstr(c.expected));
  }
}

TEST(Flags, WrongValuesAndAbsentFeaturesAreRefusedByName) {
  const Case cases[] = {
      {{"-p", "65536"}, "--p: 65536 is out of range, want -1 to 65535"},
      {{"-m", "-2"}, "--m: -2 is out of range"},
      {{"--connect_retries", "-1"}, "--connect_retries: -1 is out of range"},
      {{"--log_size_limit", "-1"}, "out of range"},
      {{"--client_advertise", "a:b"}, "--client_advertise: could not parse port \"b\""},
      {{"--cluster", "h:1"}, "--cluster: error parsing url \"h:1\""},
      {{"--cluster", "nats://u@h:1"}, "expected cluster password to be set"},
      {{"--routes", "a"}, "--routes: error parsing url"},
      {{"--tls"}, "TLS Server certificate must be present and valid; add --tlscert"},
      {{"--tlsverify"}, "TLS Server certificate must be present"},
      {{"--tlscert", "f"}, "TLS Server private key must be present and valid; add --tlskey"},
      {{"--tlskey=f"}, "TLS Server certificate must be present"},
      {{"--tlscacert=f"}, "TLS Server certificate must be present"},
      {{"--tlscert=f", "--tlskey=g"}, "--tls: error parsing X509 certificate/key pair: open f: "},
      {{"-ms", "65536"}, "--ms: 65536 is out of range"},
      {{"--profile", "5"}, "--profile is not supported"},
  };
  for (const Case& c : cases) {
    Result<CommandLine> line = parse_command_line(c.arguments);
    ASSERT_TRUE(line) << c.expected;
    Options options;
    Result<void> set = apply_flags(*line, options);
    ASSERT_FALSE(set) << c.expected;
    EXPECT_THAT(set.error().message, HasSubstr(c.expected));
  }
}

TEST(LoadConfiguration, FlagsOverrideTheFileAndTheWholeIsChecked) {
  FakeWorld world;
  world.files = {{"x.conf", "port: 1, server_name: file, debug: true, ping_interval: 5"},
                 {"users.conf", "authorization {users: [{user: a}]}"},
                 {"bad.conf", "mqtt {}"}};
  auto load = [&](const Arguments& arguments) {
    return load_configuration(*parse_command_line(arguments), world.surroundings());
  };
  // The config file first, wherever its flag stands.
  Result<Loaded> loaded = load({"-n", "flag", "-D=false", "-c", "x.conf"});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->options.port, 1);
  EXPECT_EQ(loaded->options.server_name, "flag");
  EXPECT_FALSE(loaded->options.log.debug);
  EXPECT_EQ(loaded->warnings.size(), 1U);
  EXPECT_TRUE(load({})->options == Options{});

  EXPECT_THAT(load({"-c", "none"}).error().message, HasSubstr("open none"));
  EXPECT_THAT(load({"-c", "bad.conf"}).error().message, HasSubstr("bad.conf:1:1: \"mqtt\""));
  EXPECT_THAT(load({"-c", "users.conf", "--user", "b"}).error().message,
              HasSubstr("cannot be combined with the users"));
  EXPECT_THAT(load({"--pass", "b"}).error().message, HasSubstr("--pass needs --user"));
  EXPECT_THAT(load({"--routes", "nats://a:1"}).error().message,
              HasSubstr("solicited routes require cluster capabilities, e.g. --cluster"));
  EXPECT_THAT(load({"-n", "a b"}).error().message, HasSubstr("cannot contain spaces"));
  EXPECT_TRUE(load({"-js", "-sd", "d"})->options.jetstream.enabled);
  EXPECT_EQ(load({"-js", "-sd", "d"})->options.jetstream.store_dir, "d");
  EXPECT_FALSE(load({"-sd", "d"})->options.jetstream.enabled);
  EXPECT_THAT(load({"-js", "--cluster", "nats://h:1"}).error().message,
              HasSubstr("jetstream in a cluster is not supported"));
}

TEST(LoadConfiguration, TheEnvironmentSaysHowOftenFilesAreLookedAt) {
  FakeWorld world;
  auto load = [&](const std::string& interval) {
    world.variables = {{kReloadIntervalVariable, interval}};
    return load_configuration(CommandLine(), world.surroundings());
  };
  EXPECT_EQ(load("1500ms")->options.reload_interval, std::chrono::milliseconds(1500));
  EXPECT_EQ(load("")->options.reload_interval.count(), 0);
  for (const char* wrong : {"2", "soon", "99ms", "61m", "-1s"}) {
    Result<Loaded> loaded = load(wrong);
    ASSERT_FALSE(loaded) << wrong;
    EXPECT_THAT(loaded.error().message, HasSubstr("NATRIX_RELOAD_INTERVAL=\""));
  }
}

}  // namespace
}  // namespace natrix::config
