// The form of backups since nats-server 2.15: entries `state.json`, `consumers/<name>`, then a
// message in each, its subject being the entry's name; an entry of zeros ends it. Fact: nats-server
// stream_backup.go.
#pragma once

#include "broker/jetstream/archive/entry.h"
#include "broker/jetstream/archive/form.h"

namespace natrix::jetstream::archive {

class NativeForm final : public Form {
 public:
  explicit NativeForm(const ReaderLimits& limits) : limits_(limits) {}
  Result<Step> step(ByteQueue& in, Event& event) override;

 private:
  [[nodiscard]] Result<size_t> limit_of(const EntryHead& head) const;
  Result<void> entry(const EntryHead& head, std::string_view body, Event& event);
  Result<void> message(const EntryHead& head, std::string_view body, Event& event);

  const ReaderLimits limits_;
  bool magic_ = false;
  bool has_state_ = false;
  uint64_t consumers_left_ = 0;
  uint64_t last_seq_ = 0;
};

}  // namespace natrix::jetstream::archive
