// TypeInfo and TypeTable: which resources the API serves. Built-in kinds are there from the
// start; custom ones come and go with their CustomResourceDefinition.
//
// A TypeInfo is immutable and shared. TypeTable has no lock of its own: Core guards it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operator/local/memory_api/schema.h"
#include "operator/local/memory_api/status.h"

namespace natrix::memory_api {

struct ScalePaths {
  std::string spec_replicas;    // JSON pointer, "/spec/replicas"
  std::string status_replicas;  // "/status/replicas"
  std::string selector;         // "/status/selector", empty: none
};

struct TypeInfo {
  kube::ResourceType type;
  std::string singular;
  std::string list_kind;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
  std::string storage;  // objects of all versions of a resource share it
  SchemaPtr schema;
  bool builtin = true;
  bool has_status = false;      // status subresource
  bool has_generation = false;  // metadata.generation counts changes of the spec
  std::optional<ScalePaths> scale;
  Json printer_columns;                        // additionalPrinterColumns of a custom resource
  std::vector<std::string> selectable_fields;  // beyond metadata.name and metadata.namespace

  [[nodiscard]] std::string api_version() const {
    return type.group.empty() ? type.version : type.group + "/" + type.version;
  }
};

using TypePtr = std::shared_ptr<const TypeInfo>;

class TypeTable {
 public:
  TypeTable();

  // nullptr when the resource is not served.
  [[nodiscard]] TypePtr find(const std::string& group, const std::string& version,
                             const std::string& plural) const;
  [[nodiscard]] TypePtr find_kind(const std::string& api_version, const std::string& kind) const;
  // Any served version of what is stored under `storage`.
  [[nodiscard]] TypePtr by_storage(const std::string& storage) const;
  [[nodiscard]] std::vector<TypePtr> all() const { return types_; }

  // Serves the versions of a CustomResourceDefinition instead of what it served before. The error
  // lists what is wrong with it.
  Result<void, std::vector<Cause>> serve(const Json& definition);
  void withdraw(const std::string& storage);

 private:
  Result<void, std::vector<Cause>> serve_checked(const Json& definition);

  std::vector<TypePtr> types_;
};

// Converts a stored object to the version asked for, and back. Custom resources have the "None"
// strategy (only apiVersion changes); core and events.k8s.io Events differ in field names.
Json from_storage(const TypeInfo& type, Json object);
Json to_storage(const TypeInfo& type, Json object);

}  // namespace natrix::memory_api
