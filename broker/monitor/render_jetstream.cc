#include "broker/monitor/render.h"
#include "broker/monitor/render_parts.h"

namespace natrix::monitor {
namespace {

Json config(const JetStreamInfo& info) {
  Json out = {{"max_memory", info.max_memory}, {"max_storage", info.max_storage}};
  put_if(out, "store_dir", info.store_dir);
  put_if(out, "sync_interval", info.sync_interval.count());
  put_if(out, "sync_always", !info.store_dir.empty() && info.sync_interval.count() == 0);
  put_if(out, "domain", info.domain);
  put_if(out, "strict", info.strict);
  return out;
}

Json stats(const JetStreamInfo& info) {
  return {
      {"memory", info.memory},
      {"storage", info.storage},
      {"reserved_memory", info.reserved_memory},
      {"reserved_storage", info.reserved_storage},
      {"accounts", info.accounts},
      {"ha_assets", 0},
      {"api", {{"level", info.api_level}, {"total", info.api_total}, {"errors", info.api_errors}}}};
}

}  // namespace

Json jetstream_of_varz(const ServerInfo& info) {
  if (!info.jetstream) return Json::object();
  return {{"config", config(*info.jetstream)}, {"stats", stats(*info.jetstream)}};
}

Json render_jsz(const ServerInfo& info, Time now) {
  JetStreamInfo nothing;
  nothing.strict = false;
  const JetStreamInfo& jetstream = info.jetstream ? *info.jetstream : nothing;
  Json out = stats(jetstream);
  out.update(page_head(info.server_id, now));
  if (!info.jetstream) out["disabled"] = true;
  out["config"] = config(jetstream);
  out["streams"] = jetstream.streams;
  out["consumers"] = jetstream.consumers;
  out["messages"] = jetstream.messages;
  out["bytes"] = jetstream.bytes;
  out["total"] = jetstream.accounts;
  return out;
}

}  // namespace natrix::monitor
