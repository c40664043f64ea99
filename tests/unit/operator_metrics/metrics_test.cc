#include "operator/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/metrics/process.h"

namespace natrix::metrics {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

TEST(Metrics, CountsPassesByResult) {
  Metrics metrics("0");
  EXPECT_THAT(metrics.expose(), HasSubstr("natrix_operator_reconcile_total{result=\"error\"} 0"));
  metrics.reconciled(PassResult::kSuccess, 20ms);
  metrics.reconciled(PassResult::kSuccess, 2s);
  metrics.reconciled(PassResult::kError, 1ms);
  std::string page = metrics.expose();
  EXPECT_THAT(page, HasSubstr("natrix_operator_reconcile_total{result=\"success\"} 2"));
  EXPECT_THAT(page, HasSubstr("natrix_operator_reconcile_total{result=\"error\"} 1"));
  EXPECT_THAT(page, HasSubstr("natrix_operator_reconcile_duration_seconds_count 3"));
  EXPECT_THAT(page, HasSubstr("natrix_operator_reconcile_duration_seconds_bucket{le=\"0.025\"} 2"));
}

TEST(Metrics, CountsRequestsByVerbAndCode) {
  Metrics metrics("0");
  metrics.api_request("get", 200, 1ms);
  metrics.api_request("get", 200, 1ms);
  metrics.api_request("apply", 0, 1ms);
  metrics.api_request("watch", 200, 300s);
  metrics.api_request("get", 77777, 1ms);
  std::string page = metrics.expose();
  EXPECT_THAT(page, HasSubstr("natrix_operator_api_requests_total{code=\"200\",verb=\"get\"} 2"));
  EXPECT_THAT(page, HasSubstr("{code=\"none\",verb=\"apply\"} 1"));
  EXPECT_THAT(page, HasSubstr("{code=\"200\",verb=\"watch\"} 1"));
  EXPECT_THAT(page, HasSubstr("{code=\"other\",verb=\"get\"} 1"));
  EXPECT_THAT(page,
              HasSubstr("natrix_operator_api_request_duration_seconds_count{verb=\"get\"} 3"));
  EXPECT_THAT(page, Not(HasSubstr("duration_seconds_count{verb=\"watch\"}")));
}

TEST(Metrics, AsksItsSourcesWhenScraped) {
  Metrics metrics("0");
  EXPECT_THAT(metrics.expose(), Not(HasSubstr("natrix_operator_leader")));
  bool leader = false;
  metrics.set_sources(
      {.queue = [] { return QueueLevels{.ready = 3, .delayed = 4, .running = 2, .adds = 9}; },
       .watches =
           [] { return std::vector{WatchedType{.type = "pods", .synced = true, .objects = 7}}; },
       .leader = [&] { return leader; }});
  std::string page = metrics.expose();
  EXPECT_THAT(page, HasSubstr("natrix_operator_queue_depth 3"));
  EXPECT_THAT(page, HasSubstr("# TYPE natrix_operator_queue_adds_total counter"));
  EXPECT_THAT(page, HasSubstr("natrix_operator_watch_objects{type=\"pods\"} 7"));
  EXPECT_THAT(page, HasSubstr("natrix_operator_leader 0"));
  leader = true;
  EXPECT_THAT(metrics.expose(), HasSubstr("natrix_operator_leader 1"));
}

TEST(Metrics, QueueWaitIsObserved) {
  Metrics metrics("0");
  metrics.queued_for(20ms);
  EXPECT_THAT(metrics.expose(),
              HasSubstr("natrix_operator_queue_wait_seconds_bucket{le=\"0.05\"} 1"));
}

TEST(ProcessStats, AreOfThisProcess) {
  ProcessStats stats = read_process_stats();
  EXPECT_GT(stats.resident_bytes, 1e6);
  EXPECT_LT(stats.resident_bytes, 1e12);
  EXPECT_GE(stats.open_fds, 3);
  double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LT(stats.start_time_seconds, now + 2);
  EXPECT_GT(stats.start_time_seconds, now - 3600);
}

}  // namespace
}  // namespace natrix::metrics
