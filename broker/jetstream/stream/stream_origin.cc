// Copying from other streams (wire.md 9.1, 10): what is stored of a mirror's origin and of sources,
// and how far a stream had got with each of them when it starts again.
//
// A mirror keeps the sequences of its origin: the last one it has given out is its place. The place
// of a source is in the Nats-Stream-Source header of the last message that came from it; as
// messages go, by limits and acknowledgements, it is kept besides, in the state of a consumer that
// nobody sees, when the messages up to it have been synced. The later of the two counts.
#include <algorithm>

#include "broker/jetstream/model/origin_rules.h"
#include "broker/jetstream/stream/stream.h"

namespace natrix::jetstream::stream {

using model::ApiResult;
using model::Err;
using model::refuse;

namespace {

constexpr int64_t kSecond = 1'000'000'000;
// A mirror that is not further behind than that answers for its origin.
constexpr uint64_t kCaughtUp = 10;
// A source that is quiet has its place noted again after so many messages of the stream, so that
// fewer have to be looked at after a restart.
constexpr Seq kNoteEvery = 10'000;

// Conditions were the origin's business, batches are complete there.
bool is_for_origin_only(std::string_view name) {
  return name == "Nats-Stream-Source" || name.starts_with("Nats-Expected-") ||
         name.starts_with("Nats-Batch-") || name == "Nats-Required-Api-Level";
}

}  // namespace

std::string Stream::place_name(const std::string& index) {
  return std::string(kPlacePrefix) + index;
}

// Makes of the configuration what it says about other streams; keeps what has not changed.
void Stream::set_origins() {
  std::vector<std::unique_ptr<Origin>> old = std::move(origins_);
  origins_.clear();
  mirror_listening_.clear();
  std::vector<Origin*> fresh;
  OriginReader reader{config_.name, settings_.domain};
  auto want = [&](Origin::Kind kind, const model::StreamSource& source) {
    auto same = std::find_if(old.begin(), old.end(), [&](const auto& one) {
      return one && one->kind() == kind && one->index() == model::source_index(source) &&
             one->config().external == source.external;
    });
    if (same != old.end()) {
      origins_.push_back(std::move(*same));
      return;
    }
    Seq taken = kind == Origin::Kind::kMirror ? store_->state().last_seq : 0;
    origins_.push_back(std::make_unique<Origin>(environment_, static_cast<OriginSink&>(*this), kind,
                                                source, reader, taken));
    fresh.push_back(origins_.back().get());
  };
  if (!config_.sealed) {
    if (config_.mirror) want(Origin::Kind::kMirror, *config_.mirror);
    for (const model::StreamSource& source : config_.sources) {
      want(Origin::Kind::kSource, source);
    }
  }
  for (const auto& gone : old) {
    if (!gone) continue;
    gone->end();
    if (gone->kind() == Origin::Kind::kSource) store_->remove_consumer(place_name(gone->index()));
  }
  find_places(fresh);
  for (Origin* one : fresh) one->start();
  for (const auto& one : origins_) one->report();
}

// From where each of these goes on.
void Stream::find_places(const std::vector<Origin*>& origins) {
  std::vector<Origin*> open;
  Seq looked_at = ~Seq{0};  // what is below is covered by what was noted
  for (Origin* origin : origins) {
    if (origin->kind() == Origin::Kind::kMirror) {
      origin->set_taken(store_->state().last_seq);
      continue;
    }
    storage::ConsumerStore* place = store_->find_consumer(place_name(origin->index()));
    Seq noted = place != nullptr ? place->state().delivered().stream : 0;
    looked_at = std::min(looked_at, place != nullptr ? place->state().delivered().consumer : 0);
    origin->set_taken(noted);
    open.push_back(origin);
  }
  Seq at = store_->state().last_seq;
  while (!open.empty() && at > looked_at) {
    auto message = store_->load_last({}, at);
    if (!message || message->seq <= looked_at) break;
    at = message->seq - 1;
    auto header = find_header(message->headers, "Nats-Stream-Source");
    auto mark = header ? parse_source_mark(*header) : std::nullopt;
    if (!mark) continue;
    std::erase_if(open, [&](Origin* origin) {
      bool its = mark->index.empty() ? mark->name == origin->config().name
                                     : mark->index == origin->index();
      if (its) origin->set_taken(std::max(origin->taken(), mark->seq));
      return its;
    });
  }
}

void Stream::end_origins() {
  for (const auto& origin : origins_) origin->end();
  origins_.clear();
  mirror_listening_.clear();
}

// Messages that were taken are not in the store after all.
void Stream::take_again() {
  std::vector<Origin*> all;
  for (const auto& origin : origins_) all.push_back(origin.get());
  find_places(all);
  for (Origin* origin : all) origin->ask_again();
}

ApiResult<void> Stream::take(Origin& origin, const OriginMessage& message) {
  return origin.kind() == Origin::Kind::kMirror ? take_mirrored(origin, message)
                                                : take_sourced(origin, message);
}

ApiResult<void> Stream::take_mirrored(Origin& origin, const OriginMessage& message) {
  if (message.seq <= store_->state().last_seq) return {};
  Draft draft;
  draft.trusted = true;
  draft.subject = draft.keep(origin.renamed(message.subject));
  draft.headers = message.headers;
  draft.payload = message.payload;
  draft.now = message.time;
  if (!draft.headers.empty()) draft.parsed = parse_publish_headers(draft.headers);
  allow_what_is_configured(draft);
  if (auto ttl = parse_ttl(draft.parsed.ttl); !draft.parsed.ttl.empty() && ttl) draft.ttl = *ttl;
  if (auto ok = check_size(draft); !ok) return ok;
  size_t bytes = stored_size(draft.subject.size(), draft.headers.size(), draft.payload.size());
  if (auto ok = check_capacity(draft, bytes, nullptr); !ok) return ok;
  int64_t expires = draft.ttl > 0 ? draft.now + draft.ttl * kSecond : 0;
  Seq previous = republish_ ? store_->subject(draft.subject).last_seq : 0;
  auto appended = store_->append(
      {draft.subject, draft.headers, draft.payload, draft.now, expires, message.seq});
  if (!appended) return refuse(Err::kStoreFailed, appended.error().message);
  await_sync(draft, *appended, previous);
  return {};
}

ApiResult<void> Stream::take_sourced(Origin& origin, const OriginMessage& message) {
  Draft draft;
  draft.trusted = true;
  draft.subject = draft.keep(origin.renamed(message.subject));
  std::string headers = without_headers(message.headers, is_for_origin_only);
  add_header(headers, "Nats-Stream-Source", origin.mark(message));
  draft.headers = draft.keep(std::move(headers));
  draft.payload = message.payload;
  draft.now = environment_.now();
  draft.parsed = parse_publish_headers(draft.headers);
  allow_what_is_configured(draft);
  rewrite_subject(draft);
  auto judged = judge(draft, nullptr);
  if (!judged) return fail_with(judged.error());
  draft.extras().origin = origin.index();
  draft.extras().origin_seq = message.seq;
  bool done = true;
  switch (judged->verdict) {
    case Verdict::kDuplicate:
      wait({.ticket = waiting_.empty() ? 0 : waiting_.back().ticket,
            .seq = judged->duplicate_of,
            .stored = false,
            .extra = std::move(draft.extra)});
      break;
    case Verdict::kUnwanted:
      done = skip_without_interest(draft);
      break;
    case Verdict::kStore:
      done = store(draft);
      break;
  }
  if (!done) return refuse(Err::kStoreFailed, "the store took no message");
  return {};
}

// What the origin could do to its own messages, this stream does only if it has been told to.
void Stream::allow_what_is_configured(Draft& draft) {
  if (!config_.allow_msg_ttl) draft.parsed.ttl = {};
  if (!config_.allow_rollup || config_.deny_purge) draft.parsed.rollup = Rollup::kNone;
}

void Stream::when_taken(std::function<void()> then) {
  when_synced(store_->barrier(), [then = std::move(then)](const storage::StorageError* error) {
    if (error == nullptr) then();
  });
}

// The message in question has been synced, or has turned out to be none to store. Comes before
// anybody can see and so remove it.
void Stream::note_place(const Waiting& waiting) {
  const std::string& index = waiting.extra->origin;
  note_place(index, waiting.seq, waiting.extra->origin_seq);
  if (waiting.seq % kNoteEvery != 0) return;
  for (const auto& origin : origins_) {
    storage::ConsumerStore* place = store_->find_consumer(place_name(origin->index()));
    bool quiet = place != nullptr && place->state().delivered().stream == origin->taken();
    if (quiet && origin->index() != index) {
      note_place(origin->index(), waiting.seq, origin->taken());
    }
  }
}

void Stream::note_place(const std::string& index, Seq here, Seq taken) {
  std::string name = place_name(index);
  storage::ConsumerStore* place = store_->find_consumer(name);
  if (place == nullptr) {
    // The source may have been taken out of the configuration meanwhile.
    bool known = std::any_of(origins_.begin(), origins_.end(),
                             [&index](const auto& one) { return one->index() == index; });
    if (!known) return;
    auto made = store_->consumer(name, "{}", config_.storage == model::StorageType::kMemory);
    if (!made) return;  // the headers still tell
    place = *made;
  }
  place->reset({std::max(here, place->state().delivered().consumer), taken});
}

void Stream::behind(Origin& origin, uint64_t messages) {
  bool whole = origin.config().filter_subject.empty() && origin.config().transforms.empty() &&
               origin.config().start_seq == 0 && !origin.config().start_time;
  bool answers = config_.mirror && config_.mirror_direct && whole;
  if (!answers || messages >= kCaughtUp || !mirror_listening_.empty()) return;
  listen_direct(config_.mirror->name, mirror_listening_);
}

void Stream::describe_origins(model::StreamInfo& info) const {
  for (const auto& origin : origins_) {
    if (origin->kind() == Origin::Kind::kMirror) {
      info.mirror = origin->info();
    } else {
      info.sources.push_back(origin->info());
    }
  }
}

}  // namespace natrix::jetstream::stream
