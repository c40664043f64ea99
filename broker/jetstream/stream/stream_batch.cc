// Atomic batches: collected by AtomicBatches, judged and stored here when they are complete. Every
// message is judged as if those before it had been stored; if one may not be stored none is. The
// store takes what may as one.
#include <fmt/format.h>

#include <deque>

#include "broker/jetstream/model/codec.h"
#include "broker/jetstream/stream/advisory.h"
#include "broker/jetstream/stream/stream.h"

namespace natrix::jetstream::stream {

using model::ApiResult;
using model::Err;
using model::refuse;

void Stream::on_atomic(Draft& draft) {
  auto refused = [&](Err err) { answer_error(draft.reply, model::api_error(err)); };
  if (config_.sealed) return refused(Err::kStreamSealed);
  if (auto ok = check_size(draft); !ok) return answer_error(draft.reply, ok.error());
  if (!config_.allow_atomic) return refused(Err::kAtomicDisabled);
  auto taken = atomic_.take(draft);
  if (!taken) return answer_error(draft.reply, taken.error());
  if (taken->has_value()) {
    return commit(std::move(**taken), draft.parsed.batch_id, draft.reply);
  }
  if (!draft.reply.empty()) environment_.publish({.to = draft.reply});
}

void Stream::abandoned(std::string_view id, std::string_view reason) {
  advise(environment_, settings_.domain,
         "$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED." + config_.name,
         "io.nats.jetstream.advisory.v1.stream_batch_abandoned",
         fmt::format("\"stream\":{},\"batch\":{},\"reason\":\"{}\"", model::quoted(config_.name),
                     model::quoted(id), reason));
}

void Stream::commit(std::vector<AtomicBatches::Message> messages, std::string_view id,
                    std::string_view reply) {
  std::deque<Draft> drafts;
  std::vector<Verdict> verdicts;
  Staged staged;
  int64_t now = environment_.now();
  for (const AtomicBatches::Message& message : messages) {
    Draft& draft = drafts.emplace_back();
    draft.subject = message.subject;
    draft.headers = message.headers;
    draft.payload = message.payload;
    draft.parsed = parse_publish_headers(message.headers);
    draft.now = now;
    auto judged = judge_in_batch(draft, staged);
    if (!judged) return answer_error(reply, judged.error());
    verdicts.push_back(judged->verdict);
  }
  // The last one answers, and of the batch.
  Draft& last = drafts.back();
  last.reply = reply;
  last.extras().ack_tail =
      fmt::format(",\"batch\":{},\"count\":{}", model::quoted(id), messages.size());
  if (auto stored = store_all(drafts, verdicts); !stored) answer_error(reply, stored.error());
}

ApiResult<Judgement> Stream::judge_in_batch(Draft& draft, Staged& staged) {
  if (!draft.parsed.expected_last_msg_id.empty()) {
    return refuse(Err::kBatchHeader, "Nats-Expected-Last-Msg-Id");
  }
  rewrite_subject(draft);
  return judge(draft, &staged);
}

// Messages that nobody wants take their sequences and are not stored.
ApiResult<void> Stream::store_all(std::deque<Draft>& drafts, const std::vector<Verdict>& verdicts) {
  Seq before = store_->state().last_seq;
  Seq through = before + drafts.size();
  std::vector<storage::NewMessage> wanted;
  std::vector<Seq> previous(drafts.size(), 0);
  std::unordered_map<std::string_view, Seq> last_of_subject;
  for (size_t i = 0; i < drafts.size(); ++i) {
    Seq seq = before + 1 + i;
    if (verdicts[i] != Verdict::kStore) continue;
    wanted.push_back(stored_form(drafts[i]));
    wanted.back().seq = seq;
    if (!republish_) continue;
    auto [at, first] = last_of_subject.try_emplace(drafts[i].subject, 0);
    previous[i] = first ? store_->subject(drafts[i].subject).last_seq : at->second;
    at->second = seq;
  }
  storage::Ticket ticket = 0;
  if (!wanted.empty()) {
    auto appended = store_->append_all(wanted);
    if (!appended) return fail_with(store_error(appended.error()));
    ticket = appended->ticket;
  }
  if (wanted.empty() || *wanted.back().seq < through) {
    auto skipped = store_->skip(through);
    // What has been stored stays; only the sequences behind it may come again.
    if (!skipped && wanted.empty()) return fail_with(store_error(skipped.error()));
    if (skipped) ticket = *skipped;
  }
  for (size_t i = 0; i < drafts.size(); ++i) {
    Seq seq = before + 1 + i;
    if (verdicts[i] == Verdict::kStore) {
      await_sync(drafts[i], {seq, ticket}, previous[i]);
    } else {
      await_skip(drafts[i], seq, ticket);
    }
  }
  return {};
}

}  // namespace natrix::jetstream::stream
