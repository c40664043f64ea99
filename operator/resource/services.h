// Ports as Services show them.
#pragma once

#include "operator/model/cluster.h"

namespace natrix::resource {

inline model::Json service_port(const char* name, int port, const char* protocol) {
  return {{"name", name},
          {"port", port},
          {"targetPort", name},
          {"protocol", "TCP"},
          {"appProtocol", protocol}};
}

}  // namespace natrix::resource
