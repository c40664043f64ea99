// Environment and command lines of containers.
#include "operator/local/agent/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/local/agent/images.h"

namespace natrix::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const Variables kKnown{{"A", "1"}, {"B", "two"}};

TEST(Expand, ReplacesReferencesAsAKubeletDoes) {
  EXPECT_EQ(expand("$(A)-$(B)", kKnown), "1-two");
  EXPECT_EQ(expand("$(C) $A $ $(", kKnown), "$(C) $A $ $(");
  EXPECT_EQ(expand("$$(A) $$$(A)", kKnown), "$(A) $1");
  EXPECT_EQ(expand("end$", kKnown), "end$");
}

TEST(CommandLine, StartsWithTheCommandElseTheProgram) {
  EXPECT_THAT(command_line(Json::parse(R"~({"args":["-p","$(A)"]})~"), kKnown, "/bin/broker"),
              ElementsAre("/bin/broker", "-p", "1"));
  EXPECT_THAT(command_line(Json::parse(R"({"command":["sh","-c"],"args":["x"]})"), kKnown, "b"),
              ElementsAre("sh", "-c", "x"));
}

TEST(Images, StandForProgramsWhateverRegistryAndTag) {
  const Images images{"/bin/broker", {{"tool", "/bin/tool"}, {"nats", "/bin/other"}}};
  for (const char* image : {"natrix-broker", "natrix-broker:0.1.0", "r.example:5000/x/nats-server",
                            "natrix@sha256:00", "r.example/natrix-broker:1@sha256:00"}) {
    EXPECT_EQ(images.program(image).value(), "/bin/broker") << image;
  }
  EXPECT_EQ(images.program("x/tool:2").value(), "/bin/tool");
  EXPECT_EQ(images.program("nats:2").value(), "/bin/other");  // what the user says comes first
  EXPECT_THAT(images.program("redis:7").error().message, HasSubstr("--image redis=PATH"));
  EXPECT_EQ(images.command_program("/usr/local/bin/nats-server"), "/bin/broker");
  EXPECT_EQ(images.command_program("sh"), "sh");
}

class Sources : public ::testing::Test {
 protected:
  void SetUp() override {
    objects_.create(kube::kConfigMaps,
                    Json::parse(R"({"metadata":{"name":"c","namespace":"default"},
                                    "data":{"K":"from map","L":"l"}})"));
    objects_.create(kube::kSecrets, Json::parse(R"({"metadata":{"name":"s","namespace":"default"},
                                                    "stringData":{"K":"hidden"}})"));
  }
  Result<Variables> variables(const char* container) {
    return container_variables(pod_, Json::parse(container), objects_);
  }

  memory_api::ApiServer server_;
  workload::Objects objects_{server_, "test"};
  const Json pod_ = Json::parse(R"({"metadata":{"name":"p","namespace":"default","uid":"u",
      "labels":{"app.kubernetes.io/name":"n"}},"status":{"podIP":"127.1.1.1"}})");
};

TEST_F(Sources, LaterVariablesSeeEarlierOnes) {
  const auto found = variables(R"~({"env":[{"name":"A","value":"1"},{"name":"B","value":"$(A)2"},
      {"name":"C","value":"$(D)"},{"name":"D","value":"4"}]
})~");
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(*found,
              ElementsAre(Pair("A", "1"), Pair("B", "12"), Pair("C", "$(D)"), Pair("D", "4")));
}

TEST_F(Sources, ValuesComeFromEverywhere) {
  const auto found = variables(R"({"resources":{"limits":{"memory":"64Mi","cpu":"1500m"}},
      "envFrom":[{"prefix":"P_","configMapRef":{"name":"c"}},{"secretRef":{"name":"no","optional":true}}],
      "env":[
      {"name":"ADDRESS","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}},
      {"name":"CPU","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}},
      {"name":"LABEL","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['app.kubernetes.io/name']"}}},
      {"name":"MEM","valueFrom":{"resourceFieldRef":{"resource":"limits.memory","divisor":"1Mi"}}},
      {"name":"NONE","valueFrom":{"secretKeyRef":{"name":"s","key":"x","optional":true}}},
      {"name":"SECRET","valueFrom":{"secretKeyRef":{"name":"s","key":"K"}}}]})");
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_THAT(*found, ElementsAre(Pair("ADDRESS", "127.1.1.1"), Pair("CPU", "2"),
                                  Pair("LABEL", "n"), Pair("MEM", "64"), Pair("P_K", "from map"),
                                  Pair("P_L", "l"), Pair("SECRET", "hidden")));
}

TEST_F(Sources, WhatIsMissingKeepsTheContainerFromStarting) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"no","key":"k"}}}]})",
       "secret \"no\" not found"},
      {R"({"env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"c","key":"no"}}}]})",
       "couldn't find key no in ConfigMap default/c"},
      {R"({"envFrom":[{"configMapRef":{"name":"no"}}]})", "configmap \"no\" not found"},
      {R"({"env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"status.qosClass"}}}]})",
       "status.qosClass"},
  };
  for (const auto& [container, wanted] : cases) {
    const auto found = variables(container);
    ASSERT_FALSE(found.ok()) << container;
    EXPECT_THAT(found.error().message, HasSubstr(wanted));
  }
}

}  // namespace
}  // namespace natrix::agent
