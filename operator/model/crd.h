// The CustomResourceDefinition of NatsCluster, generated from the schema the operator itself uses.
#pragma once

#include <string>

#include "operator/model/schema.h"

namespace natrix::model {

// natsclusters.natrix.dev: status and scale subresources, printer columns, short name nc.
OrderedJson cluster_crd();

// Block style YAML of a JSON document, stable, for files that people read and diff.
std::string to_yaml(const OrderedJson& document);

}  // namespace natrix::model
