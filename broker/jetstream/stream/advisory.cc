#include "broker/jetstream/stream/advisory.h"

#include <fmt/format.h>

#include "broker/crypto/server_id.h"
#include "broker/jetstream/model/codec.h"
#include "broker/jetstream/model/time.h"

namespace natrix::jetstream::stream {

namespace {
constexpr size_t kAdvisoryId = 22;
}

void advise(Environment& environment, std::string_view domain, std::string_view subject,
            std::string_view type, std::string_view fields) {
  if (!environment.has_interest(subject, {})) return;
  std::string with_domain =
      domain.empty() ? std::string() : fmt::format(",\"domain\":{}", model::quoted(domain));
  std::string text = fmt::format("{{\"type\":\"{}\",\"id\":\"{}\",\"timestamp\":\"{}\",{}{}}}",
                                 type, random_token(kAdvisoryId),
                                 model::format_time({environment.now()}), fields, with_domain);
  environment.publish({.to = subject, .payload = text});
}

}  // namespace natrix::jetstream::stream
