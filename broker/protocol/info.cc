#include "broker/protocol/info.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace natrix::protocol {

namespace {

using Json = nlohmann::ordered_json;

template <class T>
void put(Json& object, const char* key, const T& value) {
  if (value != T{}) object[key] = value;
}

void put_permissions(Json& object, const char* key,
                     const std::optional<std::vector<std::string>>& allow,
                     const std::optional<std::vector<std::string>>& deny) {
  if (!allow && !deny) return;
  Json permission = Json::object();
  if (allow) permission["allow"] = *allow;
  if (deny) permission["deny"] = *deny;
  object[key] = std::move(permission);
}

// Reads fields by name; the first one of the wrong type is remembered as the error.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {}

  template <class T>
  void get(const char* key, T& into) {
    auto found = object_.find(key);
    if (found == object_.end() || found->is_null()) return;
    try {
      if (fits<T>(*found)) {
        into = found->template get<T>();
        return;
      }
    } catch (const Json::exception&) {  // an element of the wrong type
    }
    if (error_.empty())
      error_ = fmt::format("field \"{}\" has the wrong type or is out of range", key);
  }

  void get_permission(const char* key, std::optional<std::vector<std::string>>& allow,
                      std::optional<std::vector<std::string>>& deny) {
    auto found = object_.find(key);
    if (found == object_.end() || !found->is_object()) return;
    Fields inner(*found);
    if (found->contains("allow")) inner.get("allow", allow.emplace());
    if (found->contains("deny")) inner.get("deny", deny.emplace());
    if (error_.empty()) error_ = inner.error_;
  }

  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  template <class T>
  static bool fits(const Json& value) {
    if constexpr (std::is_same_v<T, bool>) {
      return value.is_boolean();
    } else if constexpr (std::is_integral_v<T>) {
      if (value.is_number_unsigned()) return std::in_range<T>(value.get<uint64_t>());
      return value.is_number_integer() && std::in_range<T>(value.get<int64_t>());
    } else if constexpr (std::is_same_v<T, std::string>) {
      return value.is_string();
    } else {
      return value.is_array();
    }
  }

  const Json& object_;
  std::string error_;
};

Result<Json> parse_object(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return fail("the JSON does not parse");
  if (!json.is_object()) return fail("the JSON is not an object");
  return json;
}

}  // namespace

std::string encode(const Info& info) {
  Json j;
  j["server_id"] = info.server_id;
  j["server_name"] = info.server_name;
  j["version"] = info.version;
  j["proto"] = info.proto;
  put(j, "git_commit", info.git_commit);
  j["go"] = info.go;
  j["host"] = info.host;
  j["port"] = info.port;
  j["headers"] = info.headers;
  put(j, "auth_required", info.auth_required);
  put(j, "tls_required", info.tls_required);
  put(j, "tls_verify", info.tls_verify);
  put(j, "tls_available", info.tls_available);
  j["max_payload"] = info.max_payload;
  put(j, "jetstream", info.jetstream);
  put(j, "ip", info.ip);
  put(j, "client_id", info.client_id);
  put(j, "client_ip", info.client_ip);
  put(j, "nonce", info.nonce);
  put(j, "cluster", info.cluster);
  put(j, "cluster_dynamic", info.cluster_dynamic);
  put(j, "domain", info.domain);
  put(j, "connect_urls", info.connect_urls);
  put(j, "ws_connect_urls", info.ws_connect_urls);
  put(j, "ldm", info.ldm);
  put(j, "connect_info", info.connect_info);
  put(j, "remote_account", info.remote_account);
  put(j, "acc_is_sys", info.acc_is_sys);
  put(j, "api_lvl", info.api_level);
  put(j, "impl", info.impl);
  put(j, "impl_version", info.impl_version);
  put(j, "lnoc", info.lnoc);
  put(j, "lnocu", info.lnocu);
  put(j, "info_on_connect", info.info_on_connect);
  put_permissions(j, "import", info.import_allow, info.import_deny);
  put_permissions(j, "export", info.export_allow, info.export_deny);
  put(j, "route_pool_size", info.route_pool_size);
  put(j, "route_pool_idx", info.route_pool_idx);
  put(j, "route_account", info.route_account);
  put(j, "route_acc_add_reqid", info.route_acc_add_reqid);
  put(j, "gossip_mode", info.gossip_mode);
  put(j, "compression", info.compression);
  return fmt::format("INFO {}\r\n", j.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<Info> decode_info(std::string_view text) {
  Result<Json> json = parse_object(text);
  if (!json) return fail(json.error().message);
  Fields fields(*json);
  Info info;
  fields.get("server_id", info.server_id);
  fields.get("server_name", info.server_name);
  fields.get("version", info.version);
  fields.get("proto", info.proto);
  fields.get("host", info.host);
  fields.get("port", info.port);
  fields.get("headers", info.headers);
  fields.get("auth_required", info.auth_required);
  fields.get("tls_required", info.tls_required);
  fields.get("tls_verify", info.tls_verify);
  fields.get("tls_available", info.tls_available);
  fields.get("max_payload", info.max_payload);
  fields.get("jetstream", info.jetstream);
  fields.get("ip", info.ip);
  fields.get("client_id", info.client_id);
  fields.get("nonce", info.nonce);
  fields.get("cluster", info.cluster);
  fields.get("cluster_dynamic", info.cluster_dynamic);
  fields.get("domain", info.domain);
  fields.get("connect_urls", info.connect_urls);
  fields.get("ws_connect_urls", info.ws_connect_urls);
  fields.get("ldm", info.ldm);
  fields.get("lnoc", info.lnoc);
  fields.get("lnocu", info.lnocu);
  fields.get("info_on_connect", info.info_on_connect);
  fields.get_permission("import", info.import_allow, info.import_deny);
  fields.get_permission("export", info.export_allow, info.export_deny);
  fields.get("route_pool_size", info.route_pool_size);
  fields.get("route_pool_idx", info.route_pool_idx);
  fields.get("route_account", info.route_account);
  fields.get("route_acc_add_reqid", info.route_acc_add_reqid);
  fields.get("gossip_mode", info.gossip_mode);
  fields.get("compression", info.compression);
  fields.get("gateway", info.gateway);
  fields.get("impl", info.impl);
  fields.get("impl_version", info.impl_version);
  fields.get("go", info.go);
  fields.get("git_commit", info.git_commit);
  fields.get("jetstream", info.jetstream);
  fields.get("ws_connect_urls", info.ws_connect_urls);
  if (!fields.error().empty()) return fail("INFO: " + fields.error());
  return info;
}

Result<Connect> decode_connect(std::string_view text) {
  Result<Json> json = parse_object(text);
  if (!json) return fail(json.error().message);
  Fields fields(*json);
  Connect c;
  fields.get("verbose", c.verbose);
  fields.get("pedantic", c.pedantic);
  fields.get("echo", c.echo);
  fields.get("tls_required", c.tls_required);
  fields.get("headers", c.headers);
  fields.get("no_responders", c.no_responders);
  fields.get("protocol", c.protocol);
  fields.get("name", c.name);
  fields.get("lang", c.lang);
  fields.get("version", c.version);
  fields.get("user", c.user);
  fields.get("pass", c.pass);
  fields.get("auth_token", c.auth_token);
  fields.get("nkey", c.nkey);
  fields.get("sig", c.sig);
  fields.get("jwt", c.jwt);
  fields.get("account", c.account);
  fields.get("new_account", c.new_account);
  fields.get("cluster", c.cluster);
  fields.get("cluster_dynamic", c.cluster_dynamic);
  fields.get("lnoc", c.lnoc);
  fields.get("lnocu", c.lnocu);
  fields.get("gateway", c.gateway);
  if (!fields.error().empty()) return fail(fields.error());
  return c;
}

std::string encode_client_connect(const Connect& connect) {
  Json j;
  j["verbose"] = false;
  j["pedantic"] = false;
  j["echo"] = connect.echo;
  j["protocol"] = 1;
  j["headers"] = true;
  j["no_responders"] = true;
  put(j, "name", connect.name);
  j["lang"] = "c++";
  put(j, "version", connect.version);
  put(j, "user", connect.user);
  put(j, "pass", connect.pass);
  put(j, "auth_token", connect.auth_token);
  return fmt::format("CONNECT {}\r\n", j.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string encode_route_connect(const Connect& connect) {
  Json j;
  j["echo"] = connect.echo;
  j["verbose"] = connect.verbose;
  j["pedantic"] = connect.pedantic;
  put(j, "user", connect.user);
  put(j, "pass", connect.pass);
  j["tls_required"] = connect.tls_required;
  j["headers"] = connect.headers;
  j["name"] = connect.name;
  j["cluster"] = connect.cluster;
  put(j, "cluster_dynamic", connect.cluster_dynamic);
  put(j, "lnoc", connect.lnoc);
  put(j, "lnocu", connect.lnocu);
  return fmt::format("CONNECT {}\r\n", j.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace natrix::protocol
