#include "broker/route/route_connection.h"

#include <fmt/format.h>

#include "broker/base/printable.h"

namespace natrix::route {

using io::Clock;
using io::CloseReason;
using protocol::ParseStatus;
using protocol::RouteOperation;
using protocol::RouteVerb;

namespace {
// How long a peer is not read when the shards that serve its messages fall behind.
constexpr auto kStallTime = std::chrono::milliseconds(2);
}  // namespace

RouteConnection::RouteConnection(ShardContext& context, int fd, uint64_t rid, bool solicited,
                                 std::shared_ptr<const Settings> settings,
                                 std::weak_ptr<Registrar> registrar)
    : Connection(context.router.shard(), fd,
                 {settings->max_pending_bytes, settings->write_deadline}),
      context_(context),
      rid_(rid),
      solicited_(solicited),
      settings_(std::move(settings)),
      registrar_(std::move(registrar)),
      label_(fmt::format("{}:{} - rid:{}", remote().ip, remote().port, rid)),
      parser_(settings_->parser),
      started_(std::chrono::system_clock::now()),
      last_in_(Clock::now()) {}

RouteConnection::~RouteConnection() = default;

std::chrono::system_clock::time_point RouteConnection::last_activity() const {
  auto ago =
      std::chrono::duration_cast<std::chrono::system_clock::duration>(Clock::now() - last_in_);
  return std::chrono::system_clock::now() - ago;
}

RouteConnection::Consumed RouteConnection::on_data(io::SharedBytes& block, char* data,
                                                   size_t size) {
  size_t at = 0;
  size_t wanted = 0;
  backlogged_ = false;
  last_in_ = Clock::now();
  while (at < size && open() && phase_ != Phase::kDeciding) {
    ParseStatus status = protocol::parse_route(data + at, size - at, parser_, operation_, wanted);
    if (status == ParseStatus::kIncomplete) break;
    if (status != ParseStatus::kOk) {
      handle_parse_error(status, {data + at, size - at});
      break;
    }
    if (phase_ == Phase::kActive && operation_.verb == RouteVerb::kRmsg) [[likely]] {
      handle_message(operation_, block);
    } else {
      handle(operation_, block);
    }
    at += operation_.size;
    wanted = 0;
  }
  if (backlogged_ && open()) stall_reading(kStallTime);
  return {at, wanted};
}

void RouteConnection::handle(const RouteOperation& operation, io::SharedBytes& block) {
  switch (operation.verb) {
    case RouteVerb::kPing:
      return write("PONG\r\n");
    case RouteVerb::kPong:
      return handle_pong();
    case RouteVerb::kInfo:
      return handle_info(operation.args);
    case RouteVerb::kConnect:
      return handle_connect(operation.args);
    case RouteVerb::kOk:
      return;
    case RouteVerb::kErr:
      context_.host.log().error("{} - Route Error {}", label_, printable(operation.args, 256));
      return close(CloseReason::kParseError);
    default:
      break;
  }
  if (phase_ != Phase::kActive) {
    if (!solicited_ && !settings_->user.empty() && !authenticated_) {
      return fail("Authorization Violation", CloseReason::kAuthenticationViolation);
    }
    return violation("the peer has not introduced itself");
  }
  switch (operation.verb) {
    case RouteVerb::kRmsg:
    case RouteVerb::kHmsg:
    case RouteVerb::kLmsg:
      return handle_message(operation, block);
    default:
      break;
  }
  if (context_.host.log().trace_enabled()) {
    bool adds = operation.verb == RouteVerb::kSub || operation.verb == RouteVerb::kLeafSub;
    context_.host.log().trace("{} - <<- [RS{} {}]", label_, adds ? '+' : '-', operation.args);
  }
  handle_interest(operation);
}

void RouteConnection::handle_parse_error(ParseStatus status, std::string_view at) {
  Logger& log = context_.host.log();
  switch (status) {
    case ParseStatus::kPayloadTooLarge:
      log.error("{} - maximum payload exceeded: more than {} bytes", label_, parser_.max_payload);
      return fail("Maximum Payload Violation", CloseReason::kMaxPayloadExceeded);
    case ParseStatus::kLineTooLong:
      log.error("{} - maximum control line exceeded: more than {} bytes", label_,
                parser_.max_control_line);
      return fail("maximum control line exceeded", CloseReason::kMaxControlLineExceeded);
    case ParseStatus::kBadArguments:
      return violation(fmt::format("bad arguments: {}", printable(at.substr(0, 64), 64)));
    default:
      log.error("{} - Route parser error near {}", label_, printable(at.substr(0, 32), 32));
      return fail("Unknown Protocol Operation", CloseReason::kParseError);
  }
}

void RouteConnection::on_closed(CloseReason reason) {
  bool slow = reason == CloseReason::kSlowConsumerPendingBytes ||
              reason == CloseReason::kSlowConsumerWriteDeadline;
  if (slow) {
    ++context_.counters.slow_consumers;
    context_.host.log().warn("{} - Slow Consumer Detected: {}, {} bytes pending, {} subscriptions",
                             label_, io::text(reason), pending_bytes(), subscription_count_);
  }
  context_.host.log().info("{} - Route connection closed: {}{}{}", label_, io::text(reason),
                           remote_name_.empty() ? "" : " - Remote: ", remote_name_);
  if (outbox_) outbox_->close();
  remove_all_interest();
  if (auto registrar = registrar_.lock()) registrar->closed(rid_, reason);
}

}  // namespace natrix::route
