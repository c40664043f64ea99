#include "operator/kube/watch_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace natrix::kube {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Recorder {
  std::vector<std::string> events;
  std::function<void(WatchEvent)> sink() {
    return [this](WatchEvent event) {
      events.push_back(fmt::format("{}:{}", static_cast<int>(event.type),
                                   event.object["metadata"]["name"].get<std::string>()));
    };
  }
};

std::string event(const char* type, const char* name) {
  return Json{{"type", type}, {"object", {{"metadata", {{"name", name}}}}}}.dump() + "\n";
}

TEST(WatchDecoder, SameEventsHoweverTheBytesAreCut) {
  std::string stream = event("ADDED", "a") + "\n" + event("MODIFIED", "b") + event("DELETED", "c") +
                       event("BOOKMARK", "d");
  for (size_t piece : {size_t{1}, size_t{7}, size_t{64}, stream.size()}) {
    Recorder out;
    WatchDecoder decoder("watch x", 1000, out.sink());
    for (size_t i = 0; i < stream.size(); i += piece) {
      ASSERT_TRUE(decoder.feed(std::string_view(stream).substr(i, piece)));
    }
    EXPECT_THAT(out.events, ElementsAre("0:a", "1:b", "2:c", "3:d")) << piece;
    EXPECT_FALSE(decoder.error().has_value());
  }
}

TEST(WatchDecoder, ErrorEventEndsTheStream) {
  Recorder out;
  WatchDecoder decoder("watch x", 1000, out.sink());
  EXPECT_FALSE(
      decoder.feed(event("ADDED", "a") +
                   R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}})"
                   "\n" +
                   event("ADDED", "b")));
  EXPECT_THAT(out.events, ElementsAre("0:a"));
  ASSERT_TRUE(decoder.error().has_value());
  EXPECT_EQ(decoder.error()->code, Errc::kGone);
  EXPECT_EQ(decoder.error()->message, "watch x: too old");
  EXPECT_FALSE(decoder.feed(event("ADDED", "c")));
}

TEST(WatchDecoder, MalformedEventsAreNamed) {
  for (const char* text : {"not json\n", "[1]\n", "{\"type\":\"ADDED\"}\n",
                           "{\"type\":1,\"object\":{}}\n", "{\"type\":\"NEW\",\"object\":{}}\n"}) {
    Recorder out;
    WatchDecoder decoder("watch x", 1000, out.sink());
    EXPECT_FALSE(decoder.feed(text)) << text;
    ASSERT_TRUE(decoder.error().has_value());
    EXPECT_EQ(decoder.error()->code, Errc::kServer);
    EXPECT_THAT(decoder.error()->message, HasSubstr("watch x: an event"));
  }
}

TEST(WatchDecoder, LineWithoutEndIsBounded) {
  Recorder out;
  WatchDecoder decoder("watch x", 1000, out.sink());
  bool more = true;
  for (int i = 0; i < 100 && more; ++i) more = decoder.feed(std::string(100, 'x'));
  EXPECT_FALSE(more);
  EXPECT_THAT(decoder.error()->message, HasSubstr("larger than 1000 bytes"));
}

}  // namespace
}  // namespace natrix::kube
