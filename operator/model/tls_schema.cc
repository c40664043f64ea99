// config.nats.tls and config.cluster.tls: certificates by reference to Secrets.
#include "operator/model/cluster_schema.h"

namespace natrix::model {

namespace {

Schema key(std::string description, const char* name) {
  return Schema::string(std::move(description))
      .length(1, 253)
      .matching("^[-._a-zA-Z0-9]+$", "a key of a Secret")
      .by_default(name);
}

std::vector<Schema::Field> common_properties() {
  return {{"enabled", Schema::boolean("Whether connections are encrypted.").by_default(false)},
          {"secretName",
           Schema::string("A Secret of the cluster's namespace with certificate, key and, where "
                          "peers are verified, authority: what cert-manager makes.")
               .length(1, 253)
               .matching("^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "the name of a Secret")},
          {"cert", key("Key of the certificate and those that lead to its authority.", "tls.crt")},
          {"key", key("Key of the private key.", "tls.key")},
          {"ca", key("Key of the authority that signs peers.", "ca.crt")}};
}

Schema finished(std::string description, std::vector<Schema::Field> properties) {
  return Schema::object(std::move(description), std::move(properties))
      .rule({"!self.enabled || has(self.secretName)", "secretName must be set when TLS is enabled",
             [](const Json& tls, const Json*) {
               return tls["enabled"] == false || tls.contains("secretName");
             }});
}

}  // namespace

Schema client_tls_schema() {
  std::vector<Schema::Field> properties = common_properties();
  properties.push_back(
      {"verify",
       Schema::boolean("Whether clients must present a certificate that the authority signed.")
           .by_default(false)});
  return finished("TLS for clients. A renewed certificate is taken up without a restart.",
                  std::move(properties));
}

Schema route_tls_schema() {
  return finished(
      "TLS between the servers, which verify each other: the certificate must hold the name "
      "*.<headless Service>.<namespace>.svc.<domain>, for server and for client use. Switching it "
      "on or off on a running cluster cuts the servers off from each other until all have "
      "restarted.",
      common_properties());
}

}  // namespace natrix::model
