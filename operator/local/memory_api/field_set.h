// FieldSet: which fields of an object a manager owns, in the form of metadata.managedFields
// (FieldsV1): a tree whose keys are "f:<name>" for fields and map keys, "k:{...}" for items of a
// keyed list and "v:<value>" for items of a set; "." or an empty child marks membership.
//
// Plain values, no thread rule. Sets are only as large as the object they were made from.
#pragma once

#include <map>
#include <string>

#include "operator/local/memory_api/schema.h"

namespace natrix::memory_api {

struct FieldSet {
  bool member = false;
  std::map<std::string, FieldSet> children;

  [[nodiscard]] bool empty() const { return !member && children.empty(); }
  [[nodiscard]] const FieldSet* find(const std::string& element) const;

  void add(const FieldSet& other);                             // union
  void subtract(const FieldSet& other);                        // difference
  [[nodiscard]] FieldSet common(const FieldSet& other) const;  // intersection

  // Human readable paths of the members: ".spec.template.spec.containers[name=\"nats\"].image".
  [[nodiscard]] std::vector<std::string> paths() const;
};

Json to_fields_v1(const FieldSet& set);
FieldSet from_fields_v1(const Json& fields);

// The fields that a value sets.
FieldSet field_set_of(const Schema& schema, const Json& value);

// Differences between two versions of an object.
struct Comparison {
  FieldSet added;
  FieldSet modified;
  FieldSet removed;
};
Comparison compare(const Schema& schema, const Json& before, const Json& after);

// The path element of item `index` of `list`: "k:{...}" or "v:...". Missing keys are taken from
// the defaults of the item's schema.
std::string item_element(const Schema& list_schema, const Json& item);
// The item an element names, or its size when there is none.
size_t find_item(const Schema& list_schema, const Json& list, const std::string& element);

// Removes from `value` what `last` has and `owned` has not: fields that a manager applied before,
// does not apply any more, and nobody else owns.
void remove_disowned(const Schema& schema, Json& value, const FieldSet& last,
                     const FieldSet& owned);

// Removes apiVersion, kind and the metadata that the server owns: nobody manages those.
void strip_server_fields(FieldSet& set);

}  // namespace natrix::memory_api
