// Pods as processes, from their creation to their end, with real processes.
#include "operator/local/agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/unit/operator_local/node.h"

namespace natrix::agent {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using tests::eventually;
using tests::Node;
using workload::text;

// Loops that end at once at SIGTERM, unlike `sleep 1000`.
constexpr const char* kForever = "while :; do sleep 0.05; done";

TEST(Agent, APodRunsWithAddressNodeAndLog) {
  Node node;
  node.run("p", std::string("echo hello from $DIR; ") + kForever);
  ASSERT_TRUE(eventually([&] { return node.ready("p"); })) << node.pod("p");
  const Json pod = node.pod("p");
  EXPECT_EQ(pod["spec"]["nodeName"], "local");
  EXPECT_THAT(text(pod, {"status", "podIP"}), StartsWith("127."));
  EXPECT_EQ(text(pod, {"status", "phase"}), "Running");
  EXPECT_TRUE(node.status("p")["started"]);
  EXPECT_TRUE(eventually([&] {
    return node.log("p") == "hello from " + node.path("") + "\n" ||
           node.log("p").starts_with("hello from /");
  }));
  EXPECT_THAT(node.log("p", true), HasSubstr("previous terminated container \"main\" not found"));
  EXPECT_THAT(node.log("absent"), HasSubstr("\"absent\" not found"));
}

TEST(Agent, AContainerThatIsKilledIsStartedAtOnce) {
  Node node;
  node.run("p", std::string("echo $$$$; ") + kForever);
  ASSERT_TRUE(eventually([&] { return !node.log("p").empty() && node.ready("p"); }));
  kill(std::stoi(node.log("p")), SIGKILL);
  ASSERT_TRUE(eventually([&] { return node.restarts("p") == 1 && node.ready("p"); }));
  const Json ended = node.status("p")["lastState"]["terminated"];
  EXPECT_EQ(ended["exitCode"], 137);
  EXPECT_EQ(ended["signal"], 9);
  EXPECT_EQ(ended["reason"], "Error");
  EXPECT_NE(node.log("p", true), "");
}

TEST(Agent, OneThatFailsAgainAndAgainWaitsLongerAndLonger) {
  Node node;
  node.run("p", "exit 1");
  EXPECT_TRUE(eventually([&] { return node.restarts("p") >= 5; }));
  for (const char* delay : {"100ms", "200ms", "400ms"}) {
    EXPECT_THAT(node.events("p"), Contains(StartsWith(std::string("BackOff: back-off ") + delay)))
        << delay;
  }
  EXPECT_TRUE(eventually([&] { return node.waiting("p") == "CrashLoopBackOff"; }));
}

TEST(Agent, ALongRunIsForgiven) {
  Node node({std::chrono::milliseconds(100), std::chrono::milliseconds(400),
             std::chrono::milliseconds(0)});
  node.run("p", "exit 1");
  EXPECT_TRUE(eventually([&] { return node.restarts("p") >= 5; }));
  EXPECT_THAT(node.events("p"), Not(Contains(StartsWith("BackOff"))));
}

TEST(Agent, RestartPoliciesAreFollowed) {
  Node node;
  node.run("never", "exit 1", "{}", R"({"restartPolicy":"Never"})");
  node.run("good", "exit 0", "{}", R"({"restartPolicy":"OnFailure"})");
  node.run("second", "test -e $DIR/mark || { touch $DIR/mark; exit 2; }", "{}",
           R"({"restartPolicy":"OnFailure"})");
  EXPECT_TRUE(eventually([&] {
    return node.phase("never") == "Failed" && node.phase("good") == "Succeeded" &&
           node.phase("second") == "Succeeded";
  }));
  EXPECT_EQ(node.restarts("never"), 0);
  EXPECT_EQ(node.restarts("second"), 1);
  EXPECT_EQ(node.status("never")["state"]["terminated"]["exitCode"], 1);
}

TEST(Agent, InitContainersRunOneAfterTheOther) {
  Node node;
  const char* spec = R"({"initContainers":[
      {"name":"one","image":"tool","command":["sh","-c","test -e $DIR/one || { touch $DIR/one; exit 1; }"]},
      {"name":"two","image":"tool","command":["sh","-c","test -e $DIR/one && touch $DIR/two"]}]})";
  Json parsed = Json::parse(spec);
  for (Json& container : parsed["initContainers"]) {
    container["env"] = {{{"name", "DIR"}, {"value", node.path("")}}};
  }
  node.run("p", std::string("test -e $DIR/two && touch $DIR/three; ") + kForever, "{}",
           parsed.dump().c_str());
  EXPECT_TRUE(eventually([&] { return node.ready("p"); })) << node.pod("p");
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(node.path("three")); }));
  const Json statuses = node.pod("p")["status"]["initContainerStatuses"];
  EXPECT_EQ(statuses[0]["restartCount"], 1);
  EXPECT_EQ(statuses[1]["state"]["terminated"]["reason"], "Completed");
}

TEST(Agent, ADeletedPodGetsPreStopThenTermAndGoes) {
  Node node;
  node.run(
      "p",
      "trap 'echo term >> $DIR/said; exit 0' TERM; touch $DIR/up; while :; do sleep 0.05; done",
      R"({"lifecycle":{"preStop":{"exec":{"command":["sh","-c","echo stop >> $DIR/said"]}}}})");
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(node.path("up")); }));
  node.remove("p");
  ASSERT_TRUE(eventually([&] { return node.pod("p").is_null(); }));
  EXPECT_EQ(node.read("said"), "stop\nterm\n");
  EXPECT_TRUE(eventually([&] { return std::filesystem::is_empty(node.path("pods")); }));
}

TEST(Agent, OneThatDoesNotListenIsKilledWhenItsGraceIsOver) {
  Node node;
  node.run("p", std::string("trap '' TERM; touch $DIR/up; ") + kForever);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(node.path("up")); }));
  const auto begin = std::chrono::steady_clock::now();
  node.remove("p", 1);
  ASSERT_TRUE(eventually([&] { return node.pod("p").is_null(); }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(990));
}

TEST(Agent, ASuccessorOfTheSameNameWaitsForTheProcessesOfItsPredecessor) {
  Node node;
  node.run("p", std::string("trap '' TERM; echo $$$$ > $DIR/first; ") + kForever);
  ASSERT_TRUE(eventually([&] { return node.read("first").ends_with('\n') && node.ready("p"); }));
  const std::string address = text(node.pod("p"), {"status", "podIP"});
  node.remove("p", 0);
  node.run("p",
           std::string(
               "kill -0 $(cat $DIR/first) 2>/dev/null && touch $DIR/overlap; touch $DIR/second; ") +
               kForever);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(node.path("second")); }));
  EXPECT_FALSE(std::filesystem::exists(node.path("overlap")));
  EXPECT_TRUE(eventually([&] { return text(node.pod("p"), {"status", "podIP"}) == address; }));
}

TEST(Agent, ReadinessFollowsItsProbe) {
  Node node;
  node.run("p", kForever,
           R"({"readinessProbe":{"periodSeconds":1,"failureThreshold":1,
               "exec":{"command":["sh","-c","test -e $DIR/flag"]}}})");
  EXPECT_TRUE(eventually([&] { return node.phase("p") == "Running"; }));
  EXPECT_FALSE(node.ready("p"));
  std::ofstream(node.path("flag")).flush();
  EXPECT_TRUE(eventually([&] { return node.ready("p"); }));
  std::filesystem::remove(node.path("flag"));
  EXPECT_TRUE(eventually([&] { return !node.ready("p"); }));
  EXPECT_EQ(node.restarts("p"), 0);
}

TEST(Agent, AFailingLivenessProbeRestartsButNotBeforeTheStartupProbeIsGood) {
  Node node;
  // Ample time-outs: a check that has written its line and is then given up would be counted twice.
  node.run("p", kForever,
           R"({"startupProbe":{"periodSeconds":1,"failureThreshold":100,"timeoutSeconds":30,
               "exec":{"command":["sh","-c","echo x >> $DIR/asked; test $(wc -l < $DIR/asked) -ge 3"]}},
               "livenessProbe":{"periodSeconds":1,"failureThreshold":1,"timeoutSeconds":30,
               "exec":{"command":["sh","-c","wc -l < $DIR/asked >> $DIR/lived; exit 1"]}}})");
  EXPECT_TRUE(eventually([&] { return node.restarts("p") >= 1; }));
  EXPECT_EQ(node.read("lived").substr(0, 2), "3\n");
  EXPECT_THAT(node.events("p"), Contains(HasSubstr("failed liveness probe")));
}

TEST(Agent, ConfigurationReachesFilesOfARunningPod) {
  Node node;
  node.objects().create(kube::kConfigMaps,
                        Json::parse(R"({"metadata":{"name":"c","namespace":"default"},
                                                           "data":{"f":"one"}})"));
  node.run(
      "p",
      "while :; do cp /etc/conf/f $DIR/seen.new && mv $DIR/seen.new $DIR/seen; sleep 0.05; done",
      R"({"volumeMounts":[{"name":"v","mountPath":"/etc/conf"}]})",
      R"({"volumes":[{"name":"v","configMap":{"name":"c"}}]})");
  ASSERT_TRUE(eventually([&] { return node.read("seen") == "one"; }));
  node.objects().patch(kube::kConfigMaps, *node.objects().get(kube::kConfigMaps, "default", "c"),
                       Json::parse(R"({"data":{"f":"two"}})"));
  EXPECT_TRUE(eventually([&] { return node.read("seen") == "two"; }));
  EXPECT_EQ(node.restarts("p"), 0);
}

TEST(Agent, WhatKeepsAPodFromStartingIsInItsStatusAndEvents) {
  Node node;
  node.run("image", "true", R"({"image":"redis:7"})");
  node.run("volume", "true", R"({"volumeMounts":[{"name":"v","mountPath":"/v"}]})",
           R"({"volumes":[{"name":"v","secret":{"secretName":"no"}}]})");
  node.run("program", "true", R"({"command":["/no/such"]})");
  EXPECT_TRUE(eventually([&] { return node.waiting("image") == "ErrImagePull"; }));
  EXPECT_TRUE(eventually([&] { return node.waiting("program") == "CreateContainerError"; }));
  EXPECT_TRUE(eventually([&] { return !node.events("volume").empty(); }));
  EXPECT_THAT(node.events("volume"), Contains(HasSubstr("secret \"no\" not found")));
  EXPECT_EQ(node.phase("volume"), "Pending");
}

TEST(Agent, EndsAllPodsWhenItStops) {
  Node node;
  for (int i = 0; i < 5; ++i) {
    node.run(fmt::format("p{}", i),
             fmt::format("trap '' TERM; echo $$$$ > $DIR/{}; {}", i, kForever));
  }
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(eventually([&] { return node.read(std::to_string(i)).ends_with('\n'); }));
  }
  node.server().stop();
  node.agent().stop(std::chrono::milliseconds(100));
  for (int i = 0; i < 5; ++i) EXPECT_NE(kill(std::stoi(node.read(std::to_string(i))), 0), 0);
  EXPECT_FALSE(node.pod("p0").is_null());
}

}  // namespace
}  // namespace natrix::agent
