// What of the server concerns JetStream.
#include "broker/base/version.h"
#include "broker/jetstream/api/jetstream.h"
#include "broker/jetstream/model/limits.h"
#include "broker/server/server.h"

namespace natrix::server {

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

bool Server::jetstream_can_write() const {
  return !jetstream_ || jetstream_->can_write();
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
  return info;
}

}  // namespace natrix::server
