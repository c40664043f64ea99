#include "operator/leader/elector.h"

#include <algorithm>

#include "broker/base/assert.h"
#include "operator/base/timestamp.h"
#include "operator/kube/errors.h"
#include "operator/kube/resources.h"

namespace natrix::leader {
namespace {

using kube::Json;

std::string text_at(const Json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

int64_t number_at(const Json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_number_integer() ? it->get<int64_t>() : 0;
}

}  // namespace

Elector::Elector(kube::Api& api, ElectorOptions options, ops::Clock& clock, ops::Log& log,
                 Callbacks callbacks)
    : api_(api),
      options_(std::move(options)),
      ref_{kube::kLeases, options_.ns, options_.name},
      clock_(clock),
      log_(log),
      callbacks_(std::move(callbacks)) {
  NATRIX_ASSERT(options_.renew_deadline < options_.lease_duration,
                "a leader gives up before others may take over");
  NATRIX_ASSERT(!options_.identity.empty(), "an elector has an identity");
}

Elector::~Elector() {
  stop();
}

void Elector::start() {
  thread_ = std::thread([this] { run(); });
}

void Elector::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Elector::run() {
  if (!acquire()) return;
  if (!pause(ops::Duration(0))) return;  // stopped while the request was under way
  log_.info("leading", {{"lease", options_.name}, {"identity", options_.identity}});
  if (callbacks_.on_started) callbacks_.on_started();
  lead();
}

bool Elector::acquire() {
  if (try_acquire_or_renew()) return true;
  const std::shared_ptr<kube::CancelToken> cancel = api_.make_cancel_token();
  std::thread follower([this, &cancel] { follow(cancel); });
  bool acquired = false;
  while (!acquired) {
    wait_for_turn();
    if (!pause(ops::Duration(0))) break;
    acquired = try_acquire_or_renew();
  }
  if (cancel) cancel->cancel();
  {
    std::lock_guard lock(mutex_);
    followed_ = true;
    changed_.notify_all();
  }
  follower.join();
  return acquired;
}

// Spread, so that followers do not race each other for a Lease that has just run out.
void Elector::wait_for_turn() {
  const auto part_of_period = [this](double part) {
    return ops::Duration(
        static_cast<ops::Duration::rep>(static_cast<double>(options_.retry_period.count()) * part));
  };
  std::unique_lock lock(mutex_);
  ops::Time until = clock_.now() + part_of_period(1.0 + options_.random());
  if (held_by_other(observed_)) {
    const auto valid = std::chrono::seconds(observed_.duration_seconds);
    const ops::Time expiry = observed_at_ + valid + part_of_period(options_.random() / 4);
    if (expiry > clock_.now()) until = std::min(until, expiry);
  }
  while (!stopping_ && !vacant_ && clock_.now() < until) clock_.wait_until(changed_, lock, until);
  vacant_ = false;
}

void Elector::follow(const std::shared_ptr<kube::CancelToken>& cancel) {
  const kube::WatchOptions options{.ns = ref_.ns,
                                   .label_selector = {},
                                   .field_selector = "metadata.name=" + ref_.name,
                                   .metadata_only = false,
                                   .resource_version = {}};
  while (cancel) {
    const auto ended = api_.watch(
        ref_.type, options, [this](const kube::WatchEvent& event) { on_lease_event(event); },
        cancel);
    if (!ended && ended.error().code != kube::Errc::kCancelled) {
      log_.debug("cannot watch the lease", {{"error", ended.error().message}});
    }
    // However the watch ended, the looks go on; the next one is opened at leisure.
    std::unique_lock lock(mutex_);
    const ops::Time until = clock_.now() + options_.retry_period;
    while (!stopping_ && !followed_ && clock_.now() < until)
      clock_.wait_until(changed_, lock, until);
    if (stopping_ || followed_) return;
  }
}

void Elector::on_lease_event(const kube::WatchEvent& event) {
  if (event.type == kube::WatchEventType::kBookmark) return;
  const Record record =
      event.type == kube::WatchEventType::kDeleted ? Record{} : read(event.object);
  std::lock_guard lock(mutex_);
  // An old event does no harm: whatever changes, the time to wait for begins anew.
  observe(record);
  vacant_ = record.holder.empty();
  if (vacant_) changed_.notify_all();
}

void Elector::lead() {
  while (pause(options_.retry_period)) {
    bool renewed = try_acquire_or_renew();
    std::unique_lock lock(mutex_);
    bool taken = held_by_other(observed_);
    if (renewed || (!taken && clock_.now() - renewed_at_ < options_.renew_deadline)) continue;
    leading_ = false;
    lock.unlock();
    log_.error("leadership lost", {{"lease", options_.name}, {"holder", holder()}});
    if (callbacks_.on_lost) callbacks_.on_lost();
    return;
  }
}

bool Elector::try_acquire_or_renew() {
  if (ours_) {
    // Nobody else writes a Lease that is held, so the version we left is usually still current.
    Json lease = *ours_;
    Record record = read(lease);
    if (write_lease(std::move(lease), record)) return true;
    ours_.reset();
  }
  auto lease = api_.get(ref_);
  if (!lease) {
    if (lease.error().code == kube::Errc::kNotFound) return create_lease();
    log_.warn("cannot read the lease", {{"error", lease.error().message}});
    return false;
  }
  Record record = read(*lease);
  {
    std::lock_guard lock(mutex_);
    observe(record);
    if (held_by_other(record)) {
      auto valid = std::chrono::seconds(record.duration_seconds);
      if (leading_ || clock_.now() < observed_at_ + valid) return false;
    }
  }
  return write_lease(std::move(*lease), record);
}

bool Elector::create_lease() {
  Json lease = {{"apiVersion", "coordination.k8s.io/v1"},
                {"kind", "Lease"},
                {"metadata", {{"name", options_.name}, {"namespace", options_.ns}}}};
  ops::Time asked_at = clock_.now();
  auto created = api_.create(kube::kLeases, fill(std::move(lease), Record{}));
  if (!created) {
    if (created.error().code != kube::Errc::kAlreadyExists) {
      log_.warn("cannot create the lease", {{"error", created.error().message}});
    }
    return false;
  }
  renewed(std::move(*created), asked_at);
  return true;
}

bool Elector::write_lease(Json lease, const Record& current) {
  ops::Time asked_at = clock_.now();
  auto written = api_.replace(ref_, fill(std::move(lease), current));
  if (!written) {
    // A conflict is another replica being faster; it shows at the next look.
    if (written.error().code != kube::Errc::kConflict) {
      log_.warn("cannot write the lease", {{"error", written.error().message}});
    }
    return false;
  }
  renewed(std::move(*written), asked_at);
  return true;
}

void Elector::renewed(Json lease, ops::Time asked_at) {
  std::lock_guard lock(mutex_);
  observe(read(lease));
  ours_ = std::move(lease);
  leading_ = true;
  renewed_at_ = asked_at;  // the server may have counted from then
}

Json Elector::fill(Json lease, const Record& record) const {
  std::string now = ops::format_micro_time(clock_.wall());
  bool again = record.holder == options_.identity;
  Json& spec = lease["spec"];
  if (!spec.is_object()) spec = Json::object();
  spec["holderIdentity"] = options_.identity;
  spec["leaseDurationSeconds"] = options_.lease_duration.count();
  spec["renewTime"] = now;
  spec["acquireTime"] = again && !record.acquire_time.empty() ? record.acquire_time : now;
  spec["leaseTransitions"] = record.transitions + (again || record.acquire_time.empty() ? 0 : 1);
  return lease;
}

void Elector::release() {
  NATRIX_ASSERT(!thread_.joinable(), "release() comes after stop()");
  {
    std::lock_guard lock(mutex_);
    if (!leading_) return;
    leading_ = false;
  }
  // Nothing is lost if this fails: the Lease runs out by itself.
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto lease = ours_ ? kube::ApiResult<Json>(*ours_) : api_.get(ref_);
    ours_.reset();
    if (!lease || read(*lease).holder != options_.identity) break;
    Json& spec = (*lease)["spec"];
    spec["holderIdentity"] = "";
    spec["leaseDurationSeconds"] = 1;
    spec["renewTime"] = ops::format_micro_time(clock_.wall());
    auto written = api_.replace(ref_, *lease);
    if (written) {
      log_.info("lease released", {{"lease", options_.name}});
      break;
    }
    if (written.error().code != kube::Errc::kConflict) {
      log_.warn("cannot release the lease", {{"error", written.error().message}});
      break;
    }
  }
}

Elector::Record Elector::read(const Json& lease) {
  auto spec = lease.find("spec");
  if (spec == lease.end() || !spec->is_object()) return {};
  return {
      .holder = text_at(*spec, "holderIdentity"),
      .acquire_time = text_at(*spec, "acquireTime"),
      .renew_time = text_at(*spec, "renewTime"),
      .duration_seconds = std::clamp<int64_t>(number_at(*spec, "leaseDurationSeconds"), 0, 3600),
      .transitions = number_at(*spec, "leaseTransitions")};
}

void Elector::observe(const Record& record) {
  if (record == observed_) return;
  if (record.holder != observed_.holder && !record.holder.empty()) {
    log_.info("lease is held", {{"lease", options_.name}, {"holder", record.holder}});
  }
  observed_ = record;
  observed_at_ = clock_.now();
}

bool Elector::held_by_other(const Record& record) const {
  return !record.holder.empty() && record.holder != options_.identity;
}

bool Elector::pause(ops::Duration duration) {
  std::unique_lock lock(mutex_);
  ops::Time until = clock_.now() + duration;
  while (!stopping_ && clock_.now() < until) clock_.wait_until(changed_, lock, until);
  return !stopping_;
}

bool Elector::is_leader() const {
  std::lock_guard lock(mutex_);
  return leading_ && clock_.now() - renewed_at_ < options_.lease_duration;
}

std::string Elector::holder() const {
  std::lock_guard lock(mutex_);
  return observed_.holder;
}

}  // namespace natrix::leader
