// The jetstream block (wire.md 22.2).
#include <fmt/format.h>

#include <limits>

#include "broker/config/load_parts.h"

namespace natrix::config {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

void read_sync_interval(const Field& field, nanoseconds& interval) {
  const Value& value = field.value();
  if (value.is(Value::Type::kString) && value.text == "always") {
    interval = nanoseconds(0);
    return;
  }
  field.read(interval, milliseconds(1));
}

void read_limits(const Field& field, JetStreamOptions& jetstream) {
  constexpr Key<JetStreamOptions> kKeys[] = {
      {"max_ack_pending",
       [](const Field& f, JetStreamOptions& j) {
         f.read(j.max_ack_pending, {0, kMost});
       }},
      {"max_request_batch",
       [](const Field& f, JetStreamOptions& j) {
         f.read(j.max_request_batch, {0, kMost});
       }},
      {"duplicate_window",
       [](const Field& f, JetStreamOptions& j) { f.read(j.duplicate_window, milliseconds(100)); }},
  };
  constexpr Absent kAbsent[] = {{"max_ha_assets"}, {"batch"}};
  if (const Value* map = field.map()) {
    read_section<JetStreamOptions>(field.report(), *map, kKeys, kAbsent, jetstream);
  }
}

using J = JetStreamOptions;

constexpr Key<J> kKeys[] = {
    {"enabled/enable", [](const Field& f, J& j) { f.read(j.enabled); }},
    {"disabled/disable",
     [](const Field& f, J& j) {
       bool disabled = false;
       if (f.read(disabled)) j.enabled = !disabled;
     }},
    {"strict", [](const Field& f, J& j) { f.read(j.strict); }},
    {"store_dir/store/storedir", [](const Field& f, J& j) { f.read(j.store_dir); }},
    {"sync_interval/sync", [](const Field& f, J& j) { read_sync_interval(f, j.sync_interval); }},
    {"max_memory_store/max_mem_store/max_mem",
     [](const Field& f, J& j) {
       f.read(j.max_memory, {-1, kMost});
     }},
    {"max_file_store/max_file",
     [](const Field& f, J& j) {
       f.read(j.max_file, {-1, kMost});
     }},
    {"domain", [](const Field& f, J& j) { f.read(j.domain); }},
    {"limits", [](const Field& f, J& j) { read_limits(f, j); }},
};

constexpr Absent kAbsent[] = {
    {"encryption_key/key/ek"},
    {"prev_encryption_key/prev_key/prev_ek"},
    {"cipher"},
    {"extension_hint"},
    {"tpm"},
    {"unique_tag"},
    {"max_outstanding_catchup"},
    {"max_buffered_size"},
    {"max_buffered_msgs"},
    {"request_queue_limit"},
    {"info_queue_limit"},
    {"meta_compact"},
    {"meta_compact_size"},
    {"meta_compact_sync"},
    {"max_concurrent_io"},
};

}  // namespace

void read_jetstream(const Field& field, JetStreamOptions& jetstream) {
  const Value& value = field.value();
  if (value.is(Value::Type::kBool)) {
    jetstream.enabled = value.boolean;
    return;
  }
  if (value.is(Value::Type::kString)) {
    if (value.text == "enabled" || value.text == "enable") {
      jetstream.enabled = true;
    } else if (says_off(value)) {
      jetstream.enabled = false;
    } else {
      field.error(
          fmt::format("expected 'enabled' or 'disabled' for string value, got '{}'", value.text));
    }
    return;
  }
  const Value* map = field.map();
  if (map == nullptr) return;
  // A block means that it is wanted.
  jetstream.enabled = true;
  read_section<J>(field.report(), *map, kKeys, kAbsent, jetstream);
}

}  // namespace natrix::config
