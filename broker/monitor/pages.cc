#include "broker/monitor/pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "broker/monitor/metrics.h"
#include "broker/monitor/select.h"
#include "broker/monitor/text.h"
#include "broker/subject/tokens.h"

namespace natrix::monitor {
namespace {

Time now() {
  return std::chrono::system_clock::now();
}

HttpResponse json_response(const Json& document) {
  return {
      .content_type = "application/json", .any_origin = true, .body = json_text(document, true)};
}

HttpResponse health_response(const HealthAnswer& answer) {
  return {.status = answer.status,
          .content_type = "application/json",
          .any_origin = true,
          .body = json_text(answer.body, false)};
}

HttpResponse bad_request(const Error& error) {
  return {.status = 400, .body = error.message + "\n"};
}

HttpResponse busy() {
  return {.status = 503, .body = "too many lists are being made already; retry\n"};
}

// Reads parameters until the first bad one; then `failed` says why and the rest reads as default.
class Reading {
 public:
  template <class T>
  T take(Result<T> value) {
    if (value) return std::move(*value);
    if (!failed) failed = value.error();
    return T{};
  }
  void check(Result<void> result) {
    if (!result && !failed) failed = result.error();
  }
  std::optional<Error> failed;
};

// "/nats" of "nats", "/nats/", "//nats"; "" of "/" and "".
std::string normal_base(std::string_view base) {
  std::string normal;
  for (size_t begin = 0; begin < base.size();) {
    size_t end = std::min(base.find('/', begin), base.size());
    if (end > begin) normal.append("/").append(base.substr(begin, end - begin));
    begin = end + 1;
  }
  return normal;
}

}  // namespace

Pages::Pages(Source& source, Logger& log, std::string_view base_path)
    : source_(source), log_(log), base_path_(normal_base(base_path)) {}

const std::vector<Pages::Page>& Pages::pages() {
  static const std::vector<Page> kPages{
      {"/", "/", "", &Pages::root},
      {"/varz", "/varz", "General", &Pages::varz},
      {"/connz", "/connz", "Connections", &Pages::connz},
      {"/routez", "/routez", "Routes", &Pages::routez},
      {"/subsz", "/subsz", "Subscriptions", &Pages::subsz},
      {"/subscriptionsz", "/subsz", "", &Pages::subsz},
      {"/accountz", "/accountz", "Accounts", &Pages::accountz},
      {"/accstatz", "/accstatz", "Account statistics", &Pages::accstatz},
      {"/gatewayz", "/gatewayz", "Gateways", &Pages::gatewayz},
      {"/leafz", "/leafz", "Leaf nodes", &Pages::leafz},
      {"/jsz", "/jsz", "JetStream", &Pages::jsz},
      {"/healthz", "/healthz", "Health", &Pages::healthz},
      {"/metrics", "/metrics", "Prometheus metrics", &Pages::metrics},
  };
  return kPages;
}

void Pages::handle(const HttpRequest& request, Responder respond) {
  std::string_view path = request.path;
  const Page* found = nullptr;
  if (path.starts_with(base_path_)) {
    path.remove_prefix(base_path_.size());
    if (path.empty()) path = "/";
    for (const Page& page : pages()) {
      if (page.path == path) found = &page;
    }
  }
  if (found == nullptr) {
    return respond({.status = 404,
                    .body = fmt::format("404 page not found: {}; {}/ lists the pages\n",
                                        in_quotes(request.path), base_path_)});
  }
  ++requests_[std::string(found->counted_as)];
  (this->*found->handler)(request, QueryParams(request.query), std::move(respond));
}

std::shared_ptr<void> Pages::take_list_place() {
  if (lists_in_work_ >= kMaxListsInWork) return nullptr;
  ++lists_in_work_;
  auto give_back = [self = shared_from_this()](void*) { --self->lists_in_work_; };
  return {static_cast<void*>(this), std::move(give_back)};
}

void Pages::root(const HttpRequest& request, const QueryParams&, Responder respond) {
  std::vector<IndexEntry> entries;
  for (const Page& page : pages()) {
    if (!page.title.empty()) entries.push_back({page.path, page.title});
  }
  // Relative to the page's own URL: "." from "/" and "/nats/", "./nats" from "/nats".
  std::string base = ".";
  if (!request.path.ends_with('/')) base += request.path.substr(request.path.rfind('/'));
  source_.server_info([entries, base, respond = std::move(respond)](ServerInfo info) {
    respond({.content_type = "text/html; charset=utf-8", .body = index_page(info, entries, base)});
  });
}

void Pages::varz(const HttpRequest&, const QueryParams&, Responder respond) {
  source_.server_info([self = shared_from_this(), respond = std::move(respond)](ServerInfo info) {
    respond(json_response(render_varz(info, self->sampler_.facts(), self->requests_, now())));
  });
}

void Pages::connz(const HttpRequest&, const QueryParams& params, Responder respond) {
  Reading read;
  ConnectionQuery query;
  if (!params.text("sort").empty()) query.sort = params.text("sort");
  query.auth = read.take(params.boolean("auth"));
  ListSubs subs = read.take(params.subs());
  query.subscriptions = subs != ListSubs::kNo;
  query.offset = read.take(params.offset());
  query.limit = read.take(params.limit());
  query.cid = read.take(params.unsigned_integer("cid"));
  query.state = read.take(params.state());
  query.user = params.text("user");
  query.account = params.text("acc");
  query.mqtt_client = params.text("mqtt_client");
  read.check(check_sort(query.sort, query.state));
  if (read.failed) return respond(bad_request(*read.failed));
  auto place = take_list_place();
  if (!place) return respond(busy());
  bool auth = query.auth;
  source_.connections(std::move(query), [subs, auth, place,
                                         respond = std::move(respond)](const ConnectionPage& page) {
    respond(json_response(render_connz(page, subs, auth)));
  });
}

void Pages::routez(const HttpRequest&, const QueryParams& params, Responder respond) {
  Reading read;
  ListSubs subs = read.take(params.subs());
  if (read.failed) return respond(bad_request(*read.failed));
  auto place = take_list_place();
  if (!place) return respond(busy());
  source_.routes(subs != ListSubs::kNo,
                 [subs, place, respond = std::move(respond)](RoutePage page) {
                   respond(json_response(render_routez(std::move(page), subs)));
                 });
}

void Pages::subsz(const HttpRequest&, const QueryParams& params, Responder respond) {
  Reading read;
  SubscriptionQuery query;
  query.list = read.take(params.boolean("subs"));
  query.offset = read.take(params.offset());
  query.limit = read.take(params.limit());
  query.test = params.text("test");
  query.account = params.text("acc");
  if (!query.test.empty() && !subject::is_valid_literal(query.test)) {
    read.check(fail(fmt::format("invalid test subject, must be valid publish subject: {}",
                                in_quotes(query.test))));
  }
  if (read.failed) return respond(bad_request(*read.failed));
  auto place = take_list_place();
  if (!place) return respond(busy());
  bool list = query.list;
  source_.subscriptions(std::move(query),
                        [list, place, respond = std::move(respond)](const SubscriptionPage& page) {
                          respond(json_response(render_subsz(page, list)));
                        });
}

void Pages::healthz(const HttpRequest&, const QueryParams& params, Responder respond) {
  Reading read;
  // A server whose configuration has no JetStream answers for itself alone, as nats-server does.
  HealthQuery query;
  query.server_only = read.take(params.boolean("js-server-only"));
  query.enabled_only = read.take(params.boolean("js-enabled-only"));
  query.enabled_only |= read.take(params.boolean("js-enabled"));
  query.enabled_only |= read.take(params.boolean("js-meta-only"));  // there is no meta leader here
  query.account = params.text("account");
  query.stream = params.text("stream");
  query.consumer = params.text("consumer");
  bool details = read.take(params.boolean("details"));
  if (read.failed) return respond(bad_request(*read.failed));
  const char* missing = nullptr;
  if (!query.stream.empty() && query.account.empty()) {
    missing = "\"account\" must not be empty when checking stream health";
  } else if (!query.consumer.empty() && query.stream.empty()) {
    missing = "\"stream\" must not be empty when checking consumer health";
  }
  if (missing != nullptr) {
    return respond(health_response(render_healthz_bad_request(missing, details)));
  }
  auto answer = [self = shared_from_this(), details,
                 respond = std::move(respond)](const Health& health) {
    for (const Health::Problem& problem : health.problems) {
      self->log_.warn("Healthcheck failed: {}: {}", problem.type, problem.error);
    }
    respond(health_response(render_healthz(health, details)));
  };
  source_.health(std::move(query), std::move(answer));
}

void Pages::accountz(const HttpRequest&, const QueryParams& params, Responder respond) {
  source_.accounts(
      [account = params.text("acc"), respond = std::move(respond)](const AccountPage& page) {
        if (account.empty()) return respond(json_response(render_accountz(page)));
        Result<Json> detail = render_account_detail(page, account);
        respond(detail ? json_response(*detail) : bad_request(detail.error()));
      });
}

void Pages::accstatz(const HttpRequest&, const QueryParams& params, Responder respond) {
  Reading read;
  bool unused = read.take(params.boolean("unused"));
  if (read.failed) return respond(bad_request(*read.failed));
  source_.accounts([unused, respond = std::move(respond)](const AccountPage& page) {
    respond(json_response(render_accstatz(page, unused)));
  });
}

void Pages::gatewayz(const HttpRequest&, const QueryParams& params, Responder respond) {
  Reading read;
  read.take(params.subs());
  read.take(params.boolean("accs"));
  if (read.failed) return respond(bad_request(*read.failed));
  source_.server_info([respond = std::move(respond)](const ServerInfo& info) {
    respond(json_response(render_gatewayz(info, now())));
  });
}

void Pages::leafz(const HttpRequest&, const QueryParams& params, Responder respond) {
  Reading read;
  read.take(params.boolean("subs"));
  if (read.failed) return respond(bad_request(*read.failed));
  source_.server_info([respond = std::move(respond)](const ServerInfo& info) {
    respond(json_response(render_leafz(info, now())));
  });
}

void Pages::jsz(const HttpRequest&, const QueryParams& params, Responder respond) {
  Reading read;
  JszView view;
  JetStreamQuery query;
  bool accounts = read.take(params.boolean("accounts"));
  query.streams = read.take(params.boolean("streams"));
  query.consumers = read.take(params.boolean("consumers"));
  view.direct_consumers = read.take(params.boolean("direct-consumers"));
  view.config = read.take(params.boolean("config"));
  view.offset = read.take(params.offset());
  view.limit = read.take(params.limit());
  // Without a cluster there are no Raft groups, and this server leads everything.
  for (const char* name : {"leader-only", "raft", "stream-leader-only"}) {
    read.take(params.boolean(name));
  }
  if (read.failed) return respond(bad_request(*read.failed));
  auto place = take_list_place();
  if (!place) return respond(busy());
  query.streams = query.streams || query.consumers;
  query.account = params.text("acc");
  view.details = accounts || query.streams || !query.account.empty();
  bool leader_only = !params.text("leader-only").empty() && *params.boolean("leader-only");
  source_.server_info([self = shared_from_this(), view, query, leader_only, place,
                       respond = std::move(respond)](ServerInfo info) {
    if (!info.jetstream && leader_only) {
      return respond(bad_request({"filtered response: not leader, JetStream is disabled"}));
    }
    if (!view.details) return respond(json_response(render_jsz(info, {}, view, now())));
    self->source_.jetstream(
        query, [info = std::move(info), view, place, respond](std::optional<JetStreamPage> page) {
          respond(json_response(render_jsz(info, page.value_or(JetStreamPage{}), view, now())));
        });
  });
}

void Pages::metrics(const HttpRequest&, const QueryParams&, Responder respond) {
  struct Gathering {
    Scrape scrape;
    Responder respond;
    std::shared_ptr<Pages> pages;
    int missing = 7;
  };
  auto gathering = std::make_shared<Gathering>();
  gathering->respond = std::move(respond);
  gathering->pages = shared_from_this();
  auto into = [gathering](auto Scrape::*part) {
    return [gathering, part](auto value) {
      gathering->scrape.*part = std::move(value);
      if (--gathering->missing > 0) return;
      Scrape& scrape = gathering->scrape;
      scrape.now = now();
      scrape.process = gathering->pages->sampler_.facts();
      scrape.requests = gathering->pages->requests_;
      if (auto http = gathering->pages->http_.lock()) scrape.http = http->counters();
      gathering->respond({.content_type = kMetricsContentType, .body = metrics_text(scrape)});
    };
  };
  ConnectionQuery sums;
  sums.sums_only = true;
  source_.server_info(into(&Scrape::server));
  source_.connections(std::move(sums), into(&Scrape::connections));
  source_.routes(false, into(&Scrape::routes));
  source_.subscriptions({}, into(&Scrape::subscriptions));
  source_.accounts(into(&Scrape::accounts));
  source_.jetstream({.account = {}, .streams = true, .consumers = true}, into(&Scrape::jetstream));
  source_.health({}, into(&Scrape::health));
}

}  // namespace natrix::monitor
