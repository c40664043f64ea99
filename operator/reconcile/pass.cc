#include "operator/reconcile/pass.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/kube/resources.h"
#include "operator/model/labels.h"
#include "operator/reconcile/certificates.h"

namespace natrix::reconcile {

namespace {

using model::Reason;

// Making credentials is one round, everything that needs them the next.
constexpr int kMostRounds = 2;
constexpr size_t kMostErrorsShown = 5;
// Errors that may pass are worth a condition when they do not.
constexpr int kFailuresUntilShown = 3;
constexpr std::chrono::seconds kLookWhileMeshing{3};
constexpr std::chrono::seconds kLookAfterGrowth{1};
constexpr std::chrono::seconds kLookWhileProgressing{30};
constexpr std::chrono::seconds kLookAfterProblem{15};

// Stands in for credentials that are still to be made; never sent to the API server.
const brokerconf::Credentials kPlaceholder = {"pending", "pending"};

std::string cluster_text(const model::Cluster& cluster) {
  return cluster.ns + "/" + cluster.name;
}

// Up to a tenth earlier, by the cluster: all passes of a start would otherwise come back together.
std::chrono::milliseconds spread_out(std::chrono::milliseconds period, const std::string& uid) {
  const auto part = static_cast<int64_t>(std::hash<std::string>()(uid) % 1000);
  return period - period * part / 10000;
}

bool names_secrets(const model::Cluster& cluster) {
  return cluster.spec.auth.mode != model::AuthMode::kNone ||
         !cluster.spec.config.cluster.credentials_secret.empty() ||
         cluster.spec.config.nats.tls.enabled || cluster.spec.config.cluster.tls.enabled;
}

// Those that are still leaving need their routes: they have clients to hand over.
int routed_servers(const model::Cluster& cluster, const std::vector<Pod>& pods) {
  int out = cluster.spec.replicas;
  for (const Pod& pod : pods) out = std::max(out, pod.ordinal + 1);
  return out;
}

}  // namespace

Pass::Pass(ClusterReconciler& owner, ClusterReconciler::Memory& memory, Json object)
    : owner_(owner), memory_(memory), api_(owner.api_), object_(std::move(object)) {
  memory_.rest.reset();
}

Outcome Pass::run() {
  read_spec();
  if (!look()) return give_up();
  for (int round = 0; round < kMostRounds; ++round) {
    decide();
    if (!act()) break;
  }
  roll();
  ask_servers();
  return report();
}

void Pass::read_spec() {
  auto parsed = model::parse_cluster(object_);
  if (parsed) {
    cluster_ = std::move(*parsed);
    valid_ = true;
    return;
  }
  cluster_.ns = string_at(object_, {"metadata", "namespace"});
  cluster_.name = string_at(object_, {"metadata", "name"});
  cluster_.uid = string_at(object_, {"metadata", "uid"});
  cluster_.generation = int_at(object_, {"metadata", "generation"});
  std::string message;
  const auto& errors = parsed.error();
  for (size_t i = 0; i < std::min(errors.size(), kMostErrorsShown); ++i) {
    message += (message.empty() ? "" : "; ") + errors[i].text();
  }
  if (errors.size() > kMostErrorsShown)
    message += fmt::format("; and {} more", errors.size() - kMostErrorsShown);
  problems_.push_back({Reason::kSpecInvalid, std::move(message)});
}

bool Pass::look() {
  auto observed = observe(api_, cluster_);
  if (!observed) {
    note_error(observed.error(), "looking at the cluster");
    return false;
  }
  observed_ = std::move(*observed);
  return true;
}

void Pass::decide() {
  plan_ = {};
  waiting_.clear();
  approval_.clear();
  if (!valid_) return;
  if (is_stale()) {
    transient_ = kube::ApiError{kube::Errc::kConflict, 0,
                                "the API server answered with a NatsCluster older than the one its "
                                "StatefulSet was written for",
                                std::nullopt};
    return;
  }
  auto found = read_secrets(api_, cluster_);
  if (!found) {
    note_error(found.error(), "reading Secrets");
    return;
  }
  if (found->problem) {
    problems_.push_back(*found->problem);
    return;
  }
  Wanted wanted;
  if (found->routes_missing) {
    found->secrets.routes = kPlaceholder;
    wanted.routes_secret =
        resource::build_routes_secret(cluster_, {"route", owner_.make_password_()});
  }
  rendered_ =
      brokerconf::render(cluster_, found->secrets, routed_servers(cluster_, observed_.pods));
  routes_ = found->secrets.routes;
  certificates_ = std::move(found->certificates);
  if (!found->routes_missing) decide_config();
  wanted.children = resource::build_children(cluster_, *rendered_, {owner_.options_.default_image});
  wanted.children.back().object["metadata"]["annotations"][model::kGenerationAnnotation] =
      std::to_string(cluster_.generation);
  wanted.unwanted = resource::unwanted_children(cluster_);
  if (!observed_.pods.empty())
    wanted.surviving_startup_failures = observed_.pods.front().startup_failures;
  plan_ = make_plan(cluster_, wanted, observed_.children, memory_.normalised, observed_.claims);
  if (cluster_.spec.update_strategy.type == model::UpdateType::kApprove) {
    Plan held;
    held.actions = hold_for_approval(plan_, cluster_.approved_plan);
    approval_ = held.digest();
    waiting_ = std::move(held.actions);
  }
  for (const Problem& problem : plan_.problems) problems_.push_back(problem);
}

void Pass::decide_config() {
  revision_ = config_revision(*rendered_, certificates_);
  const Json* status = previous_status();
  const bool changed = status == nullptr || string_at(*status, {"config", "revision"}) != revision_;
  // What servers said a while ago is not enough to choose by.
  if (changed && own_set() != nullptr) ask_now();
  change_ = reconcile::decide_config(config_input());
  rendered_->restart_digest = change_->started_with.substr(std::string("sha256:").size());
}

ConfigInput Pass::config_input() const {
  return {cluster_,
          *rendered_,
          [this](int servers) { return brokerconf::cluster_conf(cluster_, routes_, servers); },
          certificates_,
          observed_.children,
          observed_.pods,
          memory_.reports,
          previous_status(),
          owner_.clock_.wall()};
}

bool Pass::reload_pending() const {
  return change_ && change_->reload &&
         configured_pods(config_input(), *change_).size() < observed_.pods.size();
}

bool Pass::act() {
  if (!may_write()) return false;
  limit_replicas();
  const Executed executed =
      execute(api_, cluster_.ns, plan_, observed_.children, memory_.normalised);
  for (const Action* action : executed.done) {
    const Change& change = action->changes.front();
    owner_.log_.info("carried out", {{"cluster", cluster_text(cluster_)},
                                     {"target", text_of(action->target)},
                                     {"reason", name_of(change.reason)},
                                     {"field", change.field},
                                     {"disruptive", action->disruptive()}});
  }
  publish(action_events(executed.done));
  acted_ = acted_ || !executed.done.empty() || executed.error;
  if (executed.error) note_failed(*executed.failed, *executed.error);
  plan_.actions.erase(plan_.actions.begin(),
                      plan_.actions.begin() + static_cast<std::ptrdiff_t>(executed.done.size()));
  return executed.replan && !executed.error;
}

void Pass::note_failed(const Action& action, const kube::ApiError& error) {
  const bool refused = error.code == kube::Errc::kForbidden || error.code == kube::Errc::kInvalid;
  // API servers answer so when the storage class cannot grow volumes.
  if (refused && action.target.kind == resource::Kind::kPersistentVolumeClaim) {
    problems_.push_back({Reason::kStorageResizeRefused,
                         fmt::format("{}: {}", action.changes.front().message, error.message)});
    return;
  }
  note_error(error, "writing " + text_of(action.target));
}

void Pass::note_error(const kube::ApiError& error, const std::string& doing) {
  switch (error.code) {
    case kube::Errc::kForbidden:
    case kube::Errc::kUnauthorized:
      problems_.push_back({Reason::kForbidden, fmt::format("{}: {}", doing, error.message)});
      return;
    case kube::Errc::kInvalid:
      problems_.push_back({Reason::kRejected, fmt::format("{}: {}", doing, error.message)});
      return;
    default:
      transient_ = error;
      transient_->message = fmt::format("{}: {}", doing, error.message);
  }
}

Outcome Pass::report() {
  Outcome outcome;
  if (transient_) {
    outcome.error = transient_->message;
    outcome.requeue_after = transient_->retry_after;
    if (++memory_.failures < kFailuresUntilShown) return outcome;
    problems_.push_back({Reason::kApiUnavailable, transient_->message});
  } else {
    memory_.failures = 0;
    log_problems();
  }
  StatusInput input;
  input.generation = cluster_.generation;
  input.cluster = valid_ ? &cluster_ : nullptr;
  input.stateful_set = own_set();
  // A stranger's StatefulSet of that name says nothing about this cluster.
  const ChildKey set{resource::Kind::kStatefulSet, cluster_.name};
  if (input.stateful_set != nullptr || observed_.children.count(set) == 0)
    input.pods = observed_.pods;
  input.reports = memory_.reports;
  input.config_revision = revision_;
  input.change = change_;
  if (change_) input.configured = configured_pods(config_input(), *change_);
  input.certificates = certificates_;
  for (Action& action : waiting_) plan_.actions.push_back(std::move(action));
  input.plan = &plan_;
  input.approval = approval_;
  input.rollout = &rollout_;
  input.claims = observed_.claims;
  input.problems = problems_;
  input.previous = previous_status();
  input.now = owner_.clock_.wall();
  const StatusResult result = make_status(input);
  publish(transition_events(input.previous, result.conditions));
  publish(renewal_events(input.previous, certificates_));
  if (!outcome.error) outcome.requeue_after = next_look(result);
  outcome = write_status(result.status, std::move(outcome));
  if (!outcome.error && at_rest(result)) note_rest(*outcome.requeue_after);
  return outcome;
}

bool Pass::at_rest(const StatusResult& result) const {
  return may_write() && !acted_ && own_set() != nullptr && plan_.actions.empty() &&
         rollout_.pending.empty() && !rollout_.under_way && !result.growing &&
         !result.watch_servers && !result.progressing;
}

void Pass::note_rest(std::chrono::milliseconds next) {
  ClusterReconciler::Memory::Rest rest;
  rest.versions = api_.versions();
  // Not read through the recorder unless its status was written.
  rest.versions.emplace(kube::ObjectRef{kNatsClusters, cluster_.ns, cluster_.name},
                        string_at(object_, {"metadata", "resourceVersion"}));
  rest.set_uid = string_at(*own_set(), {"metadata", "uid"});
  rest.pods = observed_.pods.size();
  rest.since = owner_.clock_.now();
  rest.next_look = next;
  memory_.rest = std::move(rest);
  memory_.missed = false;
}

// Once; the conditions say it all the time.
void Pass::log_problems() {
  const std::string problem = problems_.empty() ? "" : problems_.front().message;
  if (problem == memory_.logged_problem) return;
  memory_.logged_problem = problem;
  if (problem.empty()) {
    owner_.log_.info("nothing stands in the way any more", {{"cluster", cluster_text(cluster_)}});
    return;
  }
  owner_.log_.warn("cannot go on", {{"cluster", cluster_text(cluster_)},
                                    {"reason", name_of(problems_.front().reason)},
                                    {"problem", problem}});
}

Outcome Pass::give_up() {
  Outcome outcome;
  Problem problem{Reason::kApiUnavailable, ""};
  if (transient_) {
    outcome.error = transient_->message;
    outcome.requeue_after = transient_->retry_after;
    if (++memory_.failures < kFailuresUntilShown) return outcome;
    problem.message = transient_->message;
  } else {
    problem = problems_.back();
    log_problems();
    outcome.requeue_after = kLookAfterProblem;
  }
  return write_status(
      failure_status(previous_status(), problem, cluster_.generation, owner_.clock_.wall()),
      std::move(outcome));
}

Outcome Pass::write_status(const Json& status, Outcome outcome) {
  const Json* previous = previous_status();
  if (previous != nullptr && *previous == status) return outcome;
  const Json document = {
      {"apiVersion", model::kApiVersion},
      {"kind", model::kKind},
      {"metadata", {{"name", cluster_.name}, {"namespace", cluster_.ns}, {"uid", cluster_.uid}}},
      {"status", status}};
  const auto written =
      api_.apply_status({kNatsClusters, cluster_.ns, cluster_.name}, document, model::kManager);
  // Gone meanwhile: nobody is left to read it.
  if (!written && written.error().code != kube::Errc::kNotFound && !outcome.error) {
    outcome.error = "writing the status: " + written.error().message;
    outcome.requeue_after = written.error().retry_after;
  }
  return outcome;
}

void Pass::publish(const std::vector<Event>& events) {
  for (const Event& event : events) {
    const auto created =
        api_.create(kube::kEvents,
                    event_document(event, object_, owner_.options_.instance, owner_.clock_.wall()));
    if (!created && created.error().code != kube::Errc::kAlreadyExists) {
      // Events are a courtesy; the conditions hold the same.
      owner_.log_.warn("event was not written", {{"cluster", cluster_text(cluster_)},
                                                 {"reason", event.reason},
                                                 {"error", created.error().message}});
    }
  }
}

std::chrono::milliseconds Pass::next_look(const StatusResult& result) const {
  if (!problems_.empty()) return kLookAfterProblem;
  // Claims are not watched, and a pass does not look twice.
  if (acted_ && result.growing) return kLookAfterGrowth;
  if (result.watch_servers) return kLookWhileMeshing;
  if (result.progressing) return kLookWhileProgressing;
  const auto period =
      names_secrets(cluster_) ? owner_.options_.secret_resync : owner_.options_.resync;
  return spread_out(period, cluster_.uid);
}

const Json* Pass::previous_status() const {
  const auto found = object_.find("status");
  return found == object_.end() ? nullptr : &*found;
}

}  // namespace natrix::reconcile
