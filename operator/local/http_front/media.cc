#include "operator/local/http_front/media.h"

#include "operator/local/http_front/protobuf.h"
#include "operator/local/manifest/manifest.h"

namespace natrix::http_front {

namespace {

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

Form wanted_form(const std::string& accept) {
  for (std::string_view rest = accept; !rest.empty();) {
    const size_t comma = rest.find(',');
    const std::string_view one = trim(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    const std::string_view media = trim(one.substr(0, one.find(';')));
    if (media != "application/json" && media != "*/*" && media != "application/*") continue;
    if (one.find("as=Table") != std::string_view::npos) return Form::kTable;
    if (one.find("as=PartialObjectMetadata") != std::string_view::npos) return Form::kMetadata;
    return Form::kObject;
  }
  return Form::kObject;
}

Result<Json> parse_body(const Request& request) {
  const std::string& type = request.content_type;
  if (type.starts_with("application/vnd.kubernetes.protobuf")) return parse_protobuf(request.body);
  if (type.find("yaml") == std::string::npos) {
    Json parsed = Json::parse(request.body, nullptr, false);
    if (parsed.is_discarded()) return fail("the body is not valid JSON");
    return parsed;
  }
  Result<std::vector<Json>> documents = manifest::parse_documents(request.body);
  if (!documents) return fail("the body is not valid YAML: " + documents.error().message);
  if (documents->size() != 1) return fail("the body must be one YAML document");
  return std::move(documents->front());
}

}  // namespace natrix::http_front
