#include "operator/main/local.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "broker/base/version.h"
#include "operator/base/clock.h"
#include "operator/brokerapi/http_broker_api.h"
#include "operator/controller/cluster_watches.h"
#include "operator/controller/controller.h"
#include "operator/local/agent/agent.h"
#include "operator/local/console/announce.h"
#include "operator/local/console/apply.h"
#include "operator/local/console/kubeconfig.h"
#include "operator/local/http_front/api_handler.h"
#include "operator/local/http_front/http_front.h"
#include "operator/local/memory_api/memory_api.h"
#include "operator/local/workload/controllers.h"
#include "operator/main/pages.h"
#include "operator/model/crd.h"
#include "operator/reconcile/cluster_reconciler.h"

namespace natrix::operator_main {
namespace {

constexpr int kCannotStart = 2;
constexpr int kMetricsPort = 8080;
// What pods get to end in when the program does.
constexpr std::chrono::seconds kPodGrace{10};

void say(const std::string& text) {
  fmt::print("{}", text);
  std::fflush(stdout);
}

// Holds the data directory as long as it lives; the kernel lets go of it with the process.
class DirectoryLock {
 public:
  static Result<std::unique_ptr<DirectoryLock>> take(const std::string& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return fail(fmt::format("--data-dir {}: {}", directory, error.message()));
    const std::string path = directory + "/lock";
    const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) return fail(fmt::format("{}: {}", path, std::strerror(errno)));
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
      return std::unique_ptr<DirectoryLock>(new DirectoryLock(fd));
    }
    ::close(fd);
    return fail(fmt::format(
        "{} is in use by another natrix-operator local: end that one or choose another --data-dir",
        directory));
  }
  ~DirectoryLock() { ::close(fd_); }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  const int fd_;
};

// Brokers inherit the limit, and connections forwarded for Services count here.
void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<agent::Images> make_images(const LocalOptions& options) {
  agent::Images out{std::filesystem::absolute(options.broker).string(), {}};
  if (::access(out.broker.c_str(), X_OK) != 0) {
    return fail(fmt::format("--broker {}: {}", out.broker, std::strerror(errno)));
  }
  for (const std::string& image : options.images) {
    const size_t equals = image.find('=');
    const std::string path = equals == std::string::npos ? "" : image.substr(equals + 1);
    if (equals == 0 || path.empty()) {
      return fail(fmt::format("--image {}: must be NAME=PATH", image));
    }
    const std::string absolute = std::filesystem::absolute(path).string();
    if (::access(absolute.c_str(), X_OK) != 0) {
      return fail(fmt::format("--image {}: {}: {}", image, absolute, std::strerror(errno)));
    }
    out.others[image.substr(0, equals)] = absolute;
  }
  return out;
}

memory_api::ServerOptions server_options(agent::Addresses& addresses) {
  memory_api::ServerOptions out;
  out.core.service_address = [&addresses](const std::string& ns, const std::string& name) {
    return addresses.service(ns, name);
  };
  return out;
}

// The parts in the order they depend on each other; members below may use those above.
class LocalProgram {
 public:
  LocalProgram(const Options& options, agent::Images images, agent::Addresses& addresses,
               StopRequest& stop, ops::Log& log)
      : options_(options),
        addresses_(addresses),
        stop_(stop),
        log_(log),
        server_(server_options(addresses)),
        api_(server_),
        metrics_(std::string(kVersion)),
        brokers_(brokerapi::make_http_broker_api()),
        reconciler_(api_, *brokers_, ops::system_clock(), log, {}, reconcile::random_password),
        controller_(api_, reconciler_, controller::cluster_watches(),
                    {.workers = static_cast<size_t>(options.workers)}, ops::system_clock(), log,
                    metrics_),
        controllers_(server_),
        agent_(server_, addresses,
               {.images = std::move(images), .data_directory = options.local.data_directory}, log),
        handler_(server_, &agent_),
        front_([this](const http_front::Request& request) { return handler_.handle(request); }),
        announcer_(server_, say) {
    metrics_.set_sources(controller_.metric_sources([] { return true; }));
    reconciler_.use(controller_);
  }

  int run(const std::vector<console::Document>& documents) {
    if (Result<void> started = start(documents); !started) {
      log_.error("cannot start", {{"error", started.error().message}});
      shut_down();
      return kCannotStart;
    }
    stop_.wait();
    log_.info("stopping");
    shut_down();
    return 0;
  }

 private:
  Result<void> start(const std::vector<console::Document>& documents) {
    const auto crd = api_.create(kube::kCustomResourceDefinitions,
                                 kube::Json::parse(model::cluster_crd().dump()));
    if (!crd) return fail(crd.error().message);
    if (Result<void> started = agent_.start(); !started) return started;
    Result<int> port = front_.start(options_.local.api_port);
    if (!port) return fail(fmt::format("--port: {}", port.error().message));
    if (Result<void> served = serve_metrics(); !served) return served;
    if (Result<void> greeted = greet(*port); !greeted) return greeted;
    threads_.emplace_back([this] { controllers_.run(); });
    threads_.emplace_back([this] { announcer_.run(); });
    controller_.start_watching();
    controller_.start_working();
    Result<std::vector<std::string>> applied = console::apply_all(server_, documents);
    if (!applied) return fail(applied.error().message);
    for (const std::string& line : *applied) say(line + "\n");
    return {};
  }

  // Unless told where, a port that is easy to remember, or any when something else has it.
  Result<void> serve_metrics() {
    std::string address = options_.local.metrics_address;
    if (address.empty()) address = fmt::format("{}:{}", addresses_.host(), kMetricsPort);
    auto pages = serve_pages(address, metrics_, controller_, log_);
    if (!pages && options_.local.metrics_address.empty()) {
      address = addresses_.host() + ":0";
      pages = serve_pages(address, metrics_, controller_, log_);
    }
    if (!pages) return fail(pages.error().message);
    pages_ = std::move(*pages);
    const std::string host = address.substr(0, address.rfind(':'));
    if (pages_) {
      metrics_url_ =
          fmt::format("http://{}:{}/metrics", host.empty() ? "127.0.0.1" : host, pages_->port());
    }
    return {};
  }

  Result<void> greet(int port) {
    const std::string url = fmt::format("http://127.0.0.1:{}", port);
    const std::string kubeconfig =
        std::filesystem::absolute(options_.local.data_directory).string() + "/kubeconfig";
    if (Result<void> written = console::write_kubeconfig(kubeconfig, url); !written) {
      return written;
    }
    say(
        fmt::format("Kubernetes API  {0}\n"
                    "                kubectl --server={0} get natsclusters\n"
                    "                or once: export KUBECONFIG={1}\n",
                    url, kubeconfig));
    if (pages_) say(fmt::format("Operator        {}\n", metrics_url_));
    return {};
  }

  // The operator first, so that it does not repair what ends; pods last of what acts, the API
  // server's port after them.
  void shut_down() {
    controller_.begin_stop();
    server_.stop();
    controller_.stop();
    for (std::thread& thread : threads_) thread.join();
    agent_.stop(kPodGrace);
    front_.stop();
    metrics_.set_sources({});
    pages_.reset();
  }

  const Options& options_;
  agent::Addresses& addresses_;
  StopRequest& stop_;
  ops::Log& log_;
  memory_api::ApiServer server_;
  memory_api::MemoryApi api_;
  metrics::Metrics metrics_;
  std::unique_ptr<brokerapi::BrokerApi> brokers_;
  reconcile::ClusterReconciler reconciler_;
  controller::Controller controller_;
  workload::Controllers controllers_;
  agent::Agent agent_;
  http_front::ApiHandler handler_;
  http_front::HttpFront front_;
  console::Announcer announcer_;
  std::vector<std::thread> threads_;
  std::unique_ptr<metrics::HttpListener> pages_;
  std::string metrics_url_;
};

}  // namespace

int run_local(const Options& options, StopRequest& stop, ops::Log& log) {
  const auto refuse = [&log](const std::string& why) {
    log.error("cannot start", {{"error", why}});
    return kCannotStart;
  };
  auto documents = console::read_manifests(options.local.manifests);
  if (!documents) return refuse(documents.error().message);
  Result<agent::Images> images = make_images(options.local);
  if (!images) return refuse(images.error().message);
  auto lock = DirectoryLock::take(options.local.data_directory);
  if (!lock) return refuse(lock.error().message);
  auto addresses = agent::Addresses::claim();
  if (!addresses) return refuse(addresses.error().message);
  allow_many_descriptors();
  return LocalProgram(options, std::move(*images), **addresses, stop, log).run(*documents);
}

}  // namespace natrix::operator_main
