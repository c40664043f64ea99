// The fields of every object of the API: order, names, which are left out when empty. Included
// where JSON is made and read (codec), nowhere else: see json_fields.h.
#pragma once

#include "broker/jetstream/model/info.h"
#include "broker/jetstream/model/json_fields.h"
#include "broker/jetstream/model/requests.h"

namespace natrix::jetstream::model {

template <class F>
void fields(F& f, Placement& p) {
  f("cluster", p.cluster, kOmitEmpty);
  f("tags", p.tags, kOmitEmpty);
  f("preferred", p.preferred, kOmitEmpty);
}

template <class F>
void fields(F& f, SubjectTransform& t) {
  f("src", t.source);
  f("dest", t.destination);
}

template <class F>
void fields(F& f, Republish& r) {
  f("src", r.source, kOmitEmpty);
  f("dest", r.destination);
  f("headers_only", r.headers_only, kOmitEmpty);
}

template <class F>
void fields(F& f, External& e) {
  f("api", e.api_prefix);
  f("deliver", e.deliver_prefix);
}

template <class F>
void fields(F& f, SourceConsumer& c) {
  f("name", c.name, kOmitEmpty);
  f("deliver_subject", c.deliver_subject, kOmitEmpty);
}

template <class F>
void fields(F& f, StreamSource& s) {
  f("name", s.name);
  f("opt_start_seq", s.start_seq, kOmitEmpty);
  f("opt_start_time", s.start_time, kOmitEmpty);
  f("filter_subject", s.filter_subject, kOmitEmpty);
  f("subject_transforms", s.transforms, kOmitEmpty);
  f("external", s.external, kOmitEmpty);
  f("consumer", s.consumer, kOmitEmpty);
}

template <class F>
void fields(F& f, ConsumerLimits& l) {
  f("inactive_threshold", l.inactive_threshold, kOmitEmpty);
  f("max_ack_pending", l.max_ack_pending, kOmitEmpty);
}

template <class F>
void fields(F& f, StreamConfig& c) {
  f("name", c.name);
  f("description", c.description, kOmitEmpty);
  f("subjects", c.subjects, kOmitEmpty);
  f("retention", c.retention);
  f("max_consumers", c.max_consumers);
  f("max_msgs", c.max_msgs);
  f("max_bytes", c.max_bytes);
  f("max_age", c.max_age);
  f("max_msgs_per_subject", c.max_msgs_per_subject);
  f("max_msg_size", c.max_msg_size, kOmitEmpty);
  f("discard", c.discard);
  f("storage", c.storage);
  f("num_replicas", c.replicas);
  f("no_ack", c.no_ack, kOmitEmpty);
  f("duplicate_window", c.duplicate_window, kOmitEmpty);
  f("placement", c.placement, kOmitEmpty);
  f("mirror", c.mirror, kOmitEmpty);
  f("sources", c.sources, kOmitEmpty);
  f("compression", c.compression);
  f("first_seq", c.first_seq, kOmitEmpty);
  f("subject_transform", c.subject_transform, kOmitEmpty);
  f("republish", c.republish, kOmitEmpty);
  f("allow_direct", c.allow_direct);
  f("mirror_direct", c.mirror_direct);
  f("discard_new_per_subject", c.discard_new_per_subject, kOmitEmpty);
  f("sealed", c.sealed);
  f("deny_delete", c.deny_delete);
  f("deny_purge", c.deny_purge);
  f("allow_rollup_hdrs", c.allow_rollup);
  f("consumer_limits", c.consumer_limits);
  f("allow_msg_ttl", c.allow_msg_ttl);
  f("subject_delete_marker_ttl", c.subject_delete_marker_ttl, kOmitEmpty);
  f("allow_msg_counter", c.allow_msg_counter, kOmitEmpty);
  f("allow_atomic", c.allow_atomic, kOmitEmpty);
  f("allow_msg_schedules", c.allow_msg_schedules, kOmitEmpty);
  f("persist_mode", c.persist_mode, kOmitEmpty);
  f("allow_batched", c.allow_batched, kOmitEmpty);
  f("metadata", c.metadata, kOmitEmpty);
}

template <class F>
void fields(F& f, ConsumerConfig& c) {
  f("durable_name", c.durable, kOmitEmpty);
  f("name", c.name, kOmitEmpty);
  f("description", c.description, kOmitEmpty);
  f("deliver_policy", c.deliver_policy);
  f("opt_start_seq", c.start_seq, kOmitEmpty);
  f("opt_start_time", c.start_time, kOmitEmpty);
  f("ack_policy", c.ack_policy);
  f("ack_wait", c.ack_wait, kOmitEmpty);
  f("max_deliver", c.max_deliver, kOmitEmpty);
  f("backoff", c.backoff, kOmitEmpty);
  f("filter_subject", c.filter_subject, kOmitEmpty);
  f("filter_subjects", c.filter_subjects, kOmitEmpty);
  f("replay_policy", c.replay_policy);
  f("rate_limit_bps", c.rate_limit_bps, kOmitEmpty);
  f("sample_freq", c.sample_frequency, kOmitEmpty);
  f("max_waiting", c.max_waiting, kOmitEmpty);
  f("max_ack_pending", c.max_ack_pending, kOmitEmpty);
  f("flow_control", c.flow_control, kOmitEmpty);
  f("headers_only", c.headers_only, kOmitEmpty);
  f("max_batch", c.max_batch, kOmitEmpty);
  f("max_expires", c.max_expires, kOmitEmpty);
  f("max_bytes", c.max_bytes, kOmitEmpty);
  f("deliver_subject", c.deliver_subject, kOmitEmpty);
  f("deliver_group", c.deliver_group, kOmitEmpty);
  f("idle_heartbeat", c.heartbeat, kOmitEmpty);
  f("inactive_threshold", c.inactive_threshold, kOmitEmpty);
  f("num_replicas", c.replicas);
  f("mem_storage", c.memory_storage, kOmitEmpty);
  f("direct", c.direct, kOmitEmpty);
  f("sourcing", c.sourcing, kOmitEmpty);
  f("metadata", c.metadata, kOmitEmpty);
  f("pause_until", c.pause_until, kOmitEmpty);
  f("priority_groups", c.priority_groups, kOmitEmpty);
  f("priority_policy", c.priority_policy, kOmitEmpty);
  f("priority_timeout", c.priority_timeout, kOmitEmpty);
}

template <class F>
void fields(F& f, StreamRequest& r) {
  fields(f, r.config);
  f("pedantic", r.pedantic, kOmitEmpty);
}
template <class F>
void fields(F& f, ConsumerRequest& r) {
  f("stream_name", r.stream);
  f("config", r.config);
  f("action", r.action);
  f("pedantic", r.pedantic, kOmitEmpty);
}
template <class F>
void fields(F& f, StreamInfoRequest& r) {
  f("offset", r.offset);
  f("deleted_details", r.deleted_details, kOmitEmpty);
  f("subjects_filter", r.subjects_filter, kOmitEmpty);
}
template <class F>
void fields(F& f, ListRequest& r) {
  f("offset", r.offset);
  f("subject", r.subject, kOmitEmpty);
}
template <class F>
void fields(F& f, PurgeRequest& r) {
  f("seq", r.seq, kOmitEmpty);
  f("filter", r.filter, kOmitEmpty);
  f("keep", r.keep, kOmitEmpty);
}
template <class F>
void fields(F& f, MessageDeleteRequest& r) {
  f("seq", r.seq);
  f("no_erase", r.no_erase, kOmitEmpty);
}
template <class F>
void fields(F& f, MessageGetRequest& r) {
  f("seq", r.seq, kOmitEmpty);
  f("last_by_subj", r.last_by_subject, kOmitEmpty);
  f("next_by_subj", r.next_by_subject, kOmitEmpty);
  f("batch", r.batch, kOmitEmpty);
  f("max_bytes", r.max_bytes, kOmitEmpty);
  f("start_time", r.start_time, kOmitEmpty);
  f("multi_last", r.multi_last, kOmitEmpty);
  f("up_to_seq", r.up_to_seq, kOmitEmpty);
  f("up_to_time", r.up_to_time, kOmitEmpty);
  f("no_hdr", r.no_headers, kOmitEmpty);
}
template <class F>
void fields(F& f, PauseRequest& r) {
  f("pause_until", r.pause_until);
}
template <class F>
void fields(F& f, ResetRequest& r) {
  f("seq", r.seq, kOmitEmpty);
}
template <class F>
void fields(F& f, UnpinRequest& r) {
  f("group", r.group);
}
template <class F>
void fields(F& f, PullRequest& r) {
  f("expires", r.expires, kOmitEmpty);
  f("batch", r.batch, kOmitEmpty);
  f("max_bytes", r.max_bytes, kOmitEmpty);
  f("no_wait", r.no_wait, kOmitEmpty);
  f("idle_heartbeat", r.heartbeat, kOmitEmpty);
  f("group", r.group, kOmitEmpty);
  f("min_pending", r.min_pending, kOmitEmpty);
  f("min_ack_pending", r.min_ack_pending, kOmitEmpty);
  f("id", r.pin_id, kOmitEmpty);
  f("priority", r.priority, kOmitEmpty);
}

template <class F>
void fields(F& f, StreamState& s) {
  f("messages", s.messages);
  f("bytes", s.bytes);
  f("first_seq", s.first_seq);
  f("first_ts", s.first_time);
  f("last_seq", s.last_seq);
  f("last_ts", s.last_time);
  f("num_subjects", s.subject_count, kOmitEmpty);
  f("subjects", s.subjects, kOmitEmpty);
  f("num_deleted", s.deleted_count, kOmitEmpty);
  f("deleted", s.deleted, kOmitEmpty);
  f("consumer_count", s.consumers);
}
template <class F>
void fields(F& f, StreamInfo& i) {
  f("config", i.config);
  f("created", i.created);
  f("state", i.state);
  f("domain", i.domain, kOmitEmpty);
  f("ts", i.timestamp);
}
template <class F>
void fields(F& f, SequenceInfo& s) {
  f("consumer_seq", s.consumer_seq);
  f("stream_seq", s.stream_seq);
  f("last_active", s.last_active, kOmitEmpty);
}
template <class F>
void fields(F& f, PriorityGroupState& g) {
  f("group", g.group);
  f("pinned_client_id", g.pin_id, kOmitEmpty);
  f("pinned_ts", g.pinned);
}
template <class F>
void fields(F& f, ConsumerInfo& i) {
  f("stream_name", i.stream);
  f("name", i.name);
  f("created", i.created);
  f("config", i.config, kOmitEmpty);
  f("delivered", i.delivered);
  f("ack_floor", i.ack_floor);
  f("num_ack_pending", i.ack_pending);
  f("num_redelivered", i.redelivered);
  f("num_waiting", i.waiting);
  f("num_pending", i.pending);
  f("push_bound", i.push_bound, kOmitEmpty);
  f("paused", i.paused, kOmitEmpty);
  f("pause_remaining", i.pause_remaining, kOmitEmpty);
  f("ts", i.timestamp);
  f("priority_groups", i.priority_groups, kOmitEmpty);
}
template <class F>
void fields(F& f, AccountLimits& l) {
  f("max_memory", l.max_memory);
  f("max_storage", l.max_storage);
  f("max_streams", l.max_streams);
  f("max_consumers", l.max_consumers);
  f("max_ack_pending", l.max_ack_pending);
  f("memory_max_stream_bytes", l.memory_max_stream_bytes);
  f("storage_max_stream_bytes", l.storage_max_stream_bytes);
  f("max_bytes_required", l.max_bytes_required);
}
template <class F>
void fields(F& f, ApiStats& s) {
  f("level", s.level);
  f("total", s.total);
  f("errors", s.errors);
}
template <class F>
void fields(F& f, AccountInfo& i) {
  f("memory", i.memory);
  f("storage", i.storage);
  f("reserved_memory", i.reserved_memory);
  f("reserved_storage", i.reserved_storage);
  f("streams", i.streams);
  f("consumers", i.consumers);
  f("limits", i.limits);
  f("domain", i.domain, kOmitEmpty);
  f("api", i.api);
}

}  // namespace natrix::jetstream::model
