// Events (events.k8s.io/v1): one per transition, never one per pass.
#pragma once

#include <string>
#include <vector>

#include "operator/base/clock.h"
#include "operator/reconcile/plan.h"
#include "operator/reconcile/status.h"

namespace natrix::reconcile {

struct Event {
  bool warning = false;
  std::string reason;  // CamelCase
  std::string action;  // what the operator did or found: CamelCase
  std::string note;
  // What the event is about, beyond its texts; two events with the same texts and key are one.
  std::string key;
};

// From the conditions that changed their status since `previous` (null: never written).
std::vector<Event> transition_events(const Json* previous, const std::vector<Condition>& now);

// From what was carried out; creation of several objects is one event.
std::vector<Event> action_events(const std::vector<const Action*>& done);

// The document to create. Its name follows from what it is about, so that an event repeated after a
// crash is the same object and refused by the API server.
Json event_document(const Event& event, const Json& regarding, const std::string& instance,
                    ops::WallTime now);

}  // namespace natrix::reconcile
