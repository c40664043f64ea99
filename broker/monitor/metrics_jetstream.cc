// JetStream in Prometheus' terms: the official exporter's jetstream_* (collector/jsz.go of
// nats-io/prometheus-nats-exporter), and natrix_jetstream_* for what it does not know.
#include "broker/monitor/metric_families.h"
#include "broker/monitor/render_parts.h"

namespace natrix::monitor {
namespace {

// A server alone leads all it has.
Labels server_labels(const ServerInfo& server) {
  return {{"server_id", server.server_name},
          {"server_name", server.server_name},
          {"cluster", server.cluster.name},
          {"domain", server.jetstream ? server.jetstream->domain : ""},
          {"meta_leader", ""},
          {"is_meta_leader", "true"}};
}

Labels with(Labels labels, Labels more) {
  labels.insert(labels.end(), more.begin(), more.end());
  return labels;
}

void add_totals(Families& out, const ServerInfo& server, const Labels& labels) {
  const JetStreamInfo info = server.jetstream.value_or(JetStreamInfo{});
  out.gauge("jetstream_server_jetstream_disabled", "JetStream disabled or not",
            server.jetstream ? 0 : 1, labels);
  if (!server.jetstream) return;
  auto total = [&](const char* name, const char* help, auto value) {
    out.gauge(name, help, static_cast<double>(value), labels);
  };
  total("jetstream_server_max_memory", "JetStream Max Memory", info.max_memory);
  total("jetstream_server_max_storage", "JetStream Max Storage", info.max_storage);
  total("jetstream_server_total_streams", "Total number of streams in JetStream", info.streams);
  total("jetstream_server_total_consumers", "Total number of consumers in JetStream",
        info.consumers);
  total("jetstream_server_total_messages", "Total number of stored messages in JetStream",
        info.messages);
  total("jetstream_server_total_message_bytes", "Total number of bytes stored in JetStream",
        info.bytes);
}

double at(const Json& object, const char* part, const char* name) {
  return object.at(part).value(name, 0.0);
}

void add_consumer(Families& out, const Json& info, const Labels& stream) {
  const Json config = info.value("config", Json::object());
  Labels labels = with(stream, {{"consumer_name", info.value("name", "")},
                                {"consumer_leader", ""},
                                {"is_consumer_leader", "true"},
                                {"consumer_desc", config.value("description", "")},
                                {"consumer_created", info.value("created", "")}});
  auto sample = [&](const char* name, const char* help, double value) {
    out.gauge(std::string("jetstream_consumer_") + name, help, value, labels);
  };
  sample("delivered_consumer_seq", "Latest sequence number of a stream consumer",
         at(info, "delivered", "consumer_seq"));
  sample("delivered_stream_seq", "Latest sequence number of a stream",
         at(info, "delivered", "stream_seq"));
  sample("num_ack_pending", "Number of pending acks from a consumer",
         info.value("num_ack_pending", 0.0));
  sample("num_redelivered", "Number of redelivered messages from a consumer",
         info.value("num_redelivered", 0.0));
  sample("num_waiting", "Number of inflight fetch requests from a pull consumer",
         info.value("num_waiting", 0.0));
  sample("num_pending", "Number of pending messages from a consumer",
         info.value("num_pending", 0.0));
  sample("ack_floor_stream_seq", "Number of ack floor stream seq from a consumer",
         at(info, "ack_floor", "stream_seq"));
  sample("ack_floor_consumer_seq", "Number of ack floor consumer seq from a consumer",
         at(info, "ack_floor", "consumer_seq"));
}

void add_stream(Families& out, const JetStreamStream& stream, const Labels& account) {
  const Json info = Json::parse(stream.info);
  Labels labels = with(account, {{"stream_name", info.at("config").value("name", "")},
                                 {"stream_leader", ""},
                                 {"is_stream_leader", "true"}});
  auto sample = [&](const char* name, const char* help, const char* field) {
    out.gauge(std::string("jetstream_stream_") + name, help, at(info, "state", field), labels);
  };
  sample("total_messages", "Total number of messages from a stream", "messages");
  sample("total_bytes", "Total stored bytes from a stream", "bytes");
  sample("first_seq", "First sequence from a stream", "first_seq");
  sample("last_seq", "Last sequence from a stream", "last_seq");
  sample("consumer_count", "Total number of consumers from a stream", "consumer_count");
  for (const std::string& text : stream.consumers) {
    add_consumer(out, Json::parse(text), labels);
  }
}

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

void add_store(Families& out, const JetStreamInfo& info) {
  const StoreCounts& store = info.store;
  auto counter = [&](const char* name, const char* help, auto value) {
    out.counter(std::string("natrix_jetstream_") + name, help, static_cast<double>(value));
  };
  auto gauge = [&](const char* name, const char* help, auto value) {
    out.gauge(std::string("natrix_jetstream_") + name, help, static_cast<double>(value));
  };
  gauge("sync_interval_seconds",
        "How long what is acknowledged may stay unsynced; 0: synced before it is acknowledged.",
        seconds(info.sync_interval));
  counter("syncs_total", "Syncs of the store; each is shared by all writes that waited.",
          store.synced_batches);
  counter("synced_records_total", "Records that these syncs made durable.", store.synced_records);
  counter("sync_seconds_total", "Time spent in these syncs.", seconds(store.sync_time));
  gauge("sync_seconds_max", "The longest of these syncs.", seconds(store.sync_time_max));
  counter("written_bytes_total", "Bytes written to the store, rewriting included.",
          store.written_bytes);
  counter("failed_writes_total", "Batches that could not be written or synced.",
          store.failed_batches);
  counter("damage_reports_total", "Damaged places found in files of the store.",
          store.damage_reports);
  gauge("store_files", "Segments of the store.", store.segments);
  gauge("store_bytes", "Size of the store on disk.", store.disk_bytes);
  gauge("store_buffered_bytes", "Accepted and not written yet.", store.buffered_bytes);
  gauge("store_writable", "0 while the last write or sync failed.", store.writable ? 1 : 0);
}

}  // namespace

void add_jetstream(Families& out, const ServerInfo& server,
                   const std::optional<JetStreamPage>& page) {
  const Labels labels = server_labels(server);
  add_totals(out, server, labels);
  if (!server.jetstream) return;
  add_store(out, *server.jetstream);
  if (!page) return;
  for (const JetStreamAccount& account : page->accounts) {
    for (const JetStreamStream& stream : account.streams) {
      add_stream(out, stream,
                 with(labels, {{"account", account.name}, {"account_id", account.name}}));
    }
  }
  out.gauge("natrix_jetstream_consumers_left_out",
            "Consumers without series of their own, because there are too many.",
            static_cast<double>(page->left_out));
}

}  // namespace natrix::monitor
