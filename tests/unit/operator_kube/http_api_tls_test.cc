// HttpApi over TLS: who is trusted, who we are, and what happens when either changes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <openssl/pem.h>

#include "operator/kube/cpprest/transport.h"
#include "operator/kube/http_api.h"
#include "operator/kube/resources.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certs.h"

namespace natrix::kube {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using tests::CertAndKey;
using tests::TestAuthority;

template <class T, class Read, class Free>
std::unique_ptr<T, Free> from_pem(const std::string& pem, Read read, Free free) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  return {read(bio.get(), nullptr, nullptr, nullptr), free};
}

// An HTTPS server that answers every GET with the common name of the client's certificate.
class TlsServer {
 public:
  TlsServer(const CertAndKey& own, const std::string& client_ca_pem = "") {
    auto cert = from_pem<X509>(own.cert_pem, PEM_read_bio_X509, X509_free);
    auto key = from_pem<EVP_PKEY>(own.key_pem, PEM_read_bio_PrivateKey, EVP_PKEY_free);
    X509_STORE* store = nullptr;
    if (!client_ca_pem.empty()) {
      auto ca = from_pem<X509>(client_ca_pem, PEM_read_bio_X509, X509_free);
      store = X509_STORE_new();
      X509_STORE_add_cert(store, ca.get());
    }
    server_ = std::make_unique<httplib::SSLServer>(cert.get(), key.get(), store);
    server_->new_task_queue = [] { return new httplib::ThreadPool(4); };
    server_->set_keep_alive_timeout(1);
    server_->Get(".*", [this](const httplib::Request& request, httplib::Response& response) {
      ++requests;
      response.set_content(
          Json{{"client", client_name(request)}, {"host", request.get_header_value("Host")}}.dump(),
          "application/json");
    });
    port = server_->bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::sleep_for(1ms);
  }
  ~TlsServer() {
    server_->stop();
    thread_.join();
  }
  int port = 0;
  std::atomic<int> requests{0};

 private:
  static std::string client_name(const httplib::Request& request) {
    std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get_peer_certificate(request.ssl),
                                                     X509_free);
    if (!peer) return "";
    char name[256] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer.get()), NID_commonName, name, sizeof name);
    return name;
  }
  std::unique_ptr<httplib::SSLServer> server_;
  std::thread thread_;
};

class HttpApiTlsTest : public testing::Test {
 protected:
  void open(const TlsServer& server, const std::string& host = "127.0.0.1") {
    config_.server = fmt::format("https://{}:{}", host, server.port);
    api_ = std::make_unique<HttpApi>(config_, make_cpprest_transport,
                                     HttpApiOptions{.call_timeout = 5s}, clock_, log_);
  }
  ApiResult<Json> get() { return api_->get({kNodes, "", "n"}); }
  std::string error() {
    auto result = get();
    if (result) return "(no error)";
    EXPECT_EQ(result.error().code, Errc::kConnection);
    return result.error().message;
  }

  TestAuthority authority_{"test authority"};
  tests::FakeClock clock_;
  ops::Log log_{[](std::string_view) {}};
  ClusterConfig config_;
  std::unique_ptr<HttpApi> api_;
};

TEST_F(HttpApiTlsTest, PrivateAuthorityIsTrustedForIpAndDnsNames) {
  TlsServer server(authority_.issue("server", {"IP:127.0.0.1", "DNS:localhost"}));
  config_.ca.text = authority_.cert_pem();
  open(server);
  auto by_ip = get();
  EXPECT_TRUE(by_ip) << by_ip.error().message;
  open(server, "localhost");
  auto by_name = get();
  EXPECT_TRUE(by_name) << by_name.error().message;
}

TEST_F(HttpApiTlsTest, UnknownAuthorityIsRefused) {
  TestAuthority other("other authority");
  TlsServer server(other.issue("server", {"IP:127.0.0.1"}));
  config_.ca.text = authority_.cert_pem();
  open(server);
  EXPECT_THAT(error(), HasSubstr("certificate verify failed"));
  config_.ca = {};
  open(server);
  EXPECT_THAT(error(), HasSubstr("certificate verify failed")) << "the machine knows it not either";
  EXPECT_EQ(server.requests, 0) << "no token ever went to a stranger";
}

TEST_F(HttpApiTlsTest, CertificateForAnotherNameIsRefused) {
  TlsServer server(authority_.issue("server", {"DNS:kube.example"}));
  config_.ca.text = authority_.cert_pem();
  open(server);
  EXPECT_THAT(error(), HasSubstr("certificate verify failed"));
}

TEST_F(HttpApiTlsTest, TlsServerNameReplacesTheNameInTheUrl) {
  TlsServer server(authority_.issue("server", {"DNS:kube.example"}));
  config_.ca.text = authority_.cert_pem();
  config_.tls_server_name = "kube.example";
  open(server);
  auto result = get();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ((*result)["host"], "kube.example");
}

TEST_F(HttpApiTlsTest, VerificationIsSkippedOnlyWhenAskedFor) {
  TlsServer server(authority_.issue("server"));
  config_.insecure_skip_tls_verify = true;
  open(server);
  EXPECT_TRUE(get());
}

TEST_F(HttpApiTlsTest, ClientCertificateIsShown) {
  TlsServer server(authority_.issue("server", {"IP:127.0.0.1"}), authority_.cert_pem());
  CertAndKey client = authority_.issue("natrix-operator");
  config_.ca.text = authority_.cert_pem();
  open(server);
  EXPECT_FALSE(get()) << "the server demands one";
  config_.client_certificate.text = client.cert_pem;
  config_.client_key.text = client.key_pem;
  open(server);
  auto result = get();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ((*result)["client"], "natrix-operator");
}

TEST_F(HttpApiTlsTest, KeyOfAnotherCertificateIsAConfigurationError) {
  TlsServer server(authority_.issue("server", {"IP:127.0.0.1"}));
  config_.ca.text = authority_.cert_pem();
  config_.client_certificate.text = authority_.issue("a").cert_pem;
  config_.client_key.text = authority_.issue("b").key_pem;
  open(server);
  auto result = get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kInvalid);
  EXPECT_THAT(result.error().message, HasSubstr("client key"));
}

TEST_F(HttpApiTlsTest, RotatedFilesComeIntoUseOnNewConnections) {
  tests::TempDir dir;
  TlsServer server(authority_.issue("server", {"IP:127.0.0.1"}), authority_.cert_pem());
  auto write = [&](const std::string& name) {
    CertAndKey client = authority_.issue(name);
    config_.client_certificate.path = dir.write("tls.crt", client.cert_pem);
    config_.client_key.path = dir.write("tls.key", client.key_pem);
  };
  config_.ca.path = dir.write("ca.crt", authority_.cert_pem());
  write("first");
  open(server);
  EXPECT_EQ((*get())["client"], "first");
  write("second");
  EXPECT_EQ((*get())["client"], "first");
  clock_.advance(CredentialStore::kRefresh);
  EXPECT_EQ((*get())["client"], "second") << "not over the pooled connection of the first";

  // Between the two files of the next pair nothing works together: the old pair goes on.
  dir.write("tls.crt", authority_.issue("third").cert_pem);
  clock_.advance(CredentialStore::kRefresh);
  EXPECT_EQ((*get())["client"], "second");
  write("fourth");
  EXPECT_EQ((*get())["client"], "fourth") << "read again at the next call";
}

TEST_F(HttpApiTlsTest, PlainHttpToATlsServerIsAnError) {
  TlsServer server(authority_.issue("server", {"IP:127.0.0.1"}));
  config_.server = fmt::format("http://127.0.0.1:{}", server.port);
  api_ = std::make_unique<HttpApi>(config_, make_cpprest_transport,
                                   HttpApiOptions{.call_timeout = 5s}, clock_, log_);
  EXPECT_FALSE(get());
  EXPECT_EQ(server.requests, 0);
}

}  // namespace
}  // namespace natrix::kube
