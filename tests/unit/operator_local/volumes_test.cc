// Volumes as directories.
#include "operator/local/agent/volumes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace natrix::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class VolumeFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    create(kube::kConfigMaps, R"({"metadata":{"name":"c","namespace":"default"},
        "data":{"a.conf":"listen 0.0.0.0","b.conf":"b"},"binaryData":{"raw":"MC4wLjAuMAA="}})");
    create(kube::kSecrets,
           R"({"metadata":{"name":"s","namespace":"default"},"stringData":{"key":"k"}})");
    localizer_.address = "127.1.1.1";
  }
  void create(const kube::ResourceType& type, const char* text) {
    ASSERT_TRUE(objects_.create(type, Json::parse(text)));
  }
  void change(const kube::ResourceType& type, const char* name, const char* patch) {
    ASSERT_TRUE(objects_.patch(type, *objects_.get(type, "default", name), Json::parse(patch)));
  }
  Json pod(const std::string& volumes, const std::string& mounts = "[]") {
    return Json::parse(fmt::format(
        R"({{"metadata":{{"name":"p","namespace":"default","uid":"u","labels":{{"l":"v"}}}},
             "spec":{{"volumes":{},"containers":[{{"name":"c","volumeMounts":{}}}]}}}})",
        volumes, mounts));
  }
  Volumes make(const Json& of) {
    return {of, (dir_.path() / "pod").string(), (dir_.path() / "claims").string()};
  }
  std::string refresh(Volumes& volumes, const Json& of) {
    const auto done = volumes.refresh(of, objects_, localizer_);
    return done ? "" : done.error().message;
  }
  std::string read(const std::string& path) {
    std::ifstream file(dir_.path() / "pod/volumes" / path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // What an application sees.
  std::vector<std::string> list(const std::string& volume) {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(dir_.path() / "pod/volumes" / volume)) {
      const std::string name = entry.path().filename();
      if (!name.starts_with("..")) out.push_back(name);
    }
    return out;
  }

  tests::TempDir dir_;
  memory_api::ApiServer server_;
  workload::Objects objects_{server_, "test"};
  Localizer localizer_;
};

TEST_F(VolumeFiles, TextIsLocalizedAndBytesAreNot) {
  const Json of = pod(R"([{"name":"v","configMap":{"name":"c"}}])");
  Volumes volumes = make(of);
  EXPECT_EQ(refresh(volumes, of), "");
  EXPECT_THAT(list("v"), UnorderedElementsAre("a.conf", "b.conf", "raw"));
  EXPECT_EQ(read("v/a.conf"), "listen 127.1.1.1");
  EXPECT_EQ(read("v/raw"), std::string("0.0.0.0\0", 8));
}

TEST_F(VolumeFiles, ChangesArriveAsOne) {
  const Json of = pod(R"([{"name":"v","projected":{"sources":[{"configMap":{"name":"c"}},
      {"secret":{"name":"s","items":[{"key":"key","path":"deep/er"}]}}]}}])");
  Volumes volumes = make(of);
  ASSERT_EQ(refresh(volumes, of), "");
  EXPECT_EQ(read("v/deep/er"), "k");
  const fs::path data = dir_.path() / "pod/volumes/v/..data";
  const fs::path before = fs::read_symlink(data);
  ASSERT_EQ(refresh(volumes, of), "");
  EXPECT_EQ(fs::read_symlink(data), before);  // nothing changed, nothing written

  change(kube::kConfigMaps, "c", R"({"data":{"a.conf":"new","b.conf":null,"c.conf":"more"}})");
  change(kube::kSecrets, "s", R"({"data":{"key":"Mg=="}})");
  ASSERT_EQ(refresh(volumes, of), "");
  EXPECT_NE(fs::read_symlink(data), before);
  EXPECT_FALSE(fs::exists(data.parent_path() / before));
  EXPECT_THAT(list("v"), UnorderedElementsAre("a.conf", "c.conf", "raw", "deep"));
  EXPECT_EQ(read("v/a.conf"), "new");
  EXPECT_EQ(read("v/deep/er"), "2");
}

TEST_F(VolumeFiles, FilesAreTheOwnersAlone) {
  const Json of = pod(R"([{"name":"v","secret":{"secretName":"s"}}])");
  Volumes volumes = make(of);
  ASSERT_EQ(refresh(volumes, of), "");
  EXPECT_EQ(fs::status(dir_.path() / "pod/volumes/v/key").permissions() & fs::perms::mask,
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(VolumeFiles, ClaimsLiveOutsideThePod) {
  const Json of =
      pod(R"([{"name":"d","persistentVolumeClaim":{"claimName":"data-p"}}])",
          R"([{"name":"d","mountPath":"/data/"},{"name":"d","mountPath":"/js","subPath":"js"}])");
  Volumes volumes = make(of);
  EXPECT_THAT(refresh(volumes, of), HasSubstr("persistentvolumeclaim \"data-p\" not found"));
  create(kube::kPersistentVolumeClaims, R"({"metadata":{"name":"data-p","namespace":"default"},
      "spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}})");
  EXPECT_EQ(refresh(volumes, of), "");
  const std::string claim = (dir_.path() / "claims/default/data-p").string();
  EXPECT_THAT(volumes.mounts(of["spec"]["containers"][0]),
              ElementsAre(Pair("/data", claim), Pair("/js", claim + "/js")));
  EXPECT_TRUE(fs::is_directory(claim + "/js"));
}

TEST_F(VolumeFiles, TheDownwardApiTellsAboutThePod) {
  const Json of = pod(R"([{"name":"v","downwardAPI":{"items":[
      {"path":"name","fieldRef":{"fieldPath":"metadata.name"}},
      {"path":"labels","fieldRef":{"fieldPath":"metadata.labels"}}]}}])");
  Volumes volumes = make(of);
  ASSERT_EQ(refresh(volumes, of), "");
  EXPECT_EQ(read("v/name"), "p");
  EXPECT_EQ(read("v/labels"), "l=\"v\"\n");
}

TEST_F(VolumeFiles, OptionalSourcesMayBeMissing) {
  const Json of = pod(R"([{"name":"v","configMap":{"name":"no","optional":true}}])");
  Volumes volumes = make(of);
  EXPECT_EQ(refresh(volumes, of), "");
  EXPECT_THAT(list("v"), ElementsAre());
}

TEST_F(VolumeFiles, WhatCannotBeIsRefusedByName) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"name":"v","configMap":{"name":"no"}})", "configmap \"no\" not found"},
      {R"({"name":"v","secret":{"secretName":"no"}})", "secret \"no\" not found"},
      {R"({"name":"v","configMap":{"name":"c","items":[{"key":"x","path":"x"}]}})",
       "non-existent key x"},
      {R"({"name":"v","configMap":{"name":"c","items":[{"key":"a.conf","path":"../x"}]}})",
       "leads out"},
      {R"({"name":"v","configMap":{"name":"c","items":[{"key":"a.conf","path":"/x"}]}})",
       "leads out"},
      {R"({"name":"v","nfs":{"server":"x","path":"/"}})", "not offered"},
      {R"({"name":"v","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}})",
       "serviceAccountToken"},
  };
  for (const auto& [volume, wanted] : cases) {
    const Json of = pod(fmt::format("[{}]", volume));
    Volumes volumes = make(of);
    EXPECT_THAT(refresh(volumes, of), HasSubstr(wanted)) << volume;
  }
  const Json of = pod(R"([{"name":"e","emptyDir":{}}])",
                      R"([{"name":"e","mountPath":"/e","subPath":"../../x"}])");
  Volumes volumes = make(of);
  EXPECT_THAT(refresh(volumes, of), HasSubstr("leads out"));
}

}  // namespace
}  // namespace natrix::agent
