// What of the server concerns JetStream.
#include <fmt/format.h>

#include "broker/base/version.h"
#include "broker/jetstream/api/jetstream.h"
#include "broker/jetstream/model/codec.h"
#include "broker/jetstream/model/limits.h"
#include "broker/server/server.h"

namespace natrix::server {

using jetstream::api::Found;

namespace {

monitor::StoreCounts to_monitor(const storage::StoreMetrics& metrics) {
  monitor::StoreCounts counts;
  counts.synced_batches = metrics.synced_batches;
  counts.synced_records = metrics.synced_records;
  counts.sync_time = std::chrono::nanoseconds(metrics.sync_nanos);
  counts.sync_time_max = std::chrono::nanoseconds(metrics.sync_nanos_max);
  counts.written_bytes = metrics.written_bytes;
  counts.failed_batches = metrics.failed_batches;
  counts.damage_reports = metrics.damage_reports;
  counts.segments = metrics.segments;
  counts.disk_bytes = metrics.disk_bytes;
  counts.buffered_bytes = metrics.buffered_bytes;
  counts.writable = metrics.writable;
  return counts;
}

std::vector<std::string> to_texts(const std::vector<jetstream::model::ConsumerInfo>& consumers) {
  std::vector<std::string> texts;
  texts.reserve(consumers.size());
  for (const auto& one : consumers) texts.push_back(jetstream::model::to_text(one));
  return texts;
}

monitor::JetStreamAccount to_monitor(const jetstream::api::AccountReport& report) {
  monitor::JetStreamAccount account;
  account.name = report.name;
  account.memory = report.memory;
  account.storage = report.file;
  account.reserved_memory = report.reserved_memory;
  account.reserved_storage = report.reserved_file;
  account.api_total = report.api_total;
  account.api_errors = report.api_errors;
  for (const jetstream::api::StreamReport& stream : report.streams) {
    account.streams.push_back({jetstream::model::to_text(stream.info), to_texts(stream.consumers),
                               to_texts(stream.direct_consumers)});
  }
  return account;
}

monitor::Health::Problem absent(Found found, const monitor::HealthQuery& query) {
  monitor::Health::Problem problem{.absent = true, .account = query.account};
  if (found == Found::kNoAccount) {
    problem.type = "ACCOUNT";
    problem.error = fmt::format("JetStream account \"{}\" not found", query.account);
    return problem;
  }
  problem.stream = query.stream;
  if (found == Found::kNoStream) {
    problem.type = "STREAM";
    problem.error = fmt::format("JetStream stream \"{}\" not found on account \"{}\"", query.stream,
                                query.account);
    return problem;
  }
  problem.consumer = query.consumer;
  problem.type = "CONSUMER";
  problem.error =
      fmt::format("JetStream consumer \"{}\" not found for stream \"{}\" on account \"{}\"",
                  query.consumer, query.stream, query.account);
  return problem;
}

}  // namespace

Result<void> Server::start_jetstream() {
  if (!options_.jetstream.enabled) return {};
  auto made = std::make_unique<jetstream::api::JetStream>(
      options_.jetstream,
      jetstream::api::JetStreamNeeds{mesh_.routers, accounts_, log_, options_.server_name,
                                     std::string(kNatsVersion), options_.max_pending});
  if (Result<void> started = made->start(); !started) return started;
  jetstream_ = std::move(made);
  return {};
}

std::optional<monitor::JetStreamInfo> Server::describe_jetstream() const {
  if (!jetstream_) return std::nullopt;
  jetstream::api::Totals totals = jetstream_->totals();
  monitor::JetStreamInfo info;
  info.store_dir = totals.store_dir;
  info.domain = totals.domain;
  info.max_memory = totals.max_memory;
  info.max_storage = totals.max_file;
  info.sync_interval = std::chrono::nanoseconds(totals.sync_interval);
  info.strict = options_.jetstream.strict;
  info.memory = totals.memory;
  info.storage = totals.file;
  info.reserved_memory = totals.reserved_memory;
  info.reserved_storage = totals.reserved_file;
  info.accounts = totals.accounts;
  info.streams = totals.streams;
  info.consumers = totals.consumers;
  info.messages = totals.messages;
  info.bytes = totals.bytes;
  info.api_level = jetstream::model::kServerApiLevel;
  info.api_total = totals.api_total;
  info.api_errors = totals.api_errors;
  info.store = to_monitor(totals.store);
  return info;
}

std::optional<monitor::JetStreamPage> Server::jetstream_page(
    const monitor::JetStreamQuery& query) const {
  if (!jetstream_) return std::nullopt;
  jetstream::api::Report report = jetstream_->report({.account = query.account,
                                                      .streams = query.streams,
                                                      .consumers = query.consumers,
                                                      .max_consumers = monitor::kMaxPageConsumers});
  monitor::JetStreamPage page;
  for (const auto& account : report.accounts) page.accounts.push_back(to_monitor(account));
  page.left_out = static_cast<int64_t>(report.left_out);
  return page;
}

void Server::check_jetstream(const monitor::HealthQuery& query, monitor::Health& health) const {
  if (!jetstream_ || query.server_only || query.enabled_only) return;
  if (!jetstream_->can_write()) {
    health.problems.push_back(
        {.type = "JETSTREAM", .error = "the last write to the JetStream store failed"});
  }
  if (query.account.empty()) return;
  Found found = jetstream_->find(query.account, query.stream, query.consumer);
  if (found != Found::kYes) health.problems = {absent(found, query)};
}

monitor::Health Server::health(const monitor::HealthQuery& query) const {
  monitor::Health health;
  if (listen_ && !running_) {
    health.problems.push_back({.type = "CONNECTION", .error = "not accepting clients"});
    return health;
  }
  check_jetstream(query, health);
  return health;
}

}  // namespace natrix::server
