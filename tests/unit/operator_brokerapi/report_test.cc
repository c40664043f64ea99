#include "operator/brokerapi/report.h"

#include <gtest/gtest.h>

namespace natrix::brokerapi {
namespace {

Pages good() {
  return {
      R"({"server_id": "NABC", "server_name": "nats-0", "version": "2.12.0"})",
      R"({"routes": [{"remote_id": "A"}, {"remote_id": "A"}, {"remote_id": "B"}, {"remote_id": 3}, 7]})",
      200, R"({"status": "ok"})"};
}

TEST(ReadPages, TellsWhatTheServerSays) {
  const auto report = read_pages(good());
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->server_id, "NABC");
  EXPECT_EQ(report->server_name, "nats-0");
  EXPECT_EQ(report->version, "2.12.0");
  EXPECT_EQ(report->routed_servers, 2) << "servers, not connections";
  EXPECT_TRUE(report->healthy);
}

TEST(ReadPages, TellsWhichConfigurationAndCertificatesAreInUse) {
  Pages pages = good();
  ServerReport none = *read_pages(pages);
  EXPECT_EQ(none.config_digest + none.client_certificate.serial + none.route_certificate.serial,
            "");
  EXPECT_FALSE(none.reloads_by_itself);
  pages.varz = R"({"server_id": "A", "version": "2", "config_digest": "sha256:ab",
    "natrix_reload_interval": 2000000000, "tls_cert_serial": "0f", "tls_cert_not_after": "2027-01-02T03:04:05Z",
    "cluster": {"tls_cert_serial": "10", "tls_cert_not_after": "2028-01-02T03:04:05Z"}})";
  const auto report = read_pages(pages);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->config_digest, "sha256:ab");
  EXPECT_TRUE(report->reloads_by_itself);
  EXPECT_EQ(report->client_certificate.serial, "0f");
  EXPECT_EQ(report->client_certificate.not_after, "2027-01-02T03:04:05Z");
  EXPECT_EQ(report->route_certificate.serial, "10");
  EXPECT_EQ(report->route_certificate.not_after, "2028-01-02T03:04:05Z");
  pages.varz =
      R"({"server_id": "A", "version": "2", "cluster": 3, "natrix_reload_interval": "2s"})";
  EXPECT_FALSE(read_pages(pages)->reloads_by_itself);
}

TEST(ReadPages, KeepsTheServersWordsWhenItIsNotHealthy) {
  Pages pages = good();
  pages.health_status = 503;
  pages.healthz = R"({"status": "unavailable", "error": "JetStream has no leader"})";
  EXPECT_FALSE(read_pages(pages)->healthy);
  EXPECT_EQ(read_pages(pages)->health, "JetStream has no leader (503)");
  pages.healthz = R"({"status": "unavailable"})";
  EXPECT_EQ(read_pages(pages)->health, "unavailable (503)");
  pages.healthz = "<html>";
  EXPECT_EQ(read_pages(pages)->health, "no JSON from /healthz (503)");
}

TEST(ReadPages, RefusesWhatIsNoServer) {
  for (const char* varz : {"", "[]", "{}", "not json", R"({"server_id": 1, "version": "2"})",
                           R"({"server_id": "A"})"}) {
    Pages pages = good();
    pages.varz = varz;
    EXPECT_FALSE(read_pages(pages).ok()) << varz;
  }
  Pages pages = good();
  pages.routez = "3";
  EXPECT_EQ(read_pages(pages).error().message, "/routez is not a JSON object");
  pages = good();
  pages.varz = R"({"server_id": "A", "version": ")" + std::string(1000, 'x') + "\"}";
  EXPECT_FALSE(read_pages(pages).ok()) << "would end up in the status";
}

TEST(ReadPages, AServerWithoutRoutesHasNone) {
  Pages pages = good();
  pages.routez = R"({"num_routes": 0})";
  EXPECT_EQ(read_pages(pages)->routed_servers, 0);
}

}  // namespace
}  // namespace natrix::brokerapi
