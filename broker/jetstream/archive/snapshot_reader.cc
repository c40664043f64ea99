#include "broker/jetstream/archive/snapshot_reader.h"

#include "broker/jetstream/archive/native_form.h"
#include "broker/jetstream/archive/tar_form.h"

namespace natrix::jetstream::archive {

Result<std::optional<Event>> SnapshotReader::next() {
  while (!failed_ && !ended_) {
    if (form_) {
      Event event;
      auto step = form_->step(bytes_, event);
      if (!step) {
        failed_ = step.error();
        continue;
      }
      if (*step == Form::Step::kEvent) {
        ended_ = std::holds_alternative<End>(event);
        return std::optional<Event>(std::move(event));
      }
      if (*step == Form::Step::kAgain) continue;
    }
    auto pulled = pull();
    if (!pulled) {
      failed_ = pulled.error();
    } else if (!*pulled) {
      return std::optional<Event>();
    }
  }
  if (failed_) return fail(failed_->message);
  return std::optional<Event>();
}

Result<bool> SnapshotReader::pull() {
  auto block = frames_.next();
  if (!block) return fail(block.error().message);
  if (!*block) return false;
  bytes_.append(**block);
  if (!form_ && bytes_.size() >= kNativeMagic.size()) {
    if (bytes_.view().starts_with(kNativeMagic)) {
      form_ = std::make_unique<NativeForm>(limits_);
    } else {
      form_ = std::make_unique<TarForm>(limits_);
    }
  }
  return true;
}

}  // namespace natrix::jetstream::archive
