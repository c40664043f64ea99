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
