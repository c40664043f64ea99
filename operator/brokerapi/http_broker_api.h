// BrokerApi over HTTP: /varz, /routez and /healthz of every server.
#pragma once

#include <memory>

#include "operator/brokerapi/broker_api.h"

namespace natrix::brokerapi {

// Stateless: connections live for one question.
std::unique_ptr<BrokerApi> make_http_broker_api();

}  // namespace natrix::brokerapi
