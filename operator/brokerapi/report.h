// Reads the monitoring pages. Pure; for http_broker_api.cc and tests.
#pragma once

#include <string>

#include "operator/brokerapi/broker_api.h"

namespace natrix::brokerapi {

struct Pages {
  std::string varz;
  std::string routez;
  int health_status = 0;
  std::string healthz;
};

// The error names the page and what is wrong with it; servers are not trusted to send JSON.
Result<ServerReport> read_pages(const Pages& pages);

}  // namespace natrix::brokerapi
