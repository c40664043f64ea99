#include "broker/jetstream/stream/stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/jetstream/model/codec.h"
#include "broker/subject/tokens.h"

namespace natrix::jetstream::stream {

using model::Err;
using model::refuse;

namespace {

constexpr size_t kMaxSubjectsInInfo = 100'000;

}  // namespace

Stream::Stream(Environment& environment, const StreamSettings& settings, Usage& usage,
               model::StreamConfig config, model::Time created)
    : environment_(environment),
      settings_(settings),
      usage_(usage),
      config_(std::move(config)),
      created_(created),
      atomic_(environment, settings.batch, *settings.open_batches,
              [this](std::string_view id, std::string_view reason) { abandoned(id, reason); }) {
  ack_start_ = fmt::format("{{\"stream\":{},\"seq\":", model::quoted(config_.name));
  if (!settings.domain.empty()) {
    ack_end_ = fmt::format(",\"domain\":{}", model::quoted(settings.domain));
  }
  age_alarm_ = environment_.alarm([this] { on_age(); });
  expiry_alarm_ = environment_.alarm([this] { on_expiry(); });
  schedule_alarm_ = environment_.alarm([this] { on_schedules(); });
}

Stream::~Stream() {
  close();
}

void Stream::open(storage::StreamStore& store) {
  store_ = &store;
  apply_config();
  // Ids of messages stored by an earlier run are remembered as long as the window says.
  int64_t now = environment_.now();
  if (config_.duplicate_window > 0 && store.state().messages > 0) {
    Seq seq = store.seq_at_time(now - config_.duplicate_window);
    for (auto message = store.load_next({}, seq); message;
         message = store.load_next({}, message->seq + 1)) {
      auto id = find_header(message->headers, "Nats-Msg-Id");
      if (id) duplicates_.add(*id, message->seq, message->time);
    }
  }
  report_usage();
  enforce_all();
  recover_schedules();
  listen();
}

void Stream::close() {
  listening_.clear();
  direct_listening_.clear();
  age_alarm_->clear();
  expiry_alarm_->clear();
  schedule_alarm_->clear();
  atomic_.clear();
  auto& used =
      config_.storage == model::StorageType::kFile ? usage_.file_bytes : usage_.memory_bytes;
  used.fetch_sub(std::exchange(reported_bytes_, 0), std::memory_order_relaxed);
  usage_.messages.fetch_sub(std::exchange(reported_messages_, 0), std::memory_order_relaxed);
}

void Stream::apply_config() {
  duplicates_.set_window(config_.duplicate_window);
  transform_.reset();
  republish_.reset();
  if (const auto& t = config_.subject_transform; t && !t->destination.empty()) {
    auto made = subject::Transform::make(t->source.empty() ? ">" : t->source, t->destination);
    if (made) transform_ = std::move(*made);
  }
  if (const auto& r = config_.republish) {
    auto made = subject::Transform::make(r->source.empty() ? ">" : r->source, r->destination);
    if (made) republish_ = std::move(*made);
  }
}

void Stream::listen() {
  listening_.clear();
  direct_listening_.clear();
  for (const std::string& subject : config_.subjects) {
    listening_.push_back(environment_.listen(
        subject, {}, [this](const core::Message& message) { on_publish(message); }));
  }
  if (!config_.allow_direct) return;
  for (const std::string& prefix : settings_.api_prefixes()) {
    std::string direct = fmt::format("{}DIRECT.GET.{}", prefix, config_.name);
    direct_listening_.push_back(environment_.listen(
        direct, "_sys_", [this](const core::Message& message) { on_direct_get(message); }));
    direct_listening_.push_back(
        environment_.listen(direct + ".>", "_sys_",
                            [this](const core::Message& message) { on_direct_get_last(message); }));
  }
}

void Stream::report_usage() {
  storage::StreamState state = store_->state();
  auto bytes = static_cast<int64_t>(state.bytes);
  auto messages = static_cast<int64_t>(state.messages);
  if (bytes == reported_bytes_ && messages == reported_messages_) return;
  auto& used =
      config_.storage == model::StorageType::kFile ? usage_.file_bytes : usage_.memory_bytes;
  used.fetch_add(bytes - std::exchange(reported_bytes_, bytes), std::memory_order_relaxed);
  usage_.messages.fetch_add(messages - std::exchange(reported_messages_, messages),
                            std::memory_order_relaxed);
}

model::ApiResult<model::StreamInfo> Stream::info(const model::StreamInfoRequest& request) {
  model::StreamInfo info;
  info.config = config_;
  info.created = created_;
  info.domain = settings_.domain;
  info.timestamp = {environment_.now()};
  storage::StreamState state = store_->state();
  model::StreamState& shown = info.state;
  shown.messages = state.messages;
  shown.bytes = state.bytes;
  // A stream that never had a message has no first one.
  shown.first_seq = state.last_seq == 0 ? 0 : state.first_seq;
  shown.last_seq = state.last_seq;
  if (state.messages > 0) shown.first_time = {state.first_time};
  if (state.last_time != 0) shown.last_time = {state.last_time};
  shown.subject_count = state.subjects;
  shown.deleted_count = state.deleted;
  shown.consumers = static_cast<int64_t>(observers_.size());
  if (request.deleted_details) {
    for (const storage::SeqRange& range : store_->deleted()) {
      for (Seq seq = range.first; seq <= range.last; ++seq) shown.deleted.push_back(seq);
    }
  }
  if (!request.subjects_filter.empty()) {
    auto skip = static_cast<size_t>(std::max<int64_t>(request.offset, 0));
    store_->subjects(storage::Filter(request.subjects_filter),
                     [&](std::string_view subject, const storage::SubjectState& of_subject) {
                       if (skip > 0) {
                         --skip;
                         return true;
                       }
                       shown.subjects.emplace(subject, of_subject.messages);
                       return shown.subjects.size() < kMaxSubjectsInInfo;
                     });
  }
  return info;
}

size_t Stream::count_subjects(std::string_view filter) {
  size_t count = 0;
  store_->subjects(storage::Filter(filter), [&count](std::string_view, const auto&) {
    ++count;
    return true;
  });
  return count;
}

model::ApiResult<void> Stream::update(model::StreamConfig config) {
  auto written = store_->set_config(model::encode_kept(config, created_));
  if (!written) return refuse(Err::kStreamGeneral, written.error().message);
  bool fewer_consumers_kept = config.retention == model::Retention::kInterest &&
                              config_.retention == model::Retention::kLimits;
  bool same_subjects =
      config.subjects == config_.subjects && config.allow_direct == config_.allow_direct;
  config_ = std::move(config);
  apply_config();
  if (!config_.allow_atomic) atomic_.clear();
  if (!same_subjects) listen();
  enforce_all();
  if (fewer_consumers_kept) drop_unneeded();
  return {};
}

// What a changed or reloaded configuration allows no longer.
void Stream::enforce_all() {
  if (config_.max_msgs_per_subject > 0) {
    std::vector<std::string> over;
    auto most = static_cast<uint64_t>(config_.max_msgs_per_subject);
    store_->subjects({}, [&](std::string_view subject, const storage::SubjectState& state) {
      if (state.messages > most) over.emplace_back(subject);
      return true;
    });
    for (const std::string& subject : over) {
      auto unsynced = unsynced_subjects_.find(subject);
      enforce_subject(subject, unsynced == unsynced_subjects_.end() ? 0 : unsynced->second);
    }
  }
  enforce_limits();
  arm_age();
  arm_expiry();
}

model::ApiResult<uint64_t> Stream::purge(const model::PurgeRequest& request) {
  if (config_.sealed) return refuse(Err::kStreamSealed);
  if (config_.deny_purge) return refuse(Err::kStreamPurgeFailed, "stream purge not permitted");
  if (request.seq != 0 && request.keep != 0) return refuse(Err::kBadRequest);
  if (!request.filter.empty() && !subject::is_valid_pattern(request.filter)) {
    return refuse(Err::kStreamPurgeFailed, "invalid subject");
  }
  storage::StreamState before = store_->state();
  auto gone = store_->purge({storage::Filter(request.filter), request.seq, request.keep});
  if (!gone) return refuse(Err::kStreamPurgeFailed, gone.error().message);
  if (gone->messages > 0) {
    removed(before.first_seq, before.last_seq);
    forget_schedules(before.first_seq, before.last_seq);
  }
  if (request.filter.empty() && request.seq == 0 && request.keep == 0) duplicates_.clear();
  report_usage();
  return gone->messages;
}

model::ApiResult<void> Stream::erase(const model::MessageDeleteRequest& request) {
  if (config_.sealed) return refuse(Err::kStreamSealed);
  if (config_.deny_delete) {
    return refuse(Err::kMessageDeleteFailed, "message delete not permitted");
  }
  if (!store_->contains(request.seq)) {
    return refuse(Err::kSequenceNotFound, std::to_string(request.seq));
  }
  if (!remove(request.seq,
              request.no_erase ? storage::Erase::kForget : storage::Erase::kOverwrite)) {
    return refuse(Err::kMessageDeleteFailed, "the message could not be removed");
  }
  report_usage();
  return {};
}

model::ApiResult<storage::StoredMessage> Stream::get(const model::MessageGetRequest& request) {
  bool by_last = !request.last_by_subject.empty();
  bool by_next = !request.next_by_subject.empty();
  bool by_time = request.start_time.has_value();
  bool nothing = request.seq == 0 && !by_last && !by_next && !by_time;
  bool conflict = (request.seq > 0 && by_last) || (by_last && by_next) ||
                  (by_time && (by_last || request.seq > 0));
  if (nothing || conflict || request.batch > 0) return refuse(Err::kBadRequest);
  Seq from = by_time ? store_->seq_at_time(request.start_time->nanos) : request.seq;
  auto found = by_last ? store_->load_last(storage::Filter(request.last_by_subject), ~Seq{0})
               : by_next || by_time
                   ? store_->load_next(storage::Filter(request.next_by_subject), from)
                   : store_->load(from);
  if (!found) {
    if (found.error().kind == storage::StorageErrorKind::kNotFound) {
      return refuse(Err::kNoMessageFound);
    }
    return refuse(Err::kStreamGeneral, found.error().message);
  }
  return std::move(*found);
}

void Stream::attach(Observer& observer) {
  observers_.add(observer);
}

void Stream::detach(Observer& observer) {
  observers_.remove(observer);
}

void Stream::acknowledged(const Observer& observer, Seq seq) {
  if (config_.retention == model::Retention::kLimits) return;
  if (config_.retention == model::Retention::kInterest && observers_.size() > 1) {
    auto message = store_->load(seq);
    if (!message) return;
    bool needed = false;
    observers_.for_each_match(message->subject, [&](Observer& other) {
      needed |= &other != &observer && other.needs(seq);
    });
    if (needed) return;
  }
  bool gone = remove(seq);
  // On disk the removal is a write of its own, whose on_synced() reports.
  if (gone && config_.storage == model::StorageType::kMemory) report_usage();
}

void Stream::drop_unneeded() {
  if (config_.retention != model::Retention::kInterest) return;
  for (auto message = store_->load_next({}, 0); message;
       message = store_->load_next({}, message->seq + 1)) {
    bool needed = false;
    observers_.for_each_match(message->subject,
                              [&](Observer& other) { needed |= other.needs(message->seq); });
    if (!needed) remove(message->seq);
  }
  report_usage();
}

}  // namespace natrix::jetstream::stream
