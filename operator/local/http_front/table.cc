#include "operator/local/http_front/table.h"

#include "operator/base/timestamp.h"
#include "operator/local/http_front/builtin_columns.h"
#include "operator/local/http_front/jsonpath.h"
#include "operator/local/memory_api/json_util.h"
#include "operator/local/memory_api/server.h"

namespace natrix::http_front {

using memory_api::TypeInfo;

namespace {

std::string join(const std::vector<Json>& values) {
  std::string out;
  for (const Json& value : values) {
    out += (out.empty() ? "" : ",") + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return out;
}

// One cell of a custom resource.
Json custom_cell(const Json& object, const Json& column, const Now& now) {
  Result<std::vector<Json>> found = select_path(object, column.value("jsonPath", ""));
  if (!found || found->empty()) return nullptr;
  const std::string type = column.value("type", "string");
  const Json& first = found->front();
  if (type == "date") return first.is_string() ? Json(age_of(first, now)) : Json();
  if (type == "integer" || type == "number" || type == "boolean") return first;
  return join(*found);
}

Columns custom_columns(const TypeInfo& type) {
  Columns out{{"Name", "string", 0, [](const Json& object, const Now&) {
                 return Json(memory_api::text(object, {"metadata", "name"}));
               }}};
  for (const Json& column : type.printer_columns) {
    const std::string kind = column.value("type", "string");
    out.push_back({column.value("name", ""), kind == "date" ? "string" : kind,
                   column.value("priority", 0), [column](const Json& object, const Now& now) {
                     return custom_cell(object, column, now);
                   }});
  }
  if (type.printer_columns.empty()) out.push_back(age_column());
  return out;
}

Json column_definition(const Column& column) {
  return {{"name", column.name},
          {"type", column.type},
          {"format", column.name == "Name" ? "name" : ""},
          {"description", ""},
          {"priority", column.priority}};
}

}  // namespace

std::string human_duration(std::chrono::seconds duration) {
  const int64_t seconds = duration.count();
  const int64_t minutes = seconds / 60;
  const int64_t hours = minutes / 60;
  const int64_t days = hours / 24;
  const auto two = [](int64_t big, const char* big_unit, int64_t small, const char* small_unit) {
    return small == 0 ? fmt::format("{}{}", big, big_unit)
                      : fmt::format("{}{}{}{}", big, big_unit, small, small_unit);
  };
  if (seconds < 0) return "0s";
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (minutes < 10) return two(minutes, "m", seconds % 60, "s");
  if (hours < 3) return fmt::format("{}m", minutes);
  if (hours < 8) return two(hours, "h", minutes % 60, "m");
  if (hours < 48) return fmt::format("{}h", hours);
  if (days < 8) return two(days, "d", hours % 24, "h");
  if (days < 730) return fmt::format("{}d", days);
  return two(days / 365, "y", days % 365, "d");
}

std::string age_of(const Json& timestamp, const Now& now) {
  if (!timestamp.is_string()) return "<unknown>";
  const auto then = ops::parse_time(timestamp.get<std::string>());
  if (!then) return "<unknown>";
  return human_duration(std::chrono::duration_cast<std::chrono::seconds>(now - *then));
}

Json make_table(const TypeInfo& type, const std::vector<Json>& objects, IncludeObject include,
                std::chrono::system_clock::time_point now, bool with_columns) {
  const Columns columns = type.builtin ? builtin_columns(type.type.kind) : custom_columns(type);
  Json table = {{"kind", "Table"},
                {"apiVersion", "meta.k8s.io/v1"},
                {"metadata", Json::object()},
                {"columnDefinitions", Json::array()},
                {"rows", Json::array()}};
  if (with_columns) {
    for (const Column& column : columns) {
      table["columnDefinitions"].push_back(column_definition(column));
    }
  }
  for (const Json& object : objects) {
    Json row = {{"cells", Json::array()}};
    for (const Column& column : columns) row["cells"].push_back(column.cell(object, now));
    if (include == IncludeObject::kObject) row["object"] = object;
    if (include == IncludeObject::kMetadata) row["object"] = memory_api::partial_metadata(object);
    table["rows"].push_back(std::move(row));
  }
  return table;
}

}  // namespace natrix::http_front
