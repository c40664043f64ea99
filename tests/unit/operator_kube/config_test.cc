#include "operator/kube/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/base64.h"
#include "operator/kube/credentials.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace natrix::kube {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class Kubeconfig : public testing::Test {
 protected:
  // A config with one cluster, user and context; `cluster` and `user` are the bodies' extra lines.
  std::string file(const std::string& cluster, const std::string& user,
                   const std::string& context = "") {
    return dir_.write("config", fmt::format(R"(
apiVersion: v1
kind: Config
current-context: main
clusters:
- name: c1
  cluster:
    server: https://10.0.0.1:6443
{}
users:
- name: u1
  user:
    unknown: ignored
{}
contexts:
- name: main
  context:
    cluster: c1
    user: u1
{}
)",
                                            cluster, user, context));
  }
  std::string error_of(const std::string& path, const std::string& context = "") {
    auto result = load_kubeconfig({path}, context);
    return result ? "(no error)" : result.error().message;
  }
  tests::TempDir dir_;
};

TEST_F(Kubeconfig, ReadsInlineSecrets) {
  auto config = load_kubeconfig(
      {file("    certificate-authority-data: " + base64_encode("CA PEM") +
                "\n    tls-server-name: kube.example",
            "    client-certificate-data: " + base64_encode("CERT") +
                "\n    client-key-data: " + base64_encode("KEY") + "\n    token: abc",
            "    namespace: shop")},
      "");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "https://10.0.0.1:6443");
  EXPECT_EQ(config->tls_server_name, "kube.example");
  EXPECT_EQ(config->ca.text, "CA PEM");
  EXPECT_EQ(config->client_certificate.text, "CERT");
  EXPECT_EQ(config->client_key.text, "KEY");
  EXPECT_EQ(config->token.text, "abc");
  EXPECT_EQ(config->ns, "shop");
  EXPECT_THAT(config->source, HasSubstr("context main of "));
}

TEST_F(Kubeconfig, FilesAreRelativeToTheKubeconfig) {
  auto config = load_kubeconfig(
      {file("    certificate-authority: pki/ca.crt", "    tokenFile: token\n    token: loses")},
      "");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->ca.path, (dir_.path() / "pki/ca.crt").string());
  EXPECT_EQ(config->token.path, (dir_.path() / "token").string());
  EXPECT_TRUE(config->token.text.empty());
}

TEST_F(Kubeconfig, RefusesWhatItCannotHonour) {
  struct Case {
    const char* cluster;
    const char* user;
    const char* named;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"", "    exec: {command: aws}", "user \"u1\": exec is not supported"},
           {"", "    auth-provider: {name: gcp}", "auth-provider is not supported"},
           {"", "    as: admin", "as is not supported"},
           {"    proxy-url: http://p:1", "", "cluster \"c1\": proxy-url is not supported"},
           {"    certificate-authority-data: '*'", "", "certificate-authority-data is not valid"},
           {"", "    client-key-data: a2V5", "client-certificate is missing"},
           {"    insecure-skip-tls-verify: true\n    certificate-authority: ca", "", "exclude"}}) {
    std::string message = error_of(file(c.cluster, c.user));
    EXPECT_THAT(message, HasSubstr(c.named));
    EXPECT_THAT(message, HasSubstr((dir_.path() / "config").string())) << "the file is named";
  }
}

TEST_F(Kubeconfig, NamesMissingPartsAndBrokenFiles) {
  EXPECT_THAT(error_of(file("", ""), "other"), HasSubstr("no context named \"other\""));
  EXPECT_THAT(error_of((dir_.path() / "absent").string()), HasSubstr("cannot be read"));
  EXPECT_THAT(error_of(dir_.write("bad", "a: [1\nb: }")), HasSubstr("bad:2:"));
  EXPECT_THAT(error_of(dir_.write("list", "- 1")), HasSubstr("is not a kubeconfig"));
  EXPECT_THAT(error_of(dir_.write("empty", "kind: Config")), HasSubstr("--context"));
}

TEST_F(Kubeconfig, FirstFileWinsWhenMerging) {
  std::string first = dir_.write("first", R"(
clusters: [{name: c1, cluster: {server: 'http://first'}}]
)");
  std::string second = dir_.write("second", R"(
current-context: main
clusters: [{name: c1, cluster: {server: 'http://second'}}]
contexts: [{name: main, context: {cluster: c1}}]
)");
  auto config = load_kubeconfig({first, second}, "");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "http://first");
}

class Environment : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HOME"}) ::unsetenv(name);
  }
  tests::TempDir dir_;
};

TEST_F(Environment, KubeconfigListSkipsAbsentFiles) {
  std::string path = dir_.write("k", R"(
current-context: m
clusters: [{name: c, cluster: {server: 'http://x'}}]
contexts: [{name: m, context: {cluster: c}}]
)");
  ::setenv("KUBECONFIG", ((dir_.path() / "absent").string() + ":" + path).c_str(), 1);
  auto config = discover_config("", "");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "http://x");
  ::setenv("KUBECONFIG", (dir_.path() / "absent").string().c_str(), 1);
  EXPECT_FALSE(discover_config("", ""));
}

TEST_F(Environment, NothingFoundNamesTheRemedy) {
  auto config = discover_config("", "");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("--kubeconfig"));
}

class CredentialFiles : public testing::Test {
 protected:
  CredentialFiles() {
    config_.token.path = dir_.write("token", "first\n");
    config_.ca.text = "CA";
  }
  tests::TempDir dir_;
  tests::FakeClock clock_;
  ops::Log log_{[](std::string_view) {}};
  ClusterConfig config_;
};

TEST_F(CredentialFiles, TokenIsReadAgainAfterAWhileOrOnDemand) {
  CredentialStore store(config_, clock_, log_);
  auto first = store.current();
  ASSERT_TRUE(first);
  EXPECT_EQ((*first)->authorization, "Bearer first");
  dir_.write("token", "second");
  EXPECT_EQ(*store.current(), *first) << "not before the refresh time";
  clock_.advance(CredentialStore::kRefresh);
  auto second = store.current();
  ASSERT_TRUE(second);
  EXPECT_EQ((*second)->authorization, "Bearer second");
  clock_.advance(CredentialStore::kRefresh);
  EXPECT_EQ(*store.current(), *second) << "same pointer while nothing changed";
  dir_.write("token", "third");
  store.expire();
  EXPECT_EQ((*store.current())->authorization, "Bearer third");
}

TEST_F(CredentialFiles, UnreadableFileKeepsTheOldValue) {
  CredentialStore store(config_, clock_, log_);
  ASSERT_TRUE(store.current());
  std::filesystem::remove((dir_.path() / "token").string());
  clock_.advance(CredentialStore::kRefresh);
  auto kept = store.current();
  ASSERT_TRUE(kept);
  EXPECT_EQ((*kept)->authorization, "Bearer first");
}

TEST_F(CredentialFiles, NeverReadableIsAnErrorThatNamesTheFile) {
  config_.ca = {.text = "", .path = (dir_.path() / "absent").string()};
  CredentialStore store(config_, clock_, log_);
  auto result = store.current();
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr((dir_.path() / "absent").string()));
}

TEST_F(CredentialFiles, HeaderInjectionThroughATokenIsRefused) {
  dir_.write("token", "a\r\nX-Evil: 1");
  CredentialStore store(config_, clock_, log_);
  EXPECT_FALSE(store.current());
}

TEST_F(CredentialFiles, UserAndPasswordBecomeBasicAuth) {
  config_.token = {};
  config_.username = "me";
  config_.password = "pw";
  CredentialStore store(config_, clock_, log_);
  EXPECT_EQ((*store.current())->authorization, "Basic bWU6cHc=");
}

}  // namespace
}  // namespace natrix::kube
