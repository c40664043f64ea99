#include "operator/cache/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace natrix::cache {
namespace {

using kube::Json;
using testing::ElementsAre;
using testing::IsEmpty;

Json object(const std::string& name, const std::string& uid, int version, int replicas = 1,
            const std::string& owner = "") {
  Json result = {{"metadata",
                  {{"namespace", "shop"},
                   {"name", name},
                   {"uid", uid},
                   {"resourceVersion", std::to_string(version)}}},
                 {"spec", {{"replicas", replicas}}}};
  if (!owner.empty()) {
    result["metadata"]["ownerReferences"] = Json::array(
        {{{"kind", "Other"}, {"name", "o"}, {"uid", "not-controller"}},
         {{"kind", "NatsCluster"}, {"name", "c"}, {"uid", owner}, {"controller", true}}});
  }
  return result;
}

const Key kA{"shop", "a"};

TEST(Store, ReportsWhatIsNewAndKeepsLittle) {
  Store store(project_all);
  auto added = store.upsert(object("a", "u1", 5, 1, "owner"));
  ASSERT_TRUE(added.has_value());
  EXPECT_EQ(added->key, kA);
  EXPECT_FALSE(added->before.has_value());
  EXPECT_EQ(added->after->uid, "u1");
  auto item = store.find(kA);
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(item->resource_version, "5");
  EXPECT_EQ(item->owner, (Owner{"NatsCluster", "c", "owner"}));
  EXPECT_EQ(item->kept, nullptr);
}

TEST(Store, ChangesThatTheProjectionIgnoresAreSilentButCounted) {
  Store store(project_spec);
  store.upsert(object("a", "u1", 5));
  Json status_only = object("a", "u1", 6);
  status_only["status"] = {{"ready", 3}};
  status_only["metadata"]["managedFields"] = Json::array({1, 2});
  EXPECT_FALSE(store.upsert(status_only).has_value());
  EXPECT_EQ(store.find(kA)->resource_version, "6");
  auto change = store.upsert(object("a", "u1", 7, 3));
  ASSERT_TRUE(change.has_value());
  EXPECT_NE(change->before->hash, change->after->hash);
  Json labelled = object("a", "u1", 8, 3);
  labelled["metadata"]["labels"] = {{"x", "y"}};
  EXPECT_TRUE(store.upsert(labelled).has_value());
}

TEST(Store, StatusCountsWhereItIsAskedFor) {
  Store store(project_all);
  store.upsert(object("a", "u1", 5));
  Json with_status = object("a", "u1", 6);
  with_status["status"] = {{"ready", 3}};
  EXPECT_TRUE(store.upsert(with_status).has_value());
}

TEST(Store, ProjectionDecidesWhatIsKept) {
  Store store([](const Json& whole) {
    return Projected{1, std::make_shared<const Json>(whole["spec"]["replicas"])};
  });
  store.upsert(object("a", "u1", 5, 7));
  EXPECT_EQ(*store.find(kA)->kept, 7);
}

TEST(Store, DuplicateAndLateEventsChangeNothing) {
  Store store(project_all);
  store.upsert(object("a", "u1", 9, 3));
  EXPECT_FALSE(store.upsert(object("a", "u1", 9, 3)).has_value()) << "twice";
  EXPECT_FALSE(store.upsert(object("a", "u1", 7, 1)).has_value()) << "late";
  EXPECT_EQ(store.find(kA)->resource_version, "9");
}

TEST(Store, OpaqueVersionsAreTakenAsTheyCome) {
  Store store(project_all);
  Json first = object("a", "u1", 0, 1);
  first["metadata"]["resourceVersion"] = "zz";
  Json second = object("a", "u1", 0, 2);
  second["metadata"]["resourceVersion"] = "aa";
  store.upsert(first);
  EXPECT_TRUE(store.upsert(second).has_value());
}

TEST(Store, DeletedObjectStaysDeletedWhenLateEventsArrive) {
  Store store(project_all);
  store.upsert(object("a", "u1", 5));
  auto gone = store.erase(object("a", "u1", 6));
  ASSERT_TRUE(gone.has_value());
  EXPECT_FALSE(gone->after.has_value());
  EXPECT_FALSE(store.upsert(object("a", "u1", 7)).has_value());
  EXPECT_EQ(store.size(), 0u);
  EXPECT_FALSE(store.erase(object("a", "u1", 6)).has_value());
  EXPECT_TRUE(store.upsert(object("a", "u2", 8)).has_value()) << "the name may be used again";
}

TEST(Store, LateDeleteOfAnEarlierObjectDoesNotTouchItsSuccessor) {
  Store store(project_all);
  store.upsert(object("a", "u1", 5));
  auto replaced = store.upsert(object("a", "u2", 9));
  ASSERT_TRUE(replaced.has_value());
  EXPECT_EQ(replaced->before->uid, "u1");
  EXPECT_EQ(replaced->after->uid, "u2");
  EXPECT_FALSE(store.erase(object("a", "u1", 8)).has_value());
  EXPECT_EQ(store.find(kA)->uid, "u2");
}

TEST(Store, OwnersFollowTheirObjects) {
  Store store(project_all);
  store.upsert(object("a", "u1", 1, 1, "x"));
  store.upsert(object("b", "u2", 2, 1, "x"));
  EXPECT_THAT(store.owned_by("x"), ElementsAre(kA, Key{"shop", "b"}));
  EXPECT_TRUE(store.upsert(object("a", "u1", 3, 1, "y")).has_value());
  EXPECT_THAT(store.owned_by("x"), ElementsAre(Key{"shop", "b"}));
  EXPECT_THAT(store.owned_by("y"), ElementsAre(kA));
  store.erase(object("b", "u2", 4));
  EXPECT_THAT(store.owned_by("x"), IsEmpty());
}

TEST(Store, AListIsBelievedEvenWhenItIsOlder) {
  Store store(project_all);
  store.upsert(object("a", "u1", 100, 3));
  store.upsert(object("b", "u2", 101));
  store.begin_list();
  EXPECT_TRUE(store.upsert_listed(object("a", "u1", 50, 1)).has_value());
  auto gone = store.end_list();
  ASSERT_EQ(gone.size(), 1u);
  EXPECT_EQ(gone[0].key.name, "b");
  EXPECT_EQ(store.find(kA)->resource_version, "50");
  EXPECT_FALSE(store.upsert(object("b", "u2", 101)).has_value()) << "not listed means deleted";
}

TEST(Store, HashIsOfTheContent) {
  EXPECT_EQ(hash_of(Json::parse(R"({"a":1,"b":[2,3]})")),
            hash_of(Json::parse(R"({"b":[2,3],"a":1})")));
  EXPECT_NE(hash_of(Json::parse(R"({"a":1})")), hash_of(Json::parse(R"({"a":2})")));
  EXPECT_NE(hash_of(Json::parse("[1,2]")), hash_of(Json::parse("[2,1]")));
}

// Whatever is delivered twice or late, the store ends where the true history ended.
TEST(Store, ConvergesUnderDuplicatedAndDelayedEvents) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    struct Event {
      bool deleted;
      Json object;
    };
    std::vector<Event> history;
    std::map<std::string, Json> truth;
    int version = 0;
    for (int i = 0; i < 60; ++i) {
      std::string name(1, static_cast<char>('a' + random() % 3));
      auto known = truth.find(name);
      ++version;
      if (known != truth.end() && random() % 4 == 0) {
        Json last = known->second;
        last["metadata"]["resourceVersion"] = std::to_string(version);
        history.push_back({true, last});
        truth.erase(known);
        continue;
      }
      std::string uid = known != truth.end() ? known->second["metadata"]["uid"].get<std::string>()
                                             : "u" + std::to_string(version);
      truth[name] = object(name, uid, version, static_cast<int>(random() % 5));
      history.push_back({false, truth[name]});
    }
    Store store(project_all);
    for (size_t i = 0; i < history.size(); ++i) {
      auto apply = [&](const Event& event) {
        event.deleted ? store.erase(event.object) : store.upsert(event.object);
      };
      apply(history[i]);
      if (random() % 2 == 0) apply(history[i - random() % std::min<size_t>(i + 1, 10)]);
    }
    ASSERT_EQ(store.size(), truth.size()) << "seed " << seed;
    for (const auto& [name, last] : truth) {
      EXPECT_EQ(store.find({"shop", name})->resource_version, last["metadata"]["resourceVersion"])
          << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace natrix::cache
