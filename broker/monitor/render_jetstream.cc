#include <algorithm>

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

Json consumer_details(const std::vector<std::string>& texts, const JszView& view) {
  Json out = Json::array();
  for (const std::string& text : texts) {
    Json& one = out.emplace_back(Json::parse(text));
    if (!view.config) one.erase("config");
  }
  return out;
}

Json stream_detail(const JetStreamStream& stream, const JszView& view) {
  Json info = Json::parse(stream.info);
  Json out = {{"name", info["config"]["name"]}, {"created", info["created"]}};
  if (view.config) out["config"] = info["config"];
  out["state"] = info["state"];
  put_if(out, "consumer_detail", consumer_details(stream.consumers, view));
  if (view.direct_consumers) {
    put_if(out, "direct_consumer_detail", consumer_details(stream.direct_consumers, view));
  }
  for (const char* origin : {"mirror", "sources"}) {
    if (info.contains(origin)) out[origin] = info[origin];
  }
  return out;
}

Json account_detail(const JetStreamAccount& account, const JszView& view) {
  Json out = {
      {"name", account.name},
      {"id", account.name},
      {"memory", account.memory},
      {"storage", account.storage},
      {"reserved_memory", account.reserved_memory},
      {"reserved_storage", account.reserved_storage},
      {"accounts", 0},
      {"ha_assets", 0},
      {"api", {{"level", 0}, {"total", account.api_total}, {"errors", account.api_errors}}}};
  Json streams = Json::array();
  for (const JetStreamStream& stream : account.streams) {
    streams.push_back(stream_detail(stream, view));
  }
  put_if(out, "stream_detail", streams);
  return out;
}

}  // namespace

Json jetstream_of_varz(const ServerInfo& info) {
  if (!info.jetstream) return Json::object();
  return {{"config", config(*info.jetstream)}, {"stats", stats(*info.jetstream)}};
}

Json render_jsz(const ServerInfo& info, const JetStreamPage& page, const JszView& view, Time now) {
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
  if (!view.details) return out;
  Json accounts = Json::array();
  auto from = std::min(static_cast<size_t>(view.offset), page.accounts.size());
  auto to = std::min(from + static_cast<size_t>(view.limit), page.accounts.size());
  for (size_t i = from; i < to; ++i) accounts.push_back(account_detail(page.accounts[i], view));
  put_if(out, "account_details", accounts);
  put_if(out, "consumers_left_out", page.left_out);
  return out;
}

}  // namespace natrix::monitor
