// Certificates for tests, made on the spot: an authority and what it signs, as PEM.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace natrix::tests {

struct CertAndKey {
  std::string cert_pem;
  std::string key_pem;
};

class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name);
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  [[nodiscard]] const std::string& cert_pem() const { return cert_pem_; }
  // `alt_names` as OpenSSL writes them: "DNS:example", "IP:127.0.0.1".
  [[nodiscard]] CertAndKey issue(const std::string& common_name,
                                 const std::vector<std::string>& alt_names = {}) const;
  // `subject` as OpenSSL names the attributes: {"O", "Acme"}; "+OU" belongs to the one before it.
  using Subject = std::vector<std::pair<std::string, std::string>>;
  [[nodiscard]] CertAndKey issue(const Subject& subject, const std::vector<std::string>& alt_names,
                                 int days = 1) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string cert_pem_;
};

}  // namespace natrix::tests
