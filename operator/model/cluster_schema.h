// The schema of a NatsCluster: every field with its text, default, limits and rules, once.
#pragma once

#include "operator/model/schema.h"

namespace natrix::model {

// The whole object without apiVersion, kind and metadata, which belong to every object.
const Schema& spec_schema();
const Schema& status_schema();

// Parts of the spec, each in a file of its own.
Schema config_schema();
Schema pod_template_schema();
Schema container_schema();
Schema client_tls_schema();
Schema route_tls_schema();
Schema storage_schema();
Schema update_strategy_schema();
Schema network_policy_schema();

// Rules that look at the object's name; the value they get is {metadata: {name}, spec}.
const std::vector<Rule>& object_rules();

}  // namespace natrix::model
