#include "operator/kube/credentials.h"

#include <fstream>
#include <sstream>

#include "operator/kube/base64.h"

namespace natrix::kube {
namespace {

constexpr size_t kLargestFile = size_t{1} << 20;

Result<std::string> load(const Material& material, const char* what) {
  if (material.path.empty()) return material.text;
  std::ifstream file(material.path, std::ios::binary);
  std::string text(kLargestFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (text.empty()) {
    return fail(fmt::format("{}: {} cannot be read or is empty", material.path, what));
  }
  if (text.size() > kLargestFile) {
    return fail(fmt::format("{}: {} is larger than 1 MiB", material.path, what));
  }
  return text;
}

std::string trimmed(const std::string& text) {
  const char* blanks = " \t\r\n";
  size_t first = text.find_first_not_of(blanks);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace

CredentialStore::CredentialStore(ClusterConfig config, ops::Clock& clock, ops::Log& log)
    : config_(std::move(config)), clock_(clock), log_(log) {}

Result<Credentials> CredentialStore::read() const {
  auto ca = load(config_.ca, "CA certificate");
  if (!ca) return fail(ca.error().message);
  auto certificate = load(config_.client_certificate, "client certificate");
  if (!certificate) return fail(certificate.error().message);
  auto key = load(config_.client_key, "client key");
  if (!key) return fail(key.error().message);
  auto token = load(config_.token, "token");
  if (!token) return fail(token.error().message);

  Credentials result{.ca_pem = *ca, .cert_pem = *certificate, .key_pem = *key, .authorization = {}};
  std::string bearer = trimmed(*token);
  if (bearer.find_first_of("\r\n") != std::string::npos)
    return fail("token has more than one line");
  if (!bearer.empty()) {
    result.authorization = "Bearer " + bearer;
  } else if (!config_.username.empty()) {
    result.authorization = "Basic " + base64_encode(config_.username + ":" + config_.password);
  }
  return result;
}

Result<std::shared_ptr<const Credentials>> CredentialStore::current() {
  std::lock_guard lock(mutex_);
  ops::Time now = clock_.now();
  if (!expired_ && now - read_at_ < kRefresh) return current_;
  Result<Credentials> fresh = read();
  if (!fresh) {
    if (!current_) return fail(fresh.error().message);
    log_.warn("credentials cannot be read again, going on with the old ones",
              {{"error", fresh.error().message}});
  } else if (!current_ || !(*fresh == *current_)) {
    current_ = std::make_shared<const Credentials>(*fresh);
  }
  read_at_ = now;
  expired_ = false;
  return current_;
}

void CredentialStore::expire() {
  std::lock_guard lock(mutex_);
  expired_ = true;
}

}  // namespace natrix::kube
