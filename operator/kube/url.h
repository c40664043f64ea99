// Where an object lives in the API server's URL space. Pure.
#pragma once

#include <string>
#include <string_view>

#include "operator/kube/api.h"

namespace natrix::kube {

// Everything but unreserved characters as %XX.
std::string percent_encode(std::string_view text);

// "/apis/apps/v1/namespaces/shop/statefulsets"; ns empty: across all namespaces.
std::string collection_path(const ResourceType& type, std::string_view ns);
// "/api/v1/namespaces/shop/services/orders[/status]"
std::string object_path(const ObjectRef& ref, std::string_view subresource = {});

// Collects "?a=b&c=d".
class Query {
 public:
  Query& add(std::string_view key, std::string_view value);
  Query& add_unless_empty(std::string_view key, std::string_view value);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// "statefulsets.apps shop/orders", for messages.
std::string describe(const ResourceType& type);
std::string describe(const ObjectRef& ref);

}  // namespace natrix::kube
