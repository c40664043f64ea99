// Scheduled messages (wire.md 10): a message with Nats-Schedule stays in the stream and makes
// others when its time has come.
//
// A message that was made says which schedule made it and when that fires next (or that it ends),
// so that after a restart the messages of the stream tell everything. A schedule that fires once
// goes when the message it made has been synced: if the process ends in between, the restart finds
// that message and removes the schedule then.
#include <algorithm>

#include "broker/jetstream/schedule/rfc3339.h"
#include "broker/jetstream/schedule/schedule.h"
#include "broker/jetstream/stream/stream.h"
#include "broker/subject/tokens.h"

namespace natrix::jetstream::stream {

using model::ApiResult;
using model::Err;
using model::refuse;
using schedule::Schedule;

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr std::string_view kPurge = "purge";
// Schedules that fire in one go before others get their turn.
constexpr int kFireAtOnce = 100;
// What could not be stored is tried again then.
constexpr int64_t kRetry = kSecond;

ApiResult<Schedule> parse_schedule(const PublishHeaders& headers, schedule::ZoneDatabase& zones) {
  std::shared_ptr<const schedule::TimeZone> zone;
  if (is_present(headers.schedule_zone)) {
    auto found = zones.find(headers.schedule_zone);
    if (!found || headers.schedule_zone.empty()) return refuse(Err::kScheduleZone);
    zone = std::move(*found);
  }
  auto parsed = Schedule::parse(headers.schedule, std::move(zone));
  if (!parsed) return refuse(Err::kInvalidSchedule);
  return *std::move(parsed);
}

bool drops_header(std::string_view name) {
  return name.starts_with("Nats-Schedule") || name.starts_with("Nats-Expected-") ||
         name == "Nats-Msg-Id" || name == "Nats-TTL" || name == "Nats-Rollup";
}

bool is_literal(std::string_view subject) {
  return subject::is_valid_literal(subject);
}

}  // namespace

// A schedule takes the place of the one before it on its subject.
ApiResult<void> Stream::check_schedule(Draft& draft) {
  PublishHeaders& headers = draft.parsed;
  if (!config_.allow_msg_schedules) return refuse(Err::kSchedulesDisabled);
  auto parsed = parse_schedule(headers, *settings_.zones);
  if (!parsed) return fail_with(parsed.error());
  if (!headers.schedule_ttl.empty()) {
    if (!parse_ttl(headers.schedule_ttl)) return refuse(Err::kScheduleTtl);
    if (!config_.allow_msg_ttl) return refuse(Err::kTtlDisabled);
  }
  if (!headers.schedule_rollup.empty() && headers.schedule_rollup != "sub") {
    return refuse(Err::kScheduleRollup);
  }
  auto is_mine = [this](std::string_view subject) {
    return std::any_of(config_.subjects.begin(), config_.subjects.end(),
                       [subject](const auto& mine) { return subject::matches(mine, subject); });
  };
  std::string_view target = headers.schedule_target;
  if (!is_literal(target) || target == draft.subject || !is_mine(target)) {
    return refuse(Err::kScheduleTarget);
  }
  std::string_view source = headers.schedule_source;
  if (!source.empty() &&
      (source == target || source == draft.subject || !is_literal(source) || !is_mine(source))) {
    return refuse(Err::kScheduleSource);
  }
  if (headers.rollup != Rollup::kNone && headers.rollup != Rollup::kSubject) {
    return refuse(Err::kScheduleRollup);
  }
  if (headers.rollup == Rollup::kNone) {
    headers.rollup = Rollup::kSubject;
    std::string with_rollup(draft.headers);
    add_header(with_rollup, "Nats-Rollup", "sub");
    draft.headers = draft.keep(std::move(with_rollup));
  }
  auto due = parsed->next(draft.now, draft.now);
  // A pattern that never fires is kept like any other message.
  if (due) draft.extras().due = std::max<int64_t>(*due, 1);
  return {};
}

// Clients may say of a message that it ends a schedule, nothing else.
ApiResult<void> Stream::check_scheduler(Draft& draft, const Staged* staged) {
  const PublishHeaders& headers = draft.parsed;
  std::string_view scheduler = headers.scheduler;
  if (headers.schedule_next.empty()) {
    if (!scheduler.empty()) return refuse(Err::kScheduler);
    return {};
  }
  if (headers.schedule_next != kPurge || !is_literal(scheduler) || scheduler == draft.subject) {
    return refuse(Err::kScheduler);
  }
  if (!config_.allow_msg_schedules) return refuse(Err::kSchedulesDisabled);
  const Staged::Subject* before = nullptr;
  if (staged != nullptr) {
    auto found = staged->subjects.find(std::string(scheduler));
    if (found != staged->subjects.end()) before = &found->second;
  }
  if (before != nullptr) {
    if (!before->schedule) return refuse(Err::kScheduler);
  } else if (Seq seq = store_->subject(scheduler).last_seq; seq != 0) {
    auto last = store_->load(seq);
    if (last && !find_header(last->headers, "Nats-Schedule")) return refuse(Err::kScheduler);
  }
  draft.extras().scheduler = scheduler;
  return {};
}

// A message has been synced.
void Stream::note_schedules(const Waiting& waiting) {
  const Extra* extra = waiting.extra.get();
  if (waiting.stored) {
    if (extra != nullptr && extra->due != 0) {
      schedules_.set(waiting.subject(), waiting.seq, extra->due);
    } else if (extra == nullptr || extra->scheduler.empty()) {
      schedules_.forget_subject(waiting.subject());
    }
  }
  if (extra != nullptr && !extra->scheduler.empty()) {
    // Meanwhile another schedule may have come to that subject.
    bool same = extra->schedule == 0 || extra->schedule == schedules_.seq_of(extra->scheduler);
    if (!extra->next) {
      end_schedule(extra->scheduler, extra->schedule);
    } else if (same) {
      schedules_.postpone(extra->scheduler, *extra->next);
    }
  }
  arm_schedules();
}

// `through`: up to that sequence; 0: whatever is on the subject.
void Stream::end_schedule(const std::string& subject, Seq through) {
  if (through == 0 || schedules_.seq_of(subject) <= through) schedules_.forget_subject(subject);
  storage::PurgeRequest request;
  request.filter = storage::Filter(subject);
  if (through != 0) request.below = through + 1;
  Seq first = store_->subject(subject).first_seq;
  Seq last = store_->subject(subject).last_seq;
  auto gone = store_->purge(request);
  if (gone && gone->messages > 0) removed(first, last);
}

void Stream::retry_schedule(const std::string& subject) {
  schedules_.postpone(subject, environment_.now() + kRetry);
  arm_schedules();
}

void Stream::arm_schedules() {
  auto first = schedules_.first();
  if (!first) return schedule_alarm_->clear();
  schedule_alarm_->set(std::max<int64_t>(first->time - environment_.now(), 0));
}

void Stream::on_schedules() {
  int64_t now = environment_.now();
  for (int i = 0; i < kFireAtOnce; ++i) {
    auto due = schedules_.first();
    if (!due || due->time > now) break;
    std::string subject(due->subject);
    auto message = store_->load(due->seq);
    if (message) {
      schedules_.hold(subject);
      fire(*message, due->time, now);
    } else if (message.error().kind == storage::StorageErrorKind::kNotFound) {
      schedules_.forget_subject(subject);
    } else {
      schedules_.postpone(subject, now + kRetry);
    }
  }
  arm_schedules();
}

void Stream::fire(const storage::StoredMessage& message, int64_t due, int64_t now) {
  std::string subject(message.subject);
  PublishHeaders headers = parse_publish_headers(message.headers);
  auto parsed = parse_schedule(headers, *settings_.zones);
  if (!parsed) return schedules_.forget_subject(subject);
  std::optional<int64_t> next;
  if (parsed->repeats()) next = parsed->next(due, now);

  std::optional<storage::StoredMessage> source;
  if (!headers.schedule_source.empty()) {
    Seq last = store_->subject(headers.schedule_source).last_seq;
    if (auto loaded = store_->load(last)) source = std::move(*loaded);
  }
  const storage::StoredMessage& content = source ? *source : message;
  std::string made = without_headers(content.headers, drops_header);
  add_header(made, "Nats-Scheduler", subject);
  add_header(made, "Nats-Schedule-Next", next ? model::format_time({*next}) : std::string(kPurge));
  if (!headers.schedule_ttl.empty()) add_header(made, "Nats-TTL", headers.schedule_ttl);
  if (!headers.schedule_rollup.empty()) add_header(made, "Nats-Rollup", headers.schedule_rollup);

  Draft draft;
  draft.trusted = true;
  draft.now = now;
  draft.subject = headers.schedule_target;
  draft.headers = draft.keep(std::move(made));
  draft.payload = content.payload;
  draft.parsed = parse_publish_headers(draft.headers);
  draft.extras().scheduler = subject;
  draft.extras().next = next;
  draft.extras().schedule = message.seq;
  if (!publish(draft)) retry_schedule(subject);
}

// From the messages of an earlier run. A time that has passed meanwhile fires at once, and once.
void Stream::recover_schedules() {
  schedules_.clear();
  if (!config_.allow_msg_schedules || store_->state().messages == 0) return;
  int64_t now = environment_.now();
  std::vector<std::string> ended;
  for (auto message = store_->load_next({}, 0); message;
       message = store_->load_next({}, message->seq + 1)) {
    PublishHeaders headers = parse_publish_headers(message->headers);
    if (!headers.schedule.empty()) {
      auto parsed = parse_schedule(headers, *settings_.zones);
      auto due = parsed ? parsed->resume(message->time, now) : std::nullopt;
      if (due) schedules_.set(message->subject, message->seq, *due);
    } else if (headers.scheduler.empty()) {
      schedules_.forget_subject(message->subject);
    }
    if (headers.scheduler.empty() || schedules_.seq_of(headers.scheduler) == 0) continue;
    if (headers.schedule_next == kPurge) {
      ended.emplace_back(headers.scheduler);
      schedules_.forget_subject(headers.scheduler);
    } else if (auto next = schedule::parse_rfc3339(headers.schedule_next)) {
      schedules_.postpone(headers.scheduler, *next);
    }
  }
  for (const std::string& subject : ended) {
    if (schedules_.seq_of(subject) == 0) end_schedule(subject, 0);
  }
  arm_schedules();
}

}  // namespace natrix::jetstream::stream
