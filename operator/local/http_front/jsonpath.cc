#include "operator/local/http_front/jsonpath.h"

#include <fmt/format.h>

#include <charconv>

namespace natrix::http_front {

using kube::Json;

namespace {

using Found = std::vector<const Json*>;

void step_into(Found& found, const std::string& name) {
  Found next;
  for (const Json* value : found) {
    if (!value->is_object()) continue;
    const auto member = value->find(name);
    if (member != value->end()) next.push_back(&*member);
  }
  found = std::move(next);
}

void all_children(Found& found) {
  Found next;
  for (const Json* value : found) {
    if (!value->is_structured()) continue;
    for (const Json& child : *value) next.push_back(&child);
  }
  found = std::move(next);
}

void nth_child(Found& found, int64_t index) {
  Found next;
  for (const Json* value : found) {
    if (!value->is_array()) continue;
    const auto size = static_cast<int64_t>(value->size());
    const int64_t at = index < 0 ? size + index : index;
    if (at >= 0 && at < size) next.push_back(&(*value)[static_cast<size_t>(at)]);
  }
  found = std::move(next);
}

// "@.type=="Ready"": the member and the text it must equal.
Result<void> keep_matching(Found& found, std::string_view filter) {
  const size_t equals = filter.find("==");
  if (!filter.starts_with("@.") || equals == std::string_view::npos) {
    return fail(fmt::format("filter \"{}\": only @.name==value is understood", filter));
  }
  const auto trim = [](std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
  };
  const std::string name(trim(filter.substr(2, equals - 2)));
  std::string_view wanted = trim(filter.substr(equals + 2));
  const bool quoted = wanted.size() >= 2 && (wanted.front() == '"' || wanted.front() == '\'') &&
                      wanted.back() == wanted.front();
  if (quoted) wanted = wanted.substr(1, wanted.size() - 2);
  all_children(found);
  std::erase_if(found, [&](const Json* value) {
    if (!value->is_object()) return true;
    const auto member = value->find(name);
    if (member == value->end()) return true;
    return (member->is_string() ? member->get<std::string>() : member->dump()) != wanted;
  });
  return {};
}

Result<void> apply_brackets(Found& found, std::string_view inside) {
  if (inside == "*") {
    all_children(found);
    return {};
  }
  if (inside.starts_with("?(") && inside.ends_with(")")) {
    return keep_matching(found, inside.substr(2, inside.size() - 3));
  }
  if (inside.size() >= 2 && (inside.front() == '\'' || inside.front() == '"')) {
    step_into(found, std::string(inside.substr(1, inside.size() - 2)));
    return {};
  }
  int64_t index = 0;
  const auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), index);
  if (error != std::errc() || end != inside.data() + inside.size()) {
    return fail(fmt::format("[{}] is no index, filter or name", inside));
  }
  nth_child(found, index);
  return {};
}

// A name up to the next '.' or '['; "\." is a dot within it.
std::string take_name(std::string_view& path) {
  std::string name;
  while (!path.empty() && path.front() != '.' && path.front() != '[') {
    if (path.starts_with("\\.")) path.remove_prefix(1);
    name += path.front();
    path.remove_prefix(1);
  }
  return name;
}

// The end of a bracket expression, quotes respected; npos when it is open.
size_t closing(std::string_view path) {
  char quote = 0;
  for (size_t i = 1; i < path.size(); ++i) {
    if (quote != 0) {
      if (path[i] == quote) quote = 0;
    } else if (path[i] == '\'' || path[i] == '"') {
      quote = path[i];
    } else if (path[i] == ']') {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

Result<std::vector<Json>> select_path(const Json& document, std::string_view path) {
  if (path.starts_with('{') && path.ends_with('}')) path = path.substr(1, path.size() - 2);
  Found found{&document};
  while (!path.empty()) {
    if (path.front() == '[') {
      const size_t end = closing(path);
      if (end == std::string_view::npos) return fail("']' is missing");
      if (Result<void> done = apply_brackets(found, path.substr(1, end - 1)); !done) {
        return fail(done.error().message);
      }
      path.remove_prefix(end + 1);
      continue;
    }
    if (path.front() == '.') path.remove_prefix(1);
    const std::string name = take_name(path);
    if (name == "*") {
      all_children(found);
    } else if (!name.empty()) {
      step_into(found, name);
    }
  }
  std::vector<Json> out;
  for (const Json* value : found) out.push_back(*value);
  return out;
}

}  // namespace natrix::http_front
