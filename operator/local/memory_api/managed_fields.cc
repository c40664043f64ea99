#include "operator/local/memory_api/managed_fields.h"

namespace natrix::memory_api {

namespace {

// More entries of one-off updaters than this are folded into one (as in Kubernetes).
constexpr size_t kMaxUpdateManagers = 10;
constexpr const char* kAncient = "ancient-changes";

struct Entry {
  std::string manager;
  std::string operation;
  std::string api_version;
  std::string subresource;
  std::string time;
  FieldSet fields;
};

std::vector<Entry> read_entries(const Json& object) {
  std::vector<Entry> out;
  if (!object.is_object()) return out;
  const Json list = object.value("/metadata/managedFields"_json_pointer, Json::array());
  for (const Json& item : list) {
    if (!item.is_object()) continue;
    out.push_back({item.value("manager", ""), item.value("operation", ""),
                   item.value("apiVersion", ""), item.value("subresource", ""),
                   item.value("time", ""), from_fields_v1(item.value("fieldsV1", Json::object()))});
  }
  return out;
}

void write_entries(Json& object, const std::vector<Entry>& entries) {
  Json list = Json::array();
  for (const Entry& entry : entries) {
    if (entry.fields.empty()) continue;
    Json item = {{"manager", entry.manager},        {"operation", entry.operation},
                 {"apiVersion", entry.api_version}, {"time", entry.time},
                 {"fieldsType", "FieldsV1"},        {"fieldsV1", to_fields_v1(entry.fields)}};
    if (!entry.subresource.empty()) item["subresource"] = entry.subresource;
    list.push_back(std::move(item));
  }
  if (list.empty()) {
    if (object.contains("metadata")) object["metadata"].erase("managedFields");
  } else {
    object["metadata"]["managedFields"] = std::move(list);
  }
}

bool same_writer(const Entry& entry, const Writer& writer, const char* operation) {
  return entry.manager == writer.manager && entry.operation == operation &&
         entry.subresource == writer.subresource &&
         (entry.operation == "Apply" || entry.api_version == writer.api_version);
}

// In the applied document "null" means "not mentioned".
Json without_nulls(const Json& value) {
  if (value.is_object()) {
    Json out = Json::object();
    for (const auto& item : value.items()) {
      if (!item.value().is_null()) out[item.key()] = without_nulls(item.value());
    }
    return out;
  }
  if (value.is_array()) {
    Json out = Json::array();
    for (const Json& item : value) out.push_back(without_nulls(item));
    return out;
  }
  return value;
}

// Items keep the order of `config`; items that only `live` has stay where they are relative to
// their neighbours.
Json merge_list(const Schema& schema, const Json& live, const Json& config) {
  auto merged = [&](const Json& item) {
    const size_t at = find_item(schema, live, item_element(schema, item));
    return at < live.size() && schema.list == ListKind::kMap
               ? typed_merge(*schema.element, live[at], item)
               : item;
  };
  std::set<std::string> wanted;
  for (const Json& item : config) wanted.insert(item_element(schema, item));
  Json out = Json::array();
  size_t next = 0;
  for (const Json& item : live) {
    if (!wanted.contains(item_element(schema, item))) {
      out.push_back(item);
    } else if (next < config.size()) {
      out.push_back(merged(config[next++]));
    }
  }
  for (; next < config.size(); ++next) out.push_back(merged(config[next]));
  return out;
}

// What the others own of the fields that would change.
Json conflict_causes(const std::vector<Entry>& others, const FieldSet& changed) {
  Json causes = Json::array();
  for (const Entry& entry : others) {
    for (const std::string& path : entry.fields.common(changed).paths()) {
      std::string who = fmt::format("conflict with \"{}\"", entry.manager);
      if (!entry.subresource.empty())
        who += fmt::format(" with subresource \"{}\"", entry.subresource);
      if (entry.operation == "Update") who += " using " + entry.api_version;
      causes.push_back({{"reason", "FieldManagerConflict"}, {"message", who}, {"field", path}});
    }
  }
  return causes;
}

StatusError conflict_error(const Json& causes) {
  std::string text;
  for (const Json& cause : causes) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", cause["message"].get<std::string>(),
                        cause["field"].get<std::string>());
  }
  return {409,
          "Conflict",
          fmt::format("Apply failed with {} conflict{}: {}", causes.size(),
                      causes.size() == 1 ? "" : "s", text),
          {{"causes", causes}},
          {}};
}

// Takes from every entry what changed under it.
void take_away(std::vector<Entry>& entries, const Comparison& changes) {
  for (Entry& entry : entries) {
    entry.fields.subtract(changes.added);
    entry.fields.subtract(changes.modified);
    entry.fields.subtract(changes.removed);
  }
}

void fold_ancient(std::vector<Entry>& entries) {
  std::vector<size_t> updates;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].operation == "Update" && entries[i].subresource.empty()) updates.push_back(i);
  }
  if (updates.size() <= kMaxUpdateManagers) return;
  std::sort(updates.begin(), updates.end(),
            [&](size_t a, size_t b) { return entries[a].time < entries[b].time; });
  Entry& oldest = entries[updates[0]];
  oldest.manager = kAncient;
  for (size_t i = 1; i + kMaxUpdateManagers <= updates.size(); ++i) {
    oldest.fields.add(entries[updates[i]].fields);
    entries[updates[i]].fields = {};
  }
}

}  // namespace

Json typed_merge(const Schema& schema, const Json& live, const Json& config) {
  const bool open = schema.granular() || schema.shape == Shape::kAny;
  if (open && !schema.atomic && live.is_object() && config.is_object()) {
    static const Schema kUnknown;
    Json out = live;
    for (const auto& item : config.items()) {
      const Schema* field = schema.member(item.key());
      const auto found = out.find(item.key());
      out[item.key()] = found == out.end() ? item.value()
                                           : typed_merge(field == nullptr ? kUnknown : *field,
                                                         *found, item.value());
    }
    return out;
  }
  if (schema.shape == Shape::kList && schema.list != ListKind::kAtomic && live.is_array() &&
      config.is_array()) {
    return merge_list(schema, live, config);
  }
  return config;
}

Outcome<Json> server_side_apply(const Schema& schema, const Json& live, const Json& config,
                                const Writer& writer, bool force) {
  const Json said = without_nulls(config);
  std::vector<Entry> others = read_entries(live);
  Entry mine{writer.manager, "Apply", writer.api_version, writer.subresource, writer.time, {}};
  FieldSet last;
  std::string last_time;
  for (auto it = others.begin(); it != others.end();) {
    if (same_writer(*it, writer, "Apply")) {
      last = it->fields;
      last_time = it->time;
      it = others.erase(it);
    } else {
      ++it;
    }
  }
  mine.fields = field_set_of(schema, said);
  FieldSet owned = mine.fields;
  for (const Entry& entry : others) owned.add(entry.fields);

  Json merged = live.is_object() ? typed_merge(schema, live, said) : said;
  remove_disowned(schema, merged, last, owned);

  const Comparison changes = compare(schema, live.is_object() ? live : Json::object(), merged);
  FieldSet changed = changes.added;
  changed.add(changes.modified);
  if (!force) {
    const Json causes = conflict_causes(others, changed);
    if (!causes.empty()) return fail_with(conflict_error(causes));
  }
  take_away(others, changes);
  // An apply that says the same again is no write: the old time stays.
  if (!last_time.empty() && to_fields_v1(last) == to_fields_v1(mine.fields)) mine.time = last_time;
  others.push_back(std::move(mine));
  write_entries(merged, others);
  return merged;
}

void track_update(const Schema& schema, const Json& before, Json& after, const Writer& writer) {
  std::vector<Entry> entries = read_entries(before);
  const Comparison changes = compare(schema, before.is_object() ? before : Json::object(), after);
  Entry* mine = nullptr;
  for (Entry& entry : entries) {
    if (same_writer(entry, writer, "Update")) mine = &entry;
  }
  if (changes.added.empty() && changes.modified.empty() && changes.removed.empty()) {
    write_entries(after, entries);
    return;
  }
  if (mine == nullptr) {
    entries.push_back(
        {writer.manager, "Update", writer.api_version, writer.subresource, writer.time, {}});
    mine = &entries.back();
  }
  FieldSet own = mine->fields;
  own.subtract(changes.removed);
  own.add(changes.added);
  own.add(changes.modified);
  take_away(entries, changes);
  mine->fields = std::move(own);
  mine->time = writer.time;
  fold_ancient(entries);
  write_entries(after, entries);
}

}  // namespace natrix::memory_api
