#include "operator/local/memory_api/faults.h"

namespace natrix::memory_api {

using kube::ApiError;
using kube::ApiResult;
using kube::Errc;
using kube::ObjectRef;
using kube::ResourceType;

namespace {

constexpr size_t kMaxNotes = 1000;

std::string describe(const char* verb, const ObjectRef& ref) {
  return fmt::format("{} {} {}/{}", verb, ref.type.plural, ref.ns, ref.name);
}

}  // namespace

FaultyApi::FaultyApi(MemoryApi& inner, FaultPlan plan, uint64_t seed)
    : inner_(inner), plan_(plan), random_(seed) {}

void FaultyApi::set_plan(FaultPlan plan) {
  const std::lock_guard lock(mutex_);
  plan_ = plan;
}

uint64_t FaultyApi::writes() const {
  const std::lock_guard lock(mutex_);
  return writes_;
}

std::vector<std::string> FaultyApi::injected() const {
  const std::lock_guard lock(mutex_);
  return injected_;
}

bool FaultyApi::chance(double probability) {
  return probability > 0 && std::uniform_real_distribution<double>()(random_) < probability;
}

void FaultyApi::note(std::string what) {
  if (injected_.size() == kMaxNotes) injected_.erase(injected_.begin());
  injected_.push_back(std::move(what));
}

ApiError FaultyApi::transport_error(const std::string& what, bool may_have_happened) {
  switch (random_() % (may_have_happened ? 2 : 4)) {
    case 0:
      note(what + ": timeout" + (may_have_happened ? " after the write" : ""));
      return {Errc::kTimeout, 0, what + ": injected timeout", {}};
    case 1:
      note(what + ": connection lost" + (may_have_happened ? " after the write" : ""));
      return {Errc::kConnection, 0, what + ": injected loss of connection", {}};
    case 2:
      note(what + ": 429");
      return {Errc::kTooManyRequests, 429, what + ": injected 429", std::chrono::milliseconds(10)};
    default:
      note(what + ": 500");
      return {Errc::kServer, 500, what + ": injected 500", {}};
  }
}

std::optional<uint64_t> FaultyApi::stale_revision() {
  if (!chance(plan_.stale_read)) return std::nullopt;
  const uint64_t now = inner_.server().revision();
  const uint64_t back = random_() % (plan_.staleness + 1);
  return now > back ? now - back : 1;
}

ApiResult<Json> FaultyApi::get(const ObjectRef& ref) {
  const std::string what = describe("get", ref);
  std::optional<uint64_t> revision;
  {
    const std::lock_guard lock(mutex_);
    if (chance(plan_.read_error)) return fail_with(transport_error(what, false));
    revision = stale_revision();
    if (revision) note(fmt::format("{}: as of {}", what, *revision));
  }
  const TypePtr type = inner_.server().find_type(ref.type.group, ref.type.version, ref.type.plural);
  if (!revision || !type) return inner_.get(ref);
  Outcome<Json> object = inner_.server().get_at({type, ref.ns, ref.name, ""}, *revision);
  // Older than anything remembered: the oldest thing remembered is "now".
  if (!object && object.error().code == 410) return inner_.get(ref);
  if (!object) return fail_with(to_api_error(object.error(), what));
  return std::move(*object);
}

ApiResult<kube::ObjectList> FaultyApi::list(const ResourceType& resource,
                                            const kube::ListOptions& options) {
  const std::string what = "list " + resource.plural;
  std::optional<uint64_t> revision;
  {
    const std::lock_guard lock(mutex_);
    if (chance(plan_.read_error)) return fail_with(transport_error(what, false));
    if (chance(plan_.list_gone)) {
      note(what + ": 410");
      return fail_with(ApiError{Errc::kGone, 410, what + ": injected 410", {}});
    }
    revision = stale_revision();
    if (revision) note(fmt::format("{}: as of {}", what, *revision));
  }
  const TypePtr type = inner_.server().find_type(resource.group, resource.version, resource.plural);
  if (!revision || !type) return inner_.list(resource, options);
  Outcome<ListPage> page = inner_.server().list(
      type, {options.ns, options.label_selector, options.field_selector, 0, "", revision});
  if (!page) return inner_.list(resource, options);
  kube::ObjectList out{std::move(page->items), page->resource_version};
  if (options.metadata_only) {
    for (Json& item : out.items) item = partial_metadata(item);
  }
  return out;
}

FaultyApi::WatchFault FaultyApi::watch_fault() {
  const std::lock_guard lock(mutex_);
  for (const auto& [probability, fault, name] :
       {std::tuple{plan_.watch_cut, WatchFault::kCut, "cut"},
        {plan_.watch_gone, WatchFault::kGone, "410"},
        {plan_.watch_duplicate, WatchFault::kDuplicate, "event doubled"},
        {plan_.watch_drop, WatchFault::kDrop, "event dropped"},
        {plan_.watch_reorder, WatchFault::kReorder, "event late"},
        {plan_.watch_silent, WatchFault::kSilent, "silent"}}) {
    if (!chance(probability)) continue;
    note(fmt::format("watch: {}", name));
    return fault;
  }
  return WatchFault::kNone;
}

// What one watch hands on, and the token that ends the inner watch when a fault does.
class FaultyApi::Stream : public kube::CancelToken {
 public:
  using Handler = std::function<void(kube::WatchEvent)>;

  Stream(FaultyApi& api, std::string what, const Handler& on_event,
         std::shared_ptr<kube::CancelToken> outer)
      : api_(api), what_(std::move(what)), on_event_(on_event), outer_(std::move(outer)) {}

  void cancel() override {}
  [[nodiscard]] bool cancelled() const override {
    return ended_.has_value() || (outer_ && outer_->cancelled());
  }
  [[nodiscard]] const std::optional<ApiError>& ended() const { return ended_; }

  void deliver(kube::WatchEvent event) {
    if (ended_) return;
    if (silent_since_) return hear_nothing();
    const WatchFault fault = api_.watch_fault();
    switch (fault) {
      case WatchFault::kDrop:
        return;
      case WatchFault::kSilent:
        silent_since_ = std::chrono::steady_clock::now();
        patience_ = api_.silence_noticed_after();
        return;
      case WatchFault::kReorder:
        if (!late_) {
          late_ = std::move(event);
          return;
        }
        break;
      case WatchFault::kDuplicate:
        on_event_(event);
        break;
      case WatchFault::kCut:
        ended_ = ApiError{Errc::kConnection, 0, what_ + ": injected cut", {}};
        break;
      case WatchFault::kGone:
        ended_ = ApiError{Errc::kGone, 410, what_ + ": injected 410", {}};
        break;
      case WatchFault::kNone:
        break;
    }
    on_event_(std::move(event));
    // Always before the stream can end: what was never handed on would be lost, for the client goes
    // on from the newest version it saw.
    if (late_) on_event_(std::move(*late_));
    late_.reset();
  }

 private:
  void hear_nothing() {
    if (!patience_ || std::chrono::steady_clock::now() - *silent_since_ < *patience_) return;
    ended_ = ApiError{Errc::kTimeout, 0, what_ + ": injected silence", {}};
  }

  FaultyApi& api_;
  const std::string what_;
  const Handler& on_event_;
  const std::shared_ptr<kube::CancelToken> outer_;
  std::optional<ApiError> ended_;
  std::optional<std::chrono::steady_clock::time_point> silent_since_;
  std::optional<std::chrono::milliseconds> patience_;  // by the plan of that moment
  std::optional<kube::WatchEvent> late_;
};

std::optional<std::chrono::milliseconds> FaultyApi::silence_noticed_after() {
  const std::lock_guard lock(mutex_);
  return plan_.silence_noticed_after;
}

ApiResult<void> FaultyApi::watch(const ResourceType& type, const kube::WatchOptions& options,
                                 const std::function<void(kube::WatchEvent)>& on_event,
                                 const std::shared_ptr<kube::CancelToken>& cancel) {
  const std::string what = "watch " + type.plural;
  {
    const std::lock_guard lock(mutex_);
    if (chance(plan_.watch_refused)) {
      if (random_() % 2 != 0) return fail_with(transport_error(what, true));
      note(what + ": 410");
      return fail_with(ApiError{Errc::kGone, 410, what + ": injected 410", {}});
    }
  }
  const auto stream = std::make_shared<Stream>(*this, what, on_event, cancel);
  ApiResult<void> done = inner_.watch(
      type, options, [&](kube::WatchEvent event) { stream->deliver(std::move(event)); }, stream);
  if (stream->ended()) return fail_with(*stream->ended());
  return done;
}

std::shared_ptr<kube::CancelToken> FaultyApi::make_cancel_token() {
  return inner_.make_cancel_token();
}

template <class T>
ApiResult<T> FaultyApi::around_write(const std::string& what,
                                     const std::function<ApiResult<T>()>& write) {
  uint64_t number = 0;
  bool unanswered = false;
  bool crash = false;
  {
    const std::lock_guard lock(mutex_);
    number = ++writes_;
    if (plan_.crash_before_write == number) {
      note(fmt::format("{}: crash before write {}", what, number));
      throw Crash();
    }
    crash = plan_.crash_after_write == number;
    if (chance(plan_.write_conflict)) {
      note(what + ": 409");
      return fail_with(ApiError{Errc::kConflict, 409, what + ": injected 409", {}});
    }
    if (chance(plan_.write_refused)) return fail_with(transport_error(what, false));
    unanswered = chance(plan_.write_unanswered);
  }
  ApiResult<T> done = write();
  const std::lock_guard lock(mutex_);
  if (crash) {
    note(fmt::format("{}: crash after write {}", what, number));
    throw Crash();
  }
  if (unanswered) return fail_with(transport_error(what, true));
  return done;
}

ApiResult<Json> FaultyApi::create(const ResourceType& type, const Json& object) {
  return around_write<Json>("create " + type.plural, [&] { return inner_.create(type, object); });
}

ApiResult<Json> FaultyApi::replace(const ObjectRef& ref, const Json& object) {
  return around_write<Json>(describe("replace", ref), [&] { return inner_.replace(ref, object); });
}

ApiResult<Json> FaultyApi::apply(const ObjectRef& ref, const Json& object,
                                 const std::string& manager) {
  return around_write<Json>(describe("apply", ref),
                            [&] { return inner_.apply(ref, object, manager); });
}

ApiResult<Json> FaultyApi::apply_status(const ObjectRef& ref, const Json& object,
                                        const std::string& manager) {
  return around_write<Json>(describe("apply status of", ref),
                            [&] { return inner_.apply_status(ref, object, manager); });
}

ApiResult<Json> FaultyApi::merge_patch(const ObjectRef& ref, const Json& patch) {
  return around_write<Json>(describe("patch", ref), [&] { return inner_.merge_patch(ref, patch); });
}

ApiResult<void> FaultyApi::remove(const ObjectRef& ref,
                                  const kube::DeletePreconditions& preconditions,
                                  kube::Propagation propagation) {
  return around_write<void>(describe("delete", ref),
                            [&] { return inner_.remove(ref, preconditions, propagation); });
}

}  // namespace natrix::memory_api
