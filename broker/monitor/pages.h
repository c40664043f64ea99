// Pages: the handler behind the monitoring port. Finds the page of a request, checks its
// parameters, asks the Source and renders the answer.
//
// Used on the monitor's thread only. Shared, because an answer of the Source may come after the
// server was stopped; it is then rendered for nobody. `source` and `log` must outlive every call of
// handle().
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/log.h"
#include "broker/monitor/http_server.h"
#include "broker/monitor/index_page.h"
#include "broker/monitor/process_facts.h"
#include "broker/monitor/query.h"
#include "broker/monitor/render.h"
#include "broker/monitor/source.h"

namespace natrix::monitor {

class Pages : public std::enable_shared_from_this<Pages> {
 public:
  // `base_path`: "" or "/" for none, else "/nats"; every page is then below it.
  Pages(Source& source, Logger& log, std::string_view base_path);

  // For /metrics; nothing is shown of a server that is gone.
  void show_counters_of(std::weak_ptr<const HttpServer> http) { http_ = std::move(http); }

  void handle(const HttpRequest& request, Responder respond);

  // About once a second, for the processor usage.
  void sample() { sampler_.sample(); }

 private:
  using Handler = void (Pages::*)(const HttpRequest&, const QueryParams&, Responder);
  struct Page {
    std::string_view path;
    std::string_view counted_as;  // in http_req_stats
    std::string_view title;       // on the root page; empty: not there
    Handler handler;
  };
  static const std::vector<Page>& pages();

  void root(const HttpRequest& request, const QueryParams& params, Responder respond);
  void varz(const HttpRequest& request, const QueryParams& params, Responder respond);
  void connz(const HttpRequest& request, const QueryParams& params, Responder respond);
  void routez(const HttpRequest& request, const QueryParams& params, Responder respond);
  void subsz(const HttpRequest& request, const QueryParams& params, Responder respond);
  void healthz(const HttpRequest& request, const QueryParams& params, Responder respond);
  void accountz(const HttpRequest& request, const QueryParams& params, Responder respond);
  void accstatz(const HttpRequest& request, const QueryParams& params, Responder respond);
  void gatewayz(const HttpRequest& request, const QueryParams& params, Responder respond);
  void leafz(const HttpRequest& request, const QueryParams& params, Responder respond);
  void jsz(const HttpRequest& request, const QueryParams& params, Responder respond);
  void metrics(const HttpRequest& request, const QueryParams& params, Responder respond);

  // A place among the pages with lists that are being made, given back when the last copy goes;
  // null when all kMaxListsInWork are taken (each holds a snapshot in memory): 503.
  std::shared_ptr<void> take_list_place();
  static constexpr int kMaxListsInWork = 8;

  Source& source_;
  Logger& log_;
  std::string base_path_;  // "" or "/nats"
  std::weak_ptr<const HttpServer> http_;
  ProcessSampler sampler_;
  RequestCounts requests_;
  int lists_in_work_ = 0;
};

}  // namespace natrix::monitor
