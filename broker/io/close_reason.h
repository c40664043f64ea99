// Why a connection was closed; the texts are those of /connz and disconnect events (wire.md 1.5).
#pragma once

#include <cstdint>
#include <string_view>

namespace natrix::io {

enum class CloseReason : uint8_t {
  kClientClosed,
  kAuthenticationTimeout,
  kAuthenticationViolation,
  kTlsHandshakeError,
  kSlowConsumerPendingBytes,
  kSlowConsumerWriteDeadline,
  kWriteError,
  kReadError,
  kParseError,
  kStaleConnection,
  kProtocolViolation,
  kBadClientProtocolVersion,
  kWrongPort,
  kMaxConnectionsExceeded,
  kMaxAccountConnectionsExceeded,
  kMaxPayloadExceeded,
  kMaxControlLineExceeded,
  kMaxSubscriptionsExceeded,
  kDuplicateRoute,
  kRouteRemoved,
  kServerShutdown,
  kAuthenticationExpired,
  kMissingAccount,
  kNoRespondersRequiresHeaders,
  kClusterNameConflict,
  kDuplicateServerName,
  kKicked,
  kInternal,
};

std::string_view text(CloseReason reason);

}  // namespace natrix::io
