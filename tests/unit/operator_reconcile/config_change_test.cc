// Changed configurations and certificates: a reload where it can be seen to succeed, else a
// restart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/resources.h"
#include "operator/reconcile/config_change.h"
#include "tests/support/test_certs.h"
#include "tests/unit/operator_reconcile/world.h"

namespace natrix::reconcile {
namespace {

using testing::Contains;
using testing::HasSubstr;

constexpr const char* kNs = "default";
constexpr const char* kBigger = R"({"config": {"nats": {"maxPayload": "2MB"}}})";

class ConfigChanges : public testing::Test {
 protected:
  void SetUp() override {
    // Certificates are valid from now on, in the real world's time.
    world_.clock().advance(std::chrono::duration_cast<ops::Duration>(
        std::chrono::system_clock::now() - world_.clock().wall() + std::chrono::hours(1)));
    world_.reload_after = 3;
  }
  void make(const std::string& spec) {
    world_.apply_cluster(spec);
    world_.settle(*reconciler_);
    before_ = world_.pods();
    ASSERT_EQ(world_.condition("Ready"), "True/AllServersReady");
  }
  void change(const std::string& spec) {
    world_.apply_cluster(spec);
    world_.settle(*reconciler_);
  }
  void go_on(int moves) {
    for (int i = 0; i < moves; ++i) {
      reconciler_->reconcile(kNs, "nats");
      world_.step();
    }
  }
  Json config() const { return world_.cluster()["status"]["config"]; }
  void put_certificate(const std::string& secret) {
    const tests::CertAndKey pair = authority_.issue({{"CN", "nats"}}, {}, 30);
    world_.put_secret(
        secret,
        {{"tls.crt", pair.cert_pem}, {"tls.key", pair.key_pem}, {"ca.crt", authority_.cert_pem()}});
    serial_ = brokerconf::read_certificate(pair.cert_pem, pair.key_pem, "")->serial;
  }

  World world_;
  tests::TestAuthority authority_{"ca"};
  std::unique_ptr<ClusterReconciler> reconciler_ = world_.start();
  std::map<std::string, std::string> before_;
  std::string serial_;
};

constexpr const char* kTls = R"({"config": {
  "nats": {"tls": {"enabled": true, "secretName": "client"}},
  "cluster": {"tls": {"enabled": true, "secretName": "route"}}}})";

TEST_F(ConfigChanges, AreReloadedAndSeen) {
  make("{}");
  world_.apply_cluster(kBigger);
  go_on(2);
  EXPECT_EQ(world_.condition("ConfigApplied"), "False/Reloading");
  EXPECT_EQ(world_.condition("Progressing"), "True/Reloading");
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady") << "clients are served all the time";
  EXPECT_EQ(config()["appliedServers"], 0);
  world_.settle(*reconciler_);
  EXPECT_EQ(world_.condition("ConfigApplied"), "True/UpToDate");
  EXPECT_EQ(config()["appliedServers"], 3);
  EXPECT_EQ(config()["method"], "Reload");
  EXPECT_EQ(world_.pods(), before_) << "nobody was restarted";
}

TEST_F(ConfigChanges, BackAndForthNeedsNoRestart) {
  make("{}");
  change(kBigger);
  change("{}");
  EXPECT_EQ(world_.condition("ConfigApplied"), "True/UpToDate");
  change(kBigger);
  EXPECT_EQ(config()["method"], "Reload");
  EXPECT_EQ(config()["appliedServers"], 3);
  EXPECT_EQ(world_.pods(), before_);
}

TEST_F(ConfigChanges, AnOperatorThatHasForgottenEverythingRestartsNobody) {
  make("{}");
  change(kBigger);
  reconciler_ = world_.start();
  world_.settle(*reconciler_);
  change(R"({"replicas": 5, "config": {"nats": {"maxPayload": "2MB"}}})");
  EXPECT_EQ(world_.condition("ConfigApplied"), "True/UpToDate");
  for (const auto& [name, uid] : before_) EXPECT_EQ(world_.pods()[name], uid) << name;
  world_.clock().advance(std::chrono::hours(1));
  change(R"({"replicas": 2, "config": {"nats": {"maxPayload": "2MB"}}})");
  EXPECT_EQ(world_.pods()["nats-0"], before_["nats-0"]);
}

TEST_F(ConfigChanges, WhatIsReadOnlyAtStartRestarts) {
  make("{}");
  change(R"({"config": {"cluster": {"name": "other"}}})");
  EXPECT_EQ(config()["method"], "Restart");
  EXPECT_THAT(config()["why"].get<std::string>(), HasSubstr("cluster"));
  EXPECT_EQ(config()["appliedServers"], 3);
  for (const auto& [name, uid] : world_.pods()) EXPECT_NE(uid, before_[name]) << name;
}

TEST_F(ConfigChanges, ServersThatDoNotReloadAreRestarted) {
  world_.reload_after.reset();
  make("{}");
  change(kBigger);
  EXPECT_EQ(config()["method"], "Restart");
  EXPECT_EQ(config()["why"], "server nats-0 does not reload by itself");
  for (const auto& [name, uid] : world_.pods()) EXPECT_NE(uid, before_[name]) << name;
}

TEST_F(ConfigChanges, AServerThatDoesNotTakeItUpIsRestartedAfterAWhile) {
  make("{}");
  world_.deaf = {"nats-1"};
  world_.apply_cluster(kBigger);
  go_on(20);
  EXPECT_EQ(world_.pods(), before_);
  EXPECT_EQ(config()["appliedServers"], 2);
  world_.clock().advance(kReloadTime);
  world_.settle(*reconciler_);
  EXPECT_EQ(config()["method"], "Restart");
  EXPECT_EQ(config()["why"], "server nats-1 did not take it up by a reload");
  EXPECT_EQ(config()["appliedServers"], 3);
  EXPECT_NE(world_.pods()["nats-1"], before_["nats-1"]);
}

TEST_F(ConfigChanges, APausedClusterWaitsAndThenReloads) {
  make("{}");
  world_.apply_cluster(R"({"paused": true, "config": {"nats": {"maxPayload": "2MB"}}})");
  go_on(5);
  world_.clock().advance(kReloadTime * 2);
  go_on(5);
  const uint64_t before = world_.revision();
  go_on(3);
  EXPECT_EQ(world_.revision(), before) << "nothing is written when nothing changes";
  change(kBigger);
  EXPECT_EQ(config()["method"], "Reload");
  EXPECT_EQ(config()["appliedServers"], 3);
  EXPECT_EQ(world_.pods(), before_);
}

TEST_F(ConfigChanges, RenewedCertificatesAreServedWithoutARestart) {
  put_certificate("route");
  put_certificate("client");
  make(kTls);
  EXPECT_EQ(world_.condition("CertificatesValid"), "True/AsExpected");
  const std::string old = serial_;
  EXPECT_EQ(world_.cluster()["status"]["certificates"][0]["serial"], old);
  put_certificate("client");
  go_on(2);
  EXPECT_EQ(world_.condition("CertificatesValid"), "True/Renewing");
  EXPECT_EQ(world_.condition("ConfigApplied"), "False/Reloading");
  world_.settle(*reconciler_);
  EXPECT_EQ(world_.condition("CertificatesValid"), "True/AsExpected");
  const Json shown = world_.cluster()["status"]["certificates"][0];
  EXPECT_EQ(shown["listener"], "client");
  EXPECT_EQ(shown["serial"], serial_);
  EXPECT_EQ(shown["servers"], 3);
  EXPECT_EQ(config()["method"], "Reload");
  EXPECT_EQ(world_.pods(), before_);
  EXPECT_THAT(world_.event_reasons(), Contains("CertificateRenewed"));
}

TEST_F(ConfigChanges, RenewedCertificatesRestartServersThatCannotReload) {
  world_.reload_after.reset();
  put_certificate("route");
  put_certificate("client");
  make(kTls);
  put_certificate("route");
  world_.settle(*reconciler_);
  EXPECT_EQ(config()["method"], "Restart");
  for (const auto& [name, uid] : world_.pods()) EXPECT_NE(uid, before_[name]) << name;
}

TEST_F(ConfigChanges, ACertificateThatNobodyCanUseChangesNothing) {
  put_certificate("route");
  put_certificate("client");
  make(kTls);
  const tests::CertAndKey other = authority_.issue("other");
  world_.put_secret("client", {{"tls.crt", authority_.issue("nats").cert_pem},
                               {"tls.key", other.key_pem},
                               {"ca.crt", authority_.cert_pem()}});
  go_on(3);
  EXPECT_EQ(world_.condition("CertificatesValid"), "False/CertificateInvalid");
  EXPECT_EQ(world_.condition("Reconciled"), "False/CertificateInvalid");
  EXPECT_THAT(world_.condition_message("CertificatesValid"),
              HasSubstr("Secret client, named in spec.config.nats.tls: the key is not that of"));
  EXPECT_EQ(world_.pods(), before_);
  EXPECT_THAT(world_.event_reasons(), Contains("CertificateInvalid"));
  put_certificate("client");
  world_.settle(*reconciler_);
  EXPECT_EQ(world_.condition("CertificatesValid"), "True/AsExpected");
}

TEST_F(ConfigChanges, CertificatesThatEnd) {
  put_certificate("route");
  put_certificate("client");
  make(kTls);
  world_.clock().advance(std::chrono::hours(24 * 28));
  go_on(2);
  EXPECT_EQ(world_.condition("CertificatesValid"), "True/CertificateExpiring");
  world_.clock().advance(std::chrono::hours(24 * 3));
  go_on(2);
  EXPECT_EQ(world_.condition("CertificatesValid"), "False/CertificateExpired");
  EXPECT_THAT(world_.event_reasons(), Contains("CertificateExpired"));
  EXPECT_EQ(world_.pods(), before_);
}

TEST_F(ConfigChanges, AMissingCertificateIsWaitedFor) {
  world_.apply_cluster(kTls);
  go_on(3);
  EXPECT_EQ(world_.condition("Reconciled"), "False/SecretMissing");
  EXPECT_EQ(world_.condition("CertificatesValid"), "Unknown/SecretMissing");
  EXPECT_FALSE(world_.exists(kube::kStatefulSets, "nats"));
  put_certificate("route");
  put_certificate("client");
  world_.settle(*reconciler_);
  EXPECT_EQ(world_.condition("Ready"), "True/AllServersReady");
}

TEST_F(ConfigChanges, WithoutTlsThereIsNothingToSay) {
  make("{}");
  EXPECT_EQ(world_.condition("CertificatesValid"), "True/NoCertificates");
  EXPECT_FALSE(world_.cluster()["status"].contains("certificates"));
}

}  // namespace
}  // namespace natrix::reconcile
