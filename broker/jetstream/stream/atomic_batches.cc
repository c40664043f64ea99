#include "broker/jetstream/stream/atomic_batches.h"

#include <algorithm>

#include "broker/jetstream/model/stream_rules.h"

namespace natrix::jetstream::stream {

using model::ApiResult;
using model::Err;
using model::refuse;

AtomicBatches::AtomicBatches(Environment& environment, const BatchLimits& limits, OpenBatches& open,
                             OnAbandoned on_abandoned)
    : environment_(environment),
      limits_(limits),
      open_(open),
      on_abandoned_(std::move(on_abandoned)),
      alarm_(environment.alarm([this] { on_idle(); })) {}

AtomicBatches::Commit AtomicBatches::commit_of(std::string_view header) {
  if (!is_present(header)) return Commit::kNo;
  if (header == "1") return Commit::kYes;
  return header == "eob" ? Commit::kWithoutThis : Commit::kInvalid;
}

ApiResult<AtomicBatches::Complete> AtomicBatches::take(const Draft& draft) {
  const PublishHeaders& headers = draft.parsed;
  if (headers.batch_id.size() > kMaxBatchId) return refuse(Err::kInvalidBatchId);
  auto seq = parse_number(headers.batch_seq);
  if (!seq) return refuse(Err::kBatchSequenceMissing);
  Commit commit = commit_of(headers.batch_commit);
  bool counts = commit != Commit::kWithoutThis;
  uint64_t size = *seq - (counts || *seq == 0 ? 0 : 1);
  auto batch = batches_.find(std::string(headers.batch_id));
  if (batch == batches_.end()) {
    auto begun = begin(draft, size, *seq);
    if (!begun) return fail_with(begun.error());
    batch = *begun;
  }
  if (commit == Commit::kInvalid) {
    drop(batch);
    return refuse(Err::kInvalidBatchCommit);
  }
  if (*seq == 1 && !counts) {
    return abandon(batch, "incomplete", model::api_error(Err::kBatchIncomplete));
  }
  if (auto ok = check(batch, draft, size, *seq); !ok) return fail_with(ok.error());

  Batch& into = batch->second;
  into.last = *seq;
  idle_.touch(into.place, environment_.steady_now());
  if (counts) {
    size_t bytes = draft.subject.size() + draft.headers.size() + draft.payload.size();
    into.bytes += bytes;
    open_.atomic_bytes.fetch_add(bytes, std::memory_order_relaxed);
    into.messages.push_back(
        {std::string(draft.subject), std::string(draft.headers), std::string(draft.payload)});
  } else {
    add_header(into.messages.back().headers, "Nats-Batch-Commit", "1");
  }
  if (commit == Commit::kNo) {
    if (!alarm_->is_set()) arm();
    return Complete{};
  }
  Complete complete(std::move(into.messages));
  drop(batch);
  return complete;
}

ApiResult<AtomicBatches::Batches::iterator> AtomicBatches::begin(const Draft& draft, uint64_t size,
                                                                 uint64_t seq) {
  if (seq != 1) {
    if (size > limits_.messages) {
      return refuse(Err::kBatchTooLarge, std::to_string(limits_.messages));
    }
    return refuse(Err::kBatchIncomplete);
  }
  if (batches_.size() >= limits_.atomic_per_stream) return refuse(Err::kTooManyBatches);
  if (open_.atomic.fetch_add(1, std::memory_order_relaxed) >= limits_.atomic_total ||
      open_.atomic_bytes.load(std::memory_order_relaxed) >= limits_.total_bytes) {
    open_.atomic.fetch_sub(1, std::memory_order_relaxed);
    return refuse(Err::kTooManyBatches);
  }
  std::string id(draft.parsed.batch_id);
  auto made = batches_.emplace(id, Batch{}).first;
  made->second.place = idle_.add(std::move(id), environment_.steady_now());
  return made;
}

ApiResult<void> AtomicBatches::check(Batches::iterator batch, const Draft& draft, uint64_t size,
                                     uint64_t seq) {
  if (!draft.parsed.required_level.empty() && model::requires_more(draft.parsed.required_level)) {
    return abandon(batch, "unsupported", model::api_error(Err::kApiLevel));
  }
  if (batch->second.last + 1 != seq) {
    return abandon(batch, "incomplete", model::api_error(Err::kBatchIncomplete));
  }
  if (size > limits_.messages) {
    return abandon(batch, "large",
                   model::api_error(Err::kBatchTooLarge, std::to_string(limits_.messages)));
  }
  size_t more = draft.subject.size() + draft.headers.size() + draft.payload.size();
  size_t total = open_.atomic_bytes.load(std::memory_order_relaxed) + more;
  if (batch->second.bytes + more > limits_.batch_bytes || total > limits_.total_bytes) {
    size_t most = std::min(limits_.batch_bytes, limits_.total_bytes);
    return abandon(batch, "large",
                   model::api_error(Err::kBatchTooLarge, std::to_string(most) + " bytes"));
  }
  return {};
}

Failure<model::ApiError> AtomicBatches::abandon(Batches::iterator batch, std::string_view reason,
                                                model::ApiError error) {
  std::string id = batch->first;
  drop(batch);
  on_abandoned_(id, reason);
  return {std::move(error)};
}

void AtomicBatches::drop(Batches::iterator batch) {
  open_.atomic.fetch_sub(1, std::memory_order_relaxed);
  open_.atomic_bytes.fetch_sub(batch->second.bytes, std::memory_order_relaxed);
  idle_.remove(batch->second.place);
  batches_.erase(batch);
}

void AtomicBatches::clear() {
  while (!batches_.empty()) drop(batches_.begin());
  alarm_->clear();
}

void AtomicBatches::on_idle() {
  int64_t before = environment_.steady_now() - limits_.idle;
  while (const IdleQueue::Entry* oldest = idle_.oldest()) {
    if (oldest->touched > before) break;
    (void)abandon(batches_.find(oldest->name), "timeout", {});
  }
  arm();
}

void AtomicBatches::arm() {
  const IdleQueue::Entry* oldest = idle_.oldest();
  if (oldest == nullptr) return alarm_->clear();
  alarm_->set(oldest->touched + limits_.idle - environment_.steady_now());
}

}  // namespace natrix::jetstream::stream
