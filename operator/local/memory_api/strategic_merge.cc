#include "operator/local/memory_api/strategic_merge.h"

namespace natrix::memory_api {

namespace {

constexpr const char* kDirective = "$patch";
constexpr const char* kRetainKeys = "$retainKeys";
constexpr std::string_view kOrder = "$setElementOrder/";
constexpr std::string_view kDelete = "$deleteFromPrimitiveList/";

const Schema& child_schema(const Schema& schema, const std::string& name) {
  static const Schema kUnknown;
  const Schema* found = schema.member(name);
  return found == nullptr ? kUnknown : *found;
}

// Removes nulls and directives from a part of the patch that has no counterpart.
Json plain(const Json& patch) {
  if (patch.is_array()) {
    Json out = Json::array();
    for (const Json& item : patch) {
      if (item.is_object() && item.value(kDirective, "") == "delete") continue;
      out.push_back(plain(item));
    }
    return out;
  }
  if (!patch.is_object()) return patch;
  Json out = Json::object();
  for (const auto& item : patch.items()) {
    if (item.value().is_null() || item.key().starts_with("$")) continue;
    out[item.key()] = plain(item.value());
  }
  return out;
}

size_t find_by_key(const Json& list, const std::string& key, const Json& value) {
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i].is_object() && list[i].contains(key) && list[i][key] == value) return i;
  }
  return list.size();
}

// Sorts `list` as `order` says; items that it does not name keep their place at the end.
Json ordered(const Json& list, const Json& order, const std::string& key) {
  Json out = Json::array();
  std::vector<bool> taken(list.size(), false);
  for (const Json& wanted : order) {
    for (size_t i = 0; i < list.size(); ++i) {
      const bool match = key.empty() ? list[i] == wanted
                                     : list[i].is_object() && wanted.is_object() &&
                                           list[i].value(key, Json()) == wanted.value(key, Json());
      if (!match || taken[i]) continue;
      taken[i] = true;
      out.push_back(list[i]);
    }
  }
  for (size_t i = 0; i < list.size(); ++i) {
    if (!taken[i]) out.push_back(list[i]);
  }
  return out;
}

Result<Json> merge_keyed(const Schema& schema, const Json& original, const Json& patch,
                         const std::string& where) {
  const std::string& key = schema.list_keys.front();
  Json out = original.is_array() ? original : Json::array();
  for (const Json& item : patch) {
    if (item.is_object() && item.value(kDirective, "") == "replace") {
      Json replaced = Json::array();
      for (const Json& other : patch) {
        if (other != item) replaced.push_back(plain(other));
      }
      return replaced;
    }
  }
  for (const Json& item : patch) {
    if (!item.is_object() || !item.contains(key)) {
      return fail(fmt::format("{}: map: {} does not contain declared merge key: {}", where,
                              item.dump(), key));
    }
    const size_t at = find_by_key(out, key, item[key]);
    if (item.value(kDirective, "") == "delete") {
      if (at < out.size()) out.erase(at);
    } else if (at == out.size()) {
      out.push_back(plain(item));
    } else {
      Result<Json> merged = strategic_merge(*schema.element, out[at], item);
      if (!merged) return merged;
      out[at] = std::move(*merged);
    }
  }
  return out;
}

Json merge_set(const Json& original, const Json& patch) {
  Json out = original.is_array() ? original : Json::array();
  for (const Json& item : patch) {
    if (std::find(out.begin(), out.end(), item) == out.end()) out.push_back(item);
  }
  return out;
}

void apply_list_directive(const Schema& schema, Json& out, const std::string& directive,
                          const Json& value) {
  const bool order = directive.starts_with(kOrder);
  const std::string name = directive.substr(order ? kOrder.size() : kDelete.size());
  const auto list = out.find(name);
  if (list == out.end() || !list->is_array() || !value.is_array()) return;
  if (order) {
    const Schema& field = child_schema(schema, name);
    *list = ordered(*list, value, field.list_keys.empty() ? "" : field.list_keys.front());
    return;
  }
  for (const Json& gone : value) {
    for (size_t i = list->size(); i-- > 0;) {
      if ((*list)[i] == gone) list->erase(i);
    }
  }
}

Result<Json> merge_field(const Schema& schema, const Json& original, const Json& patch,
                         const std::string& where) {
  if (patch.is_array()) {
    if (schema.list == ListKind::kMap && schema.shape == Shape::kList) {
      return merge_keyed(schema, original, patch, where);
    }
    if (schema.list == ListKind::kSet && schema.shape == Shape::kList) {
      return merge_set(original, patch);
    }
    return patch;
  }
  if (patch.is_object() && original.is_object()) return strategic_merge(schema, original, patch);
  return plain(patch);
}

}  // namespace

Result<Json> strategic_merge(const Schema& schema, const Json& original, const Json& patch) {
  if (!patch.is_object() || !original.is_object()) return plain(patch);
  const std::string directive = patch.value(kDirective, "merge");
  if (directive == "replace") return plain(patch);
  if (directive == "delete") return Json::object();
  if (directive != "merge") return fail(fmt::format("unknown $patch directive \"{}\"", directive));
  Json out = original;
  if (const auto keep = patch.find(kRetainKeys); keep != patch.end() && keep->is_array()) {
    for (const auto& item : original.items()) {
      if (std::find(keep->begin(), keep->end(), item.key()) == keep->end()) out.erase(item.key());
    }
  }
  for (const auto& item : patch.items()) {
    if (item.key().starts_with("$")) continue;
    if (item.value().is_null()) {
      out.erase(item.key());
      continue;
    }
    const auto found = out.find(item.key());
    Result<Json> merged =
        merge_field(child_schema(schema, item.key()), found == out.end() ? Json() : *found,
                    item.value(), item.key());
    if (!merged) return merged;
    out[item.key()] = std::move(*merged);
  }
  for (const auto& item : patch.items()) {
    if (item.key().starts_with(kOrder) || item.key().starts_with(kDelete)) {
      apply_list_directive(schema, out, item.key(), item.value());
    }
  }
  return out;
}

}  // namespace natrix::memory_api
