// ApiHandler: the Kubernetes REST API over an ApiServer: paths, verbs, query parameters, media
// types, tables, watches as streams of JSON lines, logs.
//
// Safe from any thread. It checks no credentials: whoever reaches the port may do everything, which
// is why HttpFront binds loopback only and refuses requests of web pages.
#pragma once

#include <functional>

#include "operator/local/http_front/log_source.h"
#include "operator/local/http_front/message.h"
#include "operator/local/http_front/route.h"
#include "operator/local/memory_api/server.h"

namespace natrix::http_front {

class ApiHandler {
 public:
  // Both must outlive the handler; without `logs` there are none.
  explicit ApiHandler(memory_api::ApiServer& server, LogSource* logs = nullptr)
      : server_(server), logs_(logs) {}

  Response handle(const Request& request);

 private:
  Response handle_resource(const Request& request, const Route& route);
  Response collection(const Request& request, const memory_api::TypePtr& type, const Route& route);
  Response object(const Request& request, const memory_api::Target& target);
  Response list(const Request& request, const memory_api::TypePtr& type, const Route& route);
  Response watch(const Request& request, const memory_api::TypePtr& type, const Route& route);
  Response create(const Request& request, const memory_api::TypePtr& type, const Route& route);
  Response patch(const Request& request, const memory_api::Target& target);
  Response remove(const Request& request, const memory_api::Target& target);
  Response remove_collection(const Request& request, const memory_api::TypePtr& type,
                             const Route& route);
  Response log(const Request& request, const Route& route);

  memory_api::ApiServer& server_;
  LogSource* logs_;
};

}  // namespace natrix::http_front
