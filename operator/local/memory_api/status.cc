#include "operator/local/memory_api/status.h"

namespace natrix::memory_api {

namespace {

Json details_of(const kube::ResourceType& type, const std::string& name) {
  Json details = {{"name", name}, {"kind", type.plural}};
  if (!type.group.empty()) details["group"] = type.group;
  return details;
}

std::string quoted(const kube::ResourceType& type, const std::string& name) {
  return fmt::format("{} \"{}\"", qualified(type), name);
}

kube::Errc classify(const StatusError& error) {
  switch (error.code) {
    case 401:
      return kube::Errc::kUnauthorized;
    case 403:
      return kube::Errc::kForbidden;
    case 404:
      return kube::Errc::kNotFound;
    case 409:
      return error.reason == "AlreadyExists" ? kube::Errc::kAlreadyExists : kube::Errc::kConflict;
    case 410:
      return kube::Errc::kGone;
    case 429:
      return kube::Errc::kTooManyRequests;
    case 504:
      return kube::Errc::kTimeout;
    default:
      return error.code < 500 ? kube::Errc::kInvalid : kube::Errc::kServer;
  }
}

}  // namespace

std::string qualified(const kube::ResourceType& type) {
  return type.group.empty() ? type.plural : type.plural + "." + type.group;
}

StatusError not_found(const kube::ResourceType& type, const std::string& name) {
  return {404, "NotFound", quoted(type, name) + " not found", details_of(type, name), {}};
}

StatusError already_exists(const kube::ResourceType& type, const std::string& name) {
  return {409, "AlreadyExists", quoted(type, name) + " already exists", details_of(type, name), {}};
}

StatusError conflict(const kube::ResourceType& type, const std::string& name,
                     const std::string& why) {
  return {409,
          "Conflict",
          fmt::format("Operation cannot be fulfilled on {}: {}", quoted(type, name), why),
          details_of(type, name),
          {}};
}

StatusError invalid(const kube::ResourceType& type, const std::string& name,
                    const std::vector<Cause>& causes) {
  Json details = details_of(type, name);
  details["kind"] = type.kind;
  std::string text;
  for (const Cause& cause : causes) {
    details["causes"].push_back(
        {{"reason", cause.reason}, {"message", cause.message}, {"field", cause.field}});
    text += (text.empty() ? "" : ", ") + cause.field + ": " + cause.message;
  }
  if (causes.size() > 1) text = "[" + text + "]";
  const std::string kind = type.group.empty() ? type.kind : type.kind + "." + type.group;
  return {422, "Invalid", fmt::format("{} \"{}\" is invalid: {}", kind, name, text), details, {}};
}

StatusError bad_request(std::string message) {
  return {400, "BadRequest", std::move(message), nullptr, {}};
}

StatusError forbidden(const kube::ResourceType& type, const std::string& name,
                      const std::string& why) {
  return {403,
          "Forbidden",
          fmt::format("{} is forbidden: {}", quoted(type, name), why),
          details_of(type, name),
          {}};
}

StatusError expired(uint64_t asked, uint64_t oldest) {
  return {
      410, "Expired", fmt::format("too old resource version: {} ({})", asked, oldest), nullptr, {}};
}

StatusError method_not_allowed(std::string message) {
  return {405, "MethodNotAllowed", std::move(message), nullptr, {}};
}

Json status_json(const StatusError& error) {
  Json out = {{"kind", "Status"},    {"apiVersion", "v1"},       {"metadata", Json::object()},
              {"status", "Failure"}, {"message", error.message}, {"reason", error.reason},
              {"code", error.code}};
  if (!error.details.is_null()) out["details"] = error.details;
  return out;
}

kube::ApiError to_api_error(const StatusError& error, const std::string& what) {
  return {classify(error), error.code, what + ": " + error.message, error.retry_after};
}

}  // namespace natrix::memory_api
