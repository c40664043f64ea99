// The volumes of certificates. Pure.
#pragma once

#include "operator/model/cluster.h"

namespace natrix::resource {

// Appends to a pod's volumes and to the mounts of the server's container.
void add_tls(const model::Config& config, model::Json& volumes, model::Json& mounts);

}  // namespace natrix::resource
