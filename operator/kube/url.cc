#include "operator/kube/url.h"

#include <fmt/format.h>

namespace natrix::kube {

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string collection_path(const ResourceType& type, std::string_view ns) {
  std::string path = type.group.empty() ? fmt::format("/api/{}", type.version)
                                        : fmt::format("/apis/{}/{}", type.group, type.version);
  if (type.namespaced && !ns.empty()) path += "/namespaces/" + percent_encode(ns);
  return path + "/" + type.plural;
}

std::string object_path(const ObjectRef& ref, std::string_view subresource) {
  std::string path = collection_path(ref.type, ref.ns) + "/" + percent_encode(ref.name);
  if (!subresource.empty()) path.append("/").append(subresource);
  return path;
}

Query& Query::add(std::string_view key, std::string_view value) {
  text_ += text_.empty() ? '?' : '&';
  text_.append(key).append("=").append(percent_encode(value));
  return *this;
}

Query& Query::add_unless_empty(std::string_view key, std::string_view value) {
  return value.empty() ? *this : add(key, value);
}

std::string describe(const ResourceType& type) {
  return type.group.empty() ? type.plural : type.plural + "." + type.group;
}

std::string describe(const ObjectRef& ref) {
  if (ref.ns.empty()) return fmt::format("{} {}", describe(ref.type), ref.name);
  return fmt::format("{} {}/{}", describe(ref.type), ref.ns, ref.name);
}

}  // namespace natrix::kube
