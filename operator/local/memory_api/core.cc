#include "operator/local/memory_api/core.h"

#include "operator/base/timestamp.h"

namespace natrix::memory_api {

namespace {

bool terminating(const Json& object) {
  return object["metadata"].contains("deletionTimestamp");
}

// What counts as a change of the specification.
Json specification(const Json& object) {
  Json out = object;
  for (const char* name : {"metadata", "status", "apiVersion", "kind"}) out.erase(name);
  return out;
}

bool same_ignoring_versions(const Json& a, const Json& b) {
  Json left = a;
  Json right = b;
  left["metadata"].erase("resourceVersion");
  right["metadata"].erase("resourceVersion");
  return left == right;
}

std::string decode_error(const TypeInfo& type, const std::vector<Cause>& causes) {
  return fmt::format("{} in version \"{}\" cannot be handled as a {}: {}: {}", type.type.kind,
                     type.type.version, type.type.kind, causes.front().field,
                     causes.front().message);
}

// Strict decoding names every unknown field; otherwise they become warnings.
Outcome<std::vector<std::string>> judge_unknown(const std::vector<std::string>& unknown,
                                                FieldValidation validation) {
  std::vector<std::string> out;
  if (validation == FieldValidation::kIgnore) return out;
  for (const std::string& path : unknown) out.push_back(fmt::format("unknown field \"{}\"", path));
  if (validation == FieldValidation::kWarn || out.empty()) return out;
  std::string text;
  for (const std::string& line : out) text += (text.empty() ? "" : ", ") + line;
  return fail_with(bad_request("strict decoding error: " + text));
}

// The status of a CustomResourceDefinition that is served.
Json accepted_definition(const Json& definition, const std::string& now) {
  Json stored = Json::array();
  for (const Json& version : definition["spec"]["versions"]) {
    if (version.value("storage", false)) stored.push_back(version["name"]);
  }
  const std::string since =
      definition.value("/status/conditions/0/lastTransitionTime"_json_pointer, now);
  Json conditions = Json::array();
  for (const auto& [type, reason, message] :
       {std::tuple{"NamesAccepted", "NoConflicts", "no conflicts found"},
        {"Established", "InitialNamesAccepted", "the initial names have been accepted"}}) {
    conditions.push_back({{"type", type},
                          {"status", "True"},
                          {"reason", reason},
                          {"message", message},
                          {"lastTransitionTime", since}});
  }
  return {{"acceptedNames", definition["spec"]["names"]},
          {"storedVersions", stored},
          {"conditions", conditions}};
}

}  // namespace

Core::Core(CoreOptions options)
    : options_(std::move(options)),
      store_(options_.history),
      random_(options_.seed != 0 ? options_.seed : std::random_device{}()) {
  if (!options_.service_address) {
    options_.service_address = [next = 0](const std::string&, const std::string&) mutable {
      ++next;
      return fmt::format("10.96.{}.{}", next / 250 % 256, next % 250 + 1);
    };
  }
}

ObjectKey Core::key_of(const Target& target) const {
  return {target.type->storage, target.type->type.namespaced ? target.ns : "", target.name};
}

std::string Core::now() const {
  return ops::format_time(options_.clock());
}

std::string Core::make_uid() {
  const uint64_t high = random_();
  const uint64_t low = random_();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff,
                     high & 0xfff, (low >> 48 & 0x3fff) | 0x8000, low & 0xffffffffffff);
}

Writer Core::writer(const Target& target, const WriteOptions& options) const {
  return {options.manager, target.type->api_version(), target.subresource, now()};
}

Outcome<Json> Core::get(const Target& target) const {
  const ObjectPtr object = store_.get(key_of(target));
  if (!object) return fail_with(not_found(target.type->type, target.name));
  if (target.subresource == "scale") return scale_of(*target.type, *object);
  return from_storage(*target.type, *object);
}

Outcome<void> Core::check_identity(const Target& target, Json& object) const {
  if (!object.is_object()) return fail_with(bad_request("the body must be a JSON object"));
  const TypeInfo& type = *target.type;
  const std::string kind = object.value("kind", type.type.kind);
  const std::string version = object.value("apiVersion", type.api_version());
  if (kind != type.type.kind || version != type.api_version()) {
    return fail_with(
        bad_request(fmt::format("the API version in the data ({} {}) does not match "
                                "the expected API version ({} {})",
                                version, kind, type.api_version(), type.type.kind)));
  }
  object["kind"] = kind;
  object["apiVersion"] = version;
  Json& metadata = object["metadata"];
  if (metadata.is_null()) metadata = Json::object();
  if (!metadata.is_object()) return fail_with(bad_request("metadata must be an object"));
  const std::string ns = type.type.namespaced ? target.ns : "";
  if (metadata.value("namespace", ns) != ns) {
    return fail_with(
        bad_request("the namespace of the provided object does not match the "
                    "namespace sent on the request"));
  }
  if (!ns.empty()) metadata["namespace"] = ns;
  if (!target.name.empty() && metadata.value("name", target.name) != target.name) {
    return fail_with(
        bad_request(fmt::format("the name of the object ({}) does not match the name "
                                "on the URL ({})",
                                metadata["name"].dump(), target.name)));
  }
  if (!target.name.empty()) metadata["name"] = target.name;
  return {};
}

Outcome<void> Core::check_namespace(const TypeInfo& type, const std::string& ns,
                                    const std::string& name) const {
  if (!type.type.namespaced) return {};
  const ObjectPtr space = store_.get({"namespaces", "", ns});
  if (!space) return fail_with(not_found(types_.find("", "v1", "namespaces")->type, ns));
  if (!terminating(*space)) return {};
  return fail_with(forbidden(type.type, name,
                             fmt::format("unable to create new content in namespace {} because it "
                                         "is being terminated",
                                         ns)));
}

Outcome<Core::Prepared> Core::admit(const TypeInfo& type, Json object,
                                    FieldValidation validation) const {
  Prepared out;
  std::vector<std::string> unknown;
  prune(*type.schema, object, unknown);
  Outcome<std::vector<std::string>> warnings = judge_unknown(unknown, validation);
  if (!warnings) return fail_with(warnings.error());
  out.warnings = std::move(*warnings);
  std::vector<Cause> causes;
  validate(*type.schema, object, causes);
  std::erase_if(causes, [](const Cause& cause) { return cause.reason != "FieldValueTypeInvalid"; });
  if (!causes.empty()) {
    if (type.builtin) return fail_with(bad_request(decode_error(type, causes)));
    return fail_with(invalid(type.type, object["metadata"].value("name", ""), causes));
  }
  apply_defaults(*type.schema, object);
  default_dependent_fields(type, object);
  if (type.builtin) canonicalize(*type.schema, object);
  out.object = std::move(object);
  return out;
}

Outcome<void> Core::check_all(const TypeInfo& type, const Json* live, const Json& object) const {
  std::vector<Cause> causes;
  validate_metadata(type, object, causes);
  validate(*type.schema, object, causes);
  if (causes.empty()) validate_object(type, object, causes);
  if (causes.empty() && live != nullptr) validate_update(type, *live, object, causes);
  if (!causes.empty()) {
    return fail_with(invalid(type.type, object["metadata"].value("name", ""), causes));
  }
  if (object.dump().size() > options_.max_object_bytes) {
    return fail_with(
        StatusError{413,
                    "RequestEntityTooLarge",
                    fmt::format("the object is larger than {} bytes", options_.max_object_bytes),
                    nullptr,
                    {}});
  }
  return {};
}

Outcome<Written> Core::create(const TypePtr& type, const std::string& ns, Json object,
                              const WriteOptions& options) {
  Target target{type, ns, "", ""};
  if (Outcome<void> checked = check_identity(target, object); !checked) {
    return fail_with(checked.error());
  }
  if (!object["metadata"].value("resourceVersion", "").empty()) {
    return fail_with(bad_request("resourceVersion should not be set on objects to be created"));
  }
  Outcome<Prepared> prepared = admit(*type, std::move(object), options.validation);
  if (!prepared) return fail_with(prepared.error());
  Json& metadata = prepared->object["metadata"];
  if (metadata.value("name", "").empty() && metadata.contains("generateName")) {
    static constexpr char kLetters[] = "bcdfghjklmnpqrstvwxz2456789";
    std::string name = metadata["generateName"];
    for (int i = 0; i < 5; ++i) name += kLetters[random_() % (sizeof(kLetters) - 1)];
    metadata["name"] = name;
  }
  target.name = metadata.value("name", "");
  return create_admitted(target, std::move(*prepared), false, options);
}

Outcome<Written> Core::create_admitted(const Target& target, Prepared prepared, bool applied,
                                       const WriteOptions& options) {
  const TypeInfo& type = *target.type;
  Json object = std::move(prepared.object);
  if (Outcome<void> space = check_namespace(type, target.ns, target.name); !space) {
    return fail_with(space.error());
  }
  Json& metadata = object["metadata"];
  for (const char* name : {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink",
                           "generation", "resourceVersion"}) {
    metadata.erase(name);
  }
  metadata["uid"] = make_uid();
  metadata["creationTimestamp"] = now();
  if (type.has_generation) metadata["generation"] = 1;
  const ObjectKey key = key_of(target);
  if (store_.get(key)) return fail_with(already_exists(type.type, target.name));
  StrategyContext context{options.dry_run
                              ? [](const std::string&, const std::string&) { return std::string(); }
                              : options_.service_address};
  prepare_create(type, object, context);
  if (Outcome<void> checked = check_all(type, nullptr, object); !checked) {
    return fail_with(checked.error());
  }
  if (!applied) {
    metadata.erase("managedFields");
    track_update(*type.schema, Json(), object, writer(target, options));
  }
  if (store_.count(type.storage) >= options_.max_objects_per_type) {
    return fail_with(forbidden(type.type, target.name,
                               fmt::format("the embedded API server keeps at most {} {}",
                                           options_.max_objects_per_type, type.type.plural)));
  }
  Outcome<Written> written =
      store_changed(target, nullptr, std::move(object), std::move(prepared.warnings), options);
  if (written) written->created = true;
  return written;
}

Outcome<void> Core::check_versions(const Target& target, const Json& live,
                                   const Json& object) const {
  const Json& metadata = object["metadata"];
  const std::string version = metadata.value("resourceVersion", "");
  const std::string uid = metadata.value("uid", "");
  if (!uid.empty() && uid != live["metadata"]["uid"]) {
    return fail_with(
        conflict(target.type->type, target.name,
                 fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}",
                             uid, live["metadata"]["uid"].get<std::string>())));
  }
  if (!version.empty() && version != live["metadata"]["resourceVersion"]) {
    return fail_with(conflict(target.type->type, target.name,
                              "the object has been modified; please apply your changes to the "
                              "latest version and try again"));
  }
  return {};
}

Outcome<Written> Core::update(const Target& target, Json object, const WriteOptions& options) {
  const ObjectPtr live = store_.get(key_of(target));
  if (!live) return fail_with(not_found(target.type->type, target.name));
  if (target.subresource == "scale") return update_scale(target, live, object, options);
  if (Outcome<void> checked = check_identity(target, object); !checked) {
    return fail_with(checked.error());
  }
  if (Outcome<void> checked = check_versions(target, *live, object); !checked) {
    return fail_with(checked.error());
  }
  if (!target.type->builtin && object["metadata"].value("resourceVersion", "").empty()) {
    return fail_with(invalid(target.type->type, target.name,
                             {{"metadata.resourceVersion", "FieldValueInvalid",
                               "Invalid value: 0x0: must be specified for an update"}}));
  }
  Outcome<Prepared> prepared = admit(*target.type, std::move(object), options.validation);
  if (!prepared) return fail_with(prepared.error());
  if (target.subresource == "status") {
    return update_status(target, live, std::move(prepared->object), false, options);
  }
  return update_admitted(target, live, std::move(*prepared), false, options);
}

Outcome<Written> Core::update_admitted(const Target& target, const ObjectPtr& live,
                                       Prepared prepared, bool applied,
                                       const WriteOptions& options) {
  const TypeInfo& type = *target.type;
  const Json before = from_storage(type, *live);
  Json object = std::move(prepared.object);
  Json& metadata = object["metadata"];
  for (const char* name : {"uid", "creationTimestamp", "deletionTimestamp", "selfLink",
                           "deletionGracePeriodSeconds", "generation", "resourceVersion"}) {
    metadata.erase(name);
    if (before["metadata"].contains(name)) metadata[name] = before["metadata"][name];
  }
  prepare_update(type, before, object);
  if (type.has_generation && specification(before) != specification(object)) {
    metadata["generation"] = before["metadata"].value("generation", 0) + 1;
  }
  if (Outcome<void> checked = check_all(type, &before, object); !checked) {
    return fail_with(checked.error());
  }
  if (terminating(before)) {
    for (const Json& finalizer : metadata.value("finalizers", Json::array())) {
      const Json had = before["metadata"].value("finalizers", Json::array());
      if (std::find(had.begin(), had.end(), finalizer) != had.end()) continue;
      return fail_with(invalid(type.type, target.name,
                               {{"metadata.finalizers", "FieldValueForbidden",
                                 "Forbidden: no new finalizers can be added if the object is being "
                                 "deleted, found new finalizers " +
                                     finalizer.dump()}}));
    }
  }
  if (!applied) track_update(*type.schema, before, object, writer(target, options));
  return store_changed(target, live, std::move(object), std::move(prepared.warnings), options);
}

Outcome<Written> Core::update_status(const Target& target, const ObjectPtr& live, Json object,
                                     bool applied, const WriteOptions& options) {
  const TypeInfo& type = *target.type;
  const Json before = from_storage(type, *live);
  Json after = before;
  after.erase("status");
  if (object.contains("status")) after["status"] = object["status"];
  if (Outcome<void> checked = check_all(type, nullptr, after); !checked) {
    return fail_with(checked.error());
  }
  if (applied) {
    after["metadata"].erase("managedFields");
    if (object["metadata"].contains("managedFields")) {
      after["metadata"]["managedFields"] = object["metadata"]["managedFields"];
    }
  } else {
    track_update(*type.schema, before, after, writer(target, options));
  }
  return store_changed(target, live, std::move(after), {}, options);
}

Outcome<Written> Core::store_changed(const Target& target, const ObjectPtr& live, Json object,
                                     std::vector<std::string> warnings,
                                     const WriteOptions& options) {
  const TypeInfo& type = *target.type;
  if (type.type.kind == "CustomResourceDefinition") {
    TypeTable trial = types_;
    Result<void, std::vector<Cause>> served = trial.serve(object);
    if (!served) return fail_with(invalid(type.type, target.name, served.error()));
    if (!options.dry_run) types_ = std::move(trial);
    object["status"] = accepted_definition(object, now());
  }
  Json stored = to_storage(type, std::move(object));
  // A write that changes nothing is none: no new version, no event for watchers.
  if (live && same_ignoring_versions(*live, stored)) {
    return Written{from_storage(type, *live), false, std::move(warnings)};
  }
  if (options.dry_run) {
    if (live) stored["metadata"]["resourceVersion"] = (*live)["metadata"]["resourceVersion"];
    return Written{from_storage(type, std::move(stored)), false, std::move(warnings)};
  }
  const ObjectKey key = key_of(target);
  const Json& metadata = stored["metadata"];
  const bool last_finalizer_gone = live && metadata.contains("deletionTimestamp") &&
                                   metadata.value("finalizers", Json::array()).empty() &&
                                   metadata.value("deletionGracePeriodSeconds", 0) == 0;
  const bool owned = metadata.contains("ownerReferences");
  const ObjectPtr written = store_.put(key, std::move(stored));
  if (owned) unowned_.insert(key);
  if (terminating(*written)) finalizing_.insert(key);
  if (last_finalizer_gone && type.type.kind != "Namespace") finish_delete(key);
  if (type.storage == "events") drop_old_events();
  return Written{from_storage(type, *written), false, std::move(warnings)};
}

}  // namespace natrix::memory_api
