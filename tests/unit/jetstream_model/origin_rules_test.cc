// What mirrors and sources may be told, and with which codes they are refused.
#include "broker/jetstream/model/origin_rules.h"

#include <gtest/gtest.h>

#include <map>

namespace natrix::jetstream::model {
namespace {

StreamConfig mirror_of(const char* origin) {
  StreamConfig config;
  config.name = "M";
  config.mirror.emplace().name = origin;
  return config;
}

StreamConfig sourcing(const char* origin) {
  StreamConfig config;
  config.name = "S";
  config.sources.emplace_back().name = origin;
  return config;
}

int code_of(const StreamConfig& config) {
  auto checked = check_stream(config, {}, Mode::kForgiving);
  return checked ? 0 : checked.error().err_code;
}

TEST(OriginRules, MirrorsAndSourcesAreAllowedAndGetNoSubjects) {
  for (const StreamConfig& config : {mirror_of("O"), sourcing("O")}) {
    auto checked = check_stream(config, {}, Mode::kForgiving);
    ASSERT_TRUE(checked) << checked.error().description;
    EXPECT_TRUE(checked->subjects.empty());
    EXPECT_EQ(checked->duplicate_window, 0);
  }
}

TEST(OriginRules, MirrorsAreRefusedWithTheirCodes) {
  using Change = void (*)(StreamConfig&);
  const std::pair<Change, int> cases[] = {
      {[](StreamConfig& c) { c.first_seq = 5; }, 10143},
      {[](StreamConfig& c) { c.subjects = {"a"}; }, 10034},
      {[](StreamConfig& c) { c.sources.emplace_back().name = "X"; }, 10031},
      {[](StreamConfig& c) { c.allow_msg_counter = true; }, 10173},
      {[](StreamConfig& c) { c.allow_msg_schedules = true; }, 10186},
      {[](StreamConfig& c) { c.subject_delete_marker_ttl = 2'000'000'000; }, 10052},
      {[](StreamConfig& c) { c.mirror->name = "a.b"; }, 10142},
      {[](StreamConfig& c) { c.mirror->name = "M"; }, 10052},
      {[](StreamConfig& c) {
         c.mirror->filter_subject = "a";
         c.mirror->transforms = {{"b", "c"}};
       },
       10150},
      {[](StreamConfig& c) {
         c.mirror->transforms = {{"a..b", "c"}};
       },
       10151},
      {[](StreamConfig& c) {
         c.mirror->transforms = {{"a.*", "b"}, {"a.x", "c"}};
       },
       10152},
      {[](StreamConfig& c) {
         c.mirror->transforms = {{"a.*", "b.$2"}};
       },
       10154},
      {[](StreamConfig& c) {
         c.mirror->start_seq = 3;
         c.mirror->start_time = Time{1};
       },
       10032},
      {[](StreamConfig& c) {
         c.mirror->external = External{"$JS.API", ""};
       },
       10021},
      {[](StreamConfig& c) {
         c.mirror->external = External{"$JS.x.API", "d.*"};
       },
       10024},
      {[](StreamConfig& c) {
         c.mirror->external = External{"$JS.*.API", ""};
       },
       10052},
      {[](StreamConfig& c) {
         c.mirror->consumer = SourceConsumer{"", "d"};
       },
       10213},
      {[](StreamConfig& c) {
         c.mirror->consumer = SourceConsumer{"D", "d"};
       },
       10052},
  };
  int row = 0;
  for (const auto& [change, code] : cases) {
    StreamConfig config = mirror_of("O");
    change(config);
    EXPECT_EQ(code_of(config), code) << "row " << row;
    ++row;
  }
}

TEST(OriginRules, SourcesAreRefusedWithTheirCodes) {
  using Change = void (*)(StreamConfig&);
  const std::pair<Change, int> cases[] = {
      {[](StreamConfig& c) { c.sources.push_back(c.sources[0]); }, 10140},
      {[](StreamConfig& c) { c.sources[0].name = ""; }, 10141},
      {[](StreamConfig& c) {
         c.sources[0].filter_subject = "a";
         c.sources[0].transforms = {{"b", "c"}};
       },
       10144},
      {[](StreamConfig& c) {
         c.sources[0].transforms = {{" ", "c"}};
       },
       10145},
      {[](StreamConfig& c) {
         c.sources[0].transforms = {{"a.*", "b.$2"}};
       },
       10146},
      {[](StreamConfig& c) {
         c.sources[0].transforms = {{"a.>", "b.>"}, {"a.x", "c"}};
       },
       10147},
      {[](StreamConfig& c) { c.allow_msg_schedules = true; }, 10187},
      {[](StreamConfig& c) {
         c.sources[0].consumer = SourceConsumer{"D", "*"};
       },
       10215},
  };
  int row = 0;
  for (const auto& [change, code] : cases) {
    StreamConfig config = sourcing("O");
    change(config);
    EXPECT_EQ(code_of(config), code) << "row " << row;
    ++row;
  }
  // The same stream twice, but not the same messages.
  StreamConfig config = sourcing("O");
  config.sources[0].filter_subject = "a";
  config.sources.push_back(config.sources[0]);
  config.sources[1].filter_subject = "b";
  EXPECT_EQ(code_of(config), 0);
}

class AgainstOthers : public ::testing::Test {
 protected:
  int code(StreamConfig& config, Mode mode = Mode::kForgiving) {
    auto find = [this](std::string_view name) -> const StreamConfig* {
      auto found = streams.find(std::string(name));
      return found == streams.end() ? nullptr : &found->second;
    };
    auto ok = check_against_origins(config, find, mode);
    return ok ? 0 : ok.error().err_code;
  }
  std::map<std::string, StreamConfig> streams;
};

TEST_F(AgainstOthers, MessagesOfTheOriginHaveToFit) {
  streams["O"].max_msg_size = 1000;
  StreamConfig mirror = mirror_of("O"), other = sourcing("O");
  mirror.max_msg_size = other.max_msg_size = 100;
  EXPECT_EQ(code(mirror), 10030);
  EXPECT_EQ(code(other), 10046);
  mirror.max_msg_size = other.max_msg_size = 1000;
  EXPECT_EQ(code(mirror), 0);
  EXPECT_EQ(code(other), 0);
}

TEST_F(AgainstOthers, MirrorsAnswerDirectGetsIfTheirOriginDoes) {
  streams["O"].allow_direct = true;
  StreamConfig mirror = mirror_of("O");
  EXPECT_EQ(code(mirror, Mode::kPedantic), 10157);
  EXPECT_EQ(code(mirror), 0);
  EXPECT_TRUE(mirror.mirror_direct);
}

TEST_F(AgainstOthers, CirclesAreFound) {
  streams["A"] = sourcing("B");
  streams["A"].name = "A";
  StreamConfig b = sourcing("A");
  b.name = "B";
  EXPECT_EQ(code(b), 10052);
  streams["A"] = mirror_of("B");
  streams["A"].name = "A";
  EXPECT_EQ(code(b), 10052);
  streams["A"] = sourcing("C");
  streams["A"].name = "A";
  EXPECT_EQ(code(b), 0);
}

TEST(OriginRules, IndexesAreThoseOfNatsServer) {
  StreamSource source;
  source.name = "O";
  EXPECT_EQ(source_index(source), "O > >");
  source.filter_subject = "a.*";
  EXPECT_EQ(source_index(source), "O a.* >");
  source.filter_subject.clear();
  source.transforms = {{"a", "b"}, {"c", ""}};
  EXPECT_EQ(source_index(source), "O a\fc b\f>");
  source.transforms.clear();
  source.external = External{"$JS.hub.API", ""};
  EXPECT_EQ(source_index(source).size(), std::string("O:12345678 > >").size());
}

}  // namespace
}  // namespace natrix::jetstream::model
