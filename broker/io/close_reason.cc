#include "broker/io/close_reason.h"

namespace natrix::io {

std::string_view text(CloseReason reason) {
  switch (reason) {
    case CloseReason::kClientClosed:
      return "Client Closed";
    case CloseReason::kAuthenticationTimeout:
      return "Authentication Timeout";
    case CloseReason::kAuthenticationViolation:
      return "Authentication Failure";
    case CloseReason::kTlsHandshakeError:
      return "TLS Handshake Failure";
    case CloseReason::kSlowConsumerPendingBytes:
      return "Slow Consumer (Pending Bytes)";
    case CloseReason::kSlowConsumerWriteDeadline:
      return "Slow Consumer (Write Deadline)";
    case CloseReason::kWriteError:
      return "Write Error";
    case CloseReason::kReadError:
      return "Read Error";
    case CloseReason::kParseError:
      return "Parse Error";
    case CloseReason::kStaleConnection:
      return "Stale Connection";
    case CloseReason::kProtocolViolation:
      return "Protocol Violation";
    case CloseReason::kBadClientProtocolVersion:
      return "Bad Client Protocol Version";
    case CloseReason::kWrongPort:
      return "Incorrect Port";
    case CloseReason::kMaxConnectionsExceeded:
      return "Maximum Connections Exceeded";
    case CloseReason::kMaxAccountConnectionsExceeded:
      return "Maximum Account Connections Exceeded";
    case CloseReason::kMaxPayloadExceeded:
      return "Maximum Message Payload Exceeded";
    case CloseReason::kMaxControlLineExceeded:
      return "Maximum Control Line Exceeded";
    case CloseReason::kMaxSubscriptionsExceeded:
      return "Maximum Subscriptions Exceeded";
    case CloseReason::kDuplicateRoute:
      return "Duplicate Route";
    case CloseReason::kRouteRemoved:
      return "Route Removed";
    case CloseReason::kServerShutdown:
      return "Server Shutdown";
    case CloseReason::kAuthenticationExpired:
      return "Authentication Expired";
    case CloseReason::kMissingAccount:
      return "Missing Account";
    case CloseReason::kNoRespondersRequiresHeaders:
      return "No Responders Requires Headers";
    case CloseReason::kClusterNameConflict:
      return "Cluster Name Conflict";
    case CloseReason::kDuplicateServerName:
      return "Duplicate Server Name";
    case CloseReason::kKicked:
      return "Kicked";
    case CloseReason::kInternal:
      return "Internal Client";
  }
  return "Unknown";
}

}  // namespace natrix::io
