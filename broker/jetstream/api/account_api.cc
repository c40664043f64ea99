// The parts of the API that concern an account or the cluster.
#include "broker/jetstream/api/jetstream.h"

namespace natrix::jetstream::api {

void JetStream::account_info(Request& request) {
  JetStreamAccount& account = *request.account;
  model::AccountInfo info;
  info.memory = static_cast<uint64_t>(account.usage.memory_bytes.load());
  info.storage = static_cast<uint64_t>(account.usage.file_bytes.load());
  info.reserved_memory = static_cast<uint64_t>(account.reserved(model::StorageType::kMemory));
  info.reserved_storage = static_cast<uint64_t>(account.reserved(model::StorageType::kFile));
  info.streams = static_cast<int64_t>(account.streams.size());
  info.consumers = account.usage.consumers.load();
  info.domain = options_.domain;
  info.api = {model::kServerApiLevel, shared_.api_total.load(), shared_.api_errors.load()};
  reply(request, Response(request.kind).members(model::to_text(info)));
}

void JetStream::not_clustered(Request& request) {
  fail(request, model::api_error(model::Err::kClusterRequired));
}

}  // namespace natrix::jetstream::api
