#include "operator/reconcile/pass.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/kube/resources.h"
#include "operator/model/labels.h"

namespace natrix::reconcile {

namespace {

using model::Reason;

// Making credentials is one round, everything that needs them the next.
constexpr int kMostRounds = 2;
constexpr size_t kMostErrorsShown = 5;
// Errors that may pass are worth a condition when they do not.
constexpr int kFailuresUntilShown = 3;
constexpr std::chrono::seconds kLookWhileMeshing{3};
constexpr std::chrono::seconds kLookWhileProgressing{30};
constexpr std::chrono::seconds kLookAfterProblem{15};

// Stands in for credentials that are still to be made; never sent to the API server.
const brokerconf::Credentials kPlaceholder = {"pending", "pending"};

std::string cluster_text(const model::Cluster& cluster) {
  return cluster.ns + "/" + cluster.name;
}

bool names_secrets(const model::Cluster& cluster) {
  return cluster.spec.auth.mode != model::AuthMode::kNone ||
         !cluster.spec.config.cluster.credentials_secret.empty();
}

}  // namespace

Pass::Pass(ClusterReconciler& owner, ClusterReconciler::Memory& memory, Json object)
    : owner_(owner), memory_(memory), object_(std::move(object)) {}

Outcome Pass::run() {
  read_spec();
  if (!look()) return give_up();
  for (int round = 0; round < kMostRounds; ++round) {
    decide();
    if (!act()) break;
  }
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
  auto observed = observe(owner_.api_, cluster_);
  if (!observed) {
    note_error(observed.error(), "looking at the cluster");
    return false;
  }
  observed_ = std::move(*observed);
  return true;
}

void Pass::decide() {
  plan_ = {};
  if (!valid_) return;
  auto found = read_secrets(owner_.api_, cluster_);
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
  const brokerconf::Rendered rendered = brokerconf::render(cluster_, found->secrets);
  if (!found->routes_missing) revision_ = "sha256:" + rendered.restart_digest;
  wanted.children = resource::build_children(cluster_, rendered, {owner_.options_.default_image});
  wanted.unwanted = resource::unwanted_children(cluster_);
  plan_ = make_plan(cluster_, wanted, observed_.children, memory_.normalised);
  for (const Problem& problem : plan_.problems) problems_.push_back(problem);
}

bool Pass::act() {
  if (!valid_ || cluster_.spec.paused || !problems_.empty() || transient_) return false;
  const Executed executed =
      execute(owner_.api_, cluster_.ns, plan_, observed_.children, memory_.normalised);
  for (const Action* action : executed.done) {
    const Change& change = action->changes.front();
    owner_.log_.info("carried out", {{"cluster", cluster_text(cluster_)},
                                     {"target", text_of(action->target)},
                                     {"reason", name_of(change.reason)},
                                     {"field", change.field},
                                     {"disruptive", action->disruptive()}});
  }
  publish(action_events(executed.done));
  if (executed.error) note_error(*executed.error, "writing " + text_of(executed.failed->target));
  plan_.actions.erase(plan_.actions.begin(),
                      plan_.actions.begin() + static_cast<std::ptrdiff_t>(executed.done.size()));
  return executed.replan && !executed.error;
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

void Pass::ask_servers() {
  if (!valid_ || !cluster_.spec.config.monitor.enabled) return;
  std::vector<brokerapi::ServerAddress> servers;
  std::string pods;
  for (const Pod& pod : observed_.pods) {
    if (!pod.ready || pod.deleting || pod.ip.empty()) continue;
    servers.push_back({pod.name, pod.ip, cluster_.spec.config.monitor.port});
    pods += fmt::format("{}/{}/{};", pod.uid, pod.restarts, pod.ip);
  }
  const ops::Time now = owner_.clock_.now();
  const bool complete =
      memory_.reports.size() == servers.size() &&
      std::all_of(memory_.reports.begin(), memory_.reports.end(), [&](const auto& entry) {
        return entry.second.routed_servers + 1 >= cluster_.spec.replicas;
      });
  const auto age = now - memory_.reported_at;
  if (pods == memory_.reported_pods && age < owner_.options_.broker_interval &&
      (complete || age < kLookWhileMeshing)) {
    return;
  }
  memory_.reports.clear();
  for (auto& [name, answer] : owner_.brokers_.ask(servers, owner_.options_.broker_deadline)) {
    if (answer) {
      memory_.reports.emplace(name, std::move(*answer));
    } else {
      owner_.log_.debug("server did not answer", {{"cluster", cluster_text(cluster_)},
                                                  {"server", name},
                                                  {"error", answer.error().message}});
    }
  }
  memory_.reported_pods = std::move(pods);
  memory_.reported_at = owner_.clock_.now();
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
  }
  StatusInput input;
  input.generation = cluster_.generation;
  input.cluster = valid_ ? &cluster_ : nullptr;
  const auto set = observed_.children.find({resource::Kind::kStatefulSet, cluster_.name});
  // A stranger's StatefulSet of that name says nothing about this cluster.
  if (set != observed_.children.end() && !ownership_problem(set->first, set->second, cluster_)) {
    input.stateful_set = &set->second;
    input.pods = observed_.pods;
  }
  input.reports = memory_.reports;
  input.config_revision = revision_;
  input.plan = &plan_;
  input.problems = problems_;
  input.previous = previous_status();
  input.now = owner_.clock_.wall();
  const StatusResult result = make_status(input);
  publish(transition_events(input.previous, result.conditions));
  if (!outcome.error) outcome.requeue_after = next_look(result);
  return write_status(result.status, std::move(outcome));
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
  const auto written = owner_.api_.apply_status({kNatsClusters, cluster_.ns, cluster_.name},
                                                document, model::kManager);
  // Gone meanwhile: nobody is left to read it.
  if (!written && written.error().code != kube::Errc::kNotFound && !outcome.error) {
    outcome.error = "writing the status: " + written.error().message;
    outcome.requeue_after = written.error().retry_after;
  }
  return outcome;
}

void Pass::publish(const std::vector<Event>& events) {
  for (const Event& event : events) {
    const auto created = owner_.api_.create(
        kube::kEvents,
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
  if (result.watch_servers) return kLookWhileMeshing;
  if (result.progressing) return kLookWhileProgressing;
  if (names_secrets(cluster_)) return owner_.options_.secret_resync;
  return owner_.options_.resync;
}

const Json* Pass::previous_status() const {
  const auto found = object_.find("status");
  return found == object_.end() ? nullptr : &*found;
}

}  // namespace natrix::reconcile
