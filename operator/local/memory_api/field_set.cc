#include "operator/local/memory_api/field_set.h"

namespace natrix::memory_api {

namespace {

void collect_paths(const FieldSet& set, const std::string& prefix, std::vector<std::string>& out) {
  if (set.member) out.push_back(prefix);
  for (const auto& [element, child] : set.children) {
    std::string step;
    if (element.starts_with("f:")) {
      step = "." + element.substr(2);
    } else if (element.starts_with("k:")) {
      const Json key = Json::parse(element.substr(2), nullptr, false);
      for (const auto& item : key.items()) {
        step += (step.empty() ? "[" : ",") + item.key() + "=" + item.value().dump();
      }
      step += "]";
    } else {
      step = "[" + element + "]";
    }
    collect_paths(child, prefix + step, out);
  }
}

bool keyed(const Schema& schema, const Json& value) {
  return schema.shape == Shape::kList && schema.list != ListKind::kAtomic && value.is_array() &&
         schema.element;
}

bool granular(const Schema& schema, const Json& value) {
  if (!value.is_object() || schema.atomic) return false;
  // Unknown structure below a preserved field is owned field by field, like a map.
  return schema.granular() || schema.shape == Shape::kAny;
}

const Schema& unknown_schema() {
  static const Schema any = [] {
    Schema schema;
    schema.preserve_unknown = true;
    return schema;
  }();
  return any;
}

const Schema& member_schema(const Schema& schema, const std::string& name) {
  const Schema* found = schema.member(name);
  return found == nullptr ? unknown_schema() : *found;
}

void collect(const Schema& schema, const Json& value, FieldSet& out);

void collect_members(const Schema& schema, const Json& value, FieldSet& out) {
  for (const auto& item : value.items()) {
    FieldSet& child = out.children["f:" + item.key()];
    // A key of a map is itself something one can own; a field of a struct is only its content.
    if (schema.shape == Shape::kMap) child.member = true;
    collect(member_schema(schema, item.key()), item.value(), child);
  }
}

void collect(const Schema& schema, const Json& value, FieldSet& out) {
  if (granular(schema, value)) {
    if (value.empty()) out.member = true;
    collect_members(schema, value, out);
  } else if (keyed(schema, value)) {
    if (value.empty()) out.member = true;
    for (const Json& item : value) {
      FieldSet& child = out.children[item_element(schema, item)];
      child.member = true;
      if (schema.list == ListKind::kMap) collect(*schema.element, item, child);
    }
  } else {
    out.member = true;
  }
}

void compare_values(const Schema& schema, const Json& before, const Json& after,
                    FieldSet& modified);

void compare_members(const Schema& schema, const Json& before, const Json& after,
                     FieldSet& modified) {
  for (const auto& item : before.items()) {
    const auto found = after.find(item.key());
    if (found == after.end()) continue;
    FieldSet child;
    compare_values(member_schema(schema, item.key()), item.value(), *found, child);
    if (!child.empty()) modified.children["f:" + item.key()] = std::move(child);
  }
}

// Fills `modified` with the leaves that both have with different values.
void compare_values(const Schema& schema, const Json& before, const Json& after,
                    FieldSet& modified) {
  if (before == after) return;
  if (granular(schema, before) && granular(schema, after)) {
    compare_members(schema, before, after, modified);
  } else if (keyed(schema, before) && keyed(schema, after)) {
    if (schema.list == ListKind::kSet) return;  // items are there or not
    for (const Json& item : before) {
      const std::string element = item_element(schema, item);
      const size_t other = find_item(schema, after, element);
      if (other == after.size()) continue;
      FieldSet child;
      compare_values(*schema.element, item, after[other], child);
      if (!child.empty()) modified.children[element] = std::move(child);
    }
  } else {
    modified.member = true;
  }
}

void remove_child(const Schema& schema, Json& value, const std::string& element) {
  if (element.starts_with("f:") && value.is_object()) {
    value.erase(element.substr(2));
  } else if (value.is_array()) {
    const size_t index = find_item(schema, value, element);
    if (index < value.size()) value.erase(index);
  }
}

Json* child_value(const Schema& schema, Json& value, const std::string& element,
                  const Schema** child_schema) {
  if (element.starts_with("f:") && value.is_object()) {
    const std::string name = element.substr(2);
    const auto found = value.find(name);
    if (found == value.end()) return nullptr;
    *child_schema = &member_schema(schema, name);
    return &*found;
  }
  if (!value.is_array() || !schema.element) return nullptr;
  const size_t index = find_item(schema, value, element);
  if (index == value.size()) return nullptr;
  *child_schema = schema.element.get();
  return &value[index];
}

}  // namespace

const FieldSet* FieldSet::find(const std::string& element) const {
  const auto found = children.find(element);
  return found == children.end() ? nullptr : &found->second;
}

void FieldSet::add(const FieldSet& other) {
  member = member || other.member;
  for (const auto& [element, child] : other.children) children[element].add(child);
}

void FieldSet::subtract(const FieldSet& other) {
  if (other.member) member = false;
  for (const auto& [element, child] : other.children) {
    const auto found = children.find(element);
    if (found == children.end()) continue;
    found->second.subtract(child);
    if (found->second.empty()) children.erase(found);
  }
}

FieldSet FieldSet::common(const FieldSet& other) const {
  FieldSet out;
  out.member = member && other.member;
  for (const auto& [element, child] : children) {
    const FieldSet* match = other.find(element);
    if (match == nullptr) continue;
    FieldSet both = child.common(*match);
    if (!both.empty()) out.children[element] = std::move(both);
  }
  return out;
}

std::vector<std::string> FieldSet::paths() const {
  std::vector<std::string> out;
  collect_paths(*this, "", out);
  return out;
}

Json to_fields_v1(const FieldSet& set) {
  Json out = Json::object();
  if (set.member && !set.children.empty()) out["."] = Json::object();
  for (const auto& [element, child] : set.children) out[element] = to_fields_v1(child);
  return out;
}

FieldSet from_fields_v1(const Json& fields) {
  FieldSet out;
  if (!fields.is_object()) return out;
  for (const auto& item : fields.items()) {
    if (item.key() == ".") {
      out.member = true;
      continue;
    }
    FieldSet child = from_fields_v1(item.value());
    if (child.children.empty()) child.member = true;
    out.children[item.key()] = std::move(child);
  }
  return out;
}

FieldSet field_set_of(const Schema& schema, const Json& value) {
  FieldSet out;
  collect(schema, value, out);
  strip_server_fields(out);
  return out;
}

Comparison compare(const Schema& schema, const Json& before, const Json& after) {
  Comparison out;
  const FieldSet had = field_set_of(schema, before);
  const FieldSet has = field_set_of(schema, after);
  out.added = has;
  out.added.subtract(had);
  out.removed = had;
  out.removed.subtract(has);
  compare_values(schema, before, after, out.modified);
  strip_server_fields(out.modified);
  return out;
}

std::string item_element(const Schema& list_schema, const Json& item) {
  if (list_schema.list == ListKind::kSet) return "v:" + item.dump();
  Json key = Json::object();
  for (const std::string& name : list_schema.list_keys) {
    if (item.is_object() && item.contains(name)) {
      key[name] = item[name];
    } else if (const Schema* field = list_schema.element->member(name);
               field != nullptr && field->default_value) {
      key[name] = *field->default_value;
    }
  }
  return "k:" + key.dump();
}

size_t find_item(const Schema& list_schema, const Json& list, const std::string& element) {
  for (size_t i = 0; i < list.size(); ++i) {
    if (item_element(list_schema, list[i]) == element) return i;
  }
  return list.size();
}

void remove_disowned(const Schema& schema, Json& value, const FieldSet& last,
                     const FieldSet& owned) {
  static const FieldSet kNobody;
  for (const auto& [element, had] : last.children) {
    const FieldSet* has = owned.find(element);
    const Schema* child_schema = nullptr;
    Json* child = child_value(schema, value, element, &child_schema);
    if (child == nullptr) continue;
    // A field of a struct goes with everything in it once nobody owns any part of it, defaults
    // included; what remains of a free map keeps the keys that nobody ever owned.
    const bool named = schema.shape == Shape::kObject;
    if (has == nullptr && (had.member || named)) {
      remove_child(schema, value, element);
    } else if (!had.children.empty()) {
      remove_disowned(*child_schema, *child, had, has == nullptr ? kNobody : *has);
    }
  }
}

void strip_server_fields(FieldSet& set) {
  set.children.erase("f:apiVersion");
  set.children.erase("f:kind");
  const auto metadata = set.children.find("f:metadata");
  if (metadata == set.children.end()) return;
  for (const char* name : {"f:name", "f:namespace", "f:creationTimestamp", "f:deletionTimestamp",
                           "f:selfLink", "f:uid", "f:generation", "f:managedFields",
                           "f:resourceVersion", "f:deletionGracePeriodSeconds"}) {
    metadata->second.children.erase(name);
  }
  metadata->second.member = false;
  if (metadata->second.empty()) set.children.erase(metadata);
}

}  // namespace natrix::memory_api
