#include "broker/tls/session.h"

#include <gmock/gmock.h>

#include "broker/tls/handshake_rate.h"
#include "tests/unit/tls/support.h"

namespace natrix::tls {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class SessionTest : public ::testing::Test {
 protected:
  Pair pair(bool ask, const std::string& name = "localhost") {
    return {Session::server(server, ask), Session::client(client, name)};
  }

  Files files;
  std::shared_ptr<const Context> server = make(files.options());
  std::shared_ptr<const Context> client = make(files.options("alice"));
};

TEST_F(SessionTest, CarriesBytesBothWays) {
  Pair both = pair(true);
  ASSERT_TRUE(both.shake_hands());
  EXPECT_EQ(both.server->version(), "1.3");
  EXPECT_THAT(both.server->cipher_suite(), HasSubstr("TLS_AES_"));
  std::string large(100'000, 'x');
  EXPECT_EQ(both.client->write(large + "end").status, Status::kOk);
  both.to_server();
  EXPECT_EQ(Pair::read_all(*both.server), large + "end");
  EXPECT_EQ(both.server->write("hello").status, Status::kOk);
  both.to_client();
  EXPECT_EQ(Pair::read_all(*both.client), "hello");
}

TEST_F(SessionTest, RecordsInPiecesWaitForTheRest) {
  Pair both = pair(false);
  ASSERT_TRUE(both.shake_hands());
  Pair::read_all(*both.client);
  both.server->write("some bytes");
  std::string encrypted = both.server->output();
  char buffer[100];
  for (size_t i = 0; i + 1 < encrypted.size(); ++i) {
    both.client->give(std::string_view(encrypted).substr(i, 1));
    ASSERT_EQ(both.client->read(buffer).status, Status::kWantInput);
    ASSERT_TRUE(both.client->input().empty());
  }
  both.client->give(std::string_view(encrypted).substr(encrypted.size() - 1));
  EXPECT_EQ(both.client->read({buffer, 4}).bytes, 4U);
  EXPECT_TRUE(both.client->holds_plain_bytes());
  EXPECT_EQ(both.client->read(buffer).bytes, 6U);
  EXPECT_FALSE(both.client->holds_plain_bytes());
}

TEST_F(SessionTest, GoodbyeEndsIt) {
  Pair both = pair(false);
  ASSERT_TRUE(both.shake_hands());
  both.client->say_goodbye();
  both.to_server();
  char buffer[10];
  EXPECT_EQ(both.server->read(buffer).status, Status::kClosed);
  EXPECT_EQ(both.server->read(buffer).status, Status::kClosed);
}

TEST_F(SessionTest, AskedForACertificateThePeerMustHaveOne) {
  Pair both = pair(true);
  ASSERT_TRUE(both.shake_hands());
  std::vector<PeerCertificate> peers = both.server->peer_certificates();
  ASSERT_EQ(peers.size(), 1U);
  EXPECT_EQ(peers[0].subject, "CN=alice");
  EXPECT_EQ(both.server->peer_names().dns_names, std::vector<std::string>{"alice"});

  Options none;
  none.ca_file = files.ca();
  client = make(none);
  Pair refused = pair(true);
  EXPECT_FALSE(refused.shake_hands());
  EXPECT_EQ(refused.server_status, Status::kFailed);
  EXPECT_EQ(refused.server->error(), "tls: client didn't provide a certificate");
  Pair fine = pair(false);
  EXPECT_TRUE(fine.shake_hands());
  EXPECT_TRUE(fine.server->peer_certificates().empty());
}

TEST_F(SessionTest, StrangersAreRefusedByBothSides) {
  Files others;
  client = make(others.options("mallory"));
  Pair both = pair(false);
  EXPECT_FALSE(both.shake_hands());
  EXPECT_THAT(both.client->error(), HasSubstr("failed to verify certificate"));

  Options options = others.options("mallory");
  options.ca_file = files.ca();
  client = make(options);
  Pair asked = pair(true);
  EXPECT_FALSE(asked.shake_hands());
  EXPECT_THAT(asked.server->error(), HasSubstr("failed to verify certificate"));
}

TEST_F(SessionTest, TheNameMustBeThatOfTheCertificate) {
  EXPECT_TRUE(pair(false, "127.0.0.1").shake_hands());
  for (const char* name : {"example.com", "127.0.0.2"}) {
    Pair both = pair(false, name);
    EXPECT_FALSE(both.shake_hands()) << name;
    EXPECT_TRUE(both.client->wrong_name()) << name;
  }
  Options careless = files.options("alice");
  careless.insecure = true;
  client = make(careless);
  EXPECT_TRUE(pair(false, "example.com").shake_hands());
}

TEST_F(SessionTest, WhatIsNotTlsIsSaidToBeSo) {
  for (const char* text : {"CONNECT {}\r\nPING\r\n", "GET / HTTP/1.1\r\n\r\n"}) {
    auto session = Session::server(server, false);
    session->give(text);
    EXPECT_EQ(session->handshake().status, Status::kFailed);
    EXPECT_TRUE(session->not_tls()) << session->error();
    EXPECT_THAT(session->error(), HasSubstr("does not look like a TLS handshake"));
  }
}

TEST_F(SessionTest, VersionsAndSuitesAreThoseOfTheOptions) {
  Options modern = files.options();
  modern.min_version = Version::k13;
  Options old = files.options("alice");
  old.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"};
  server = make(old);
  client = make(old);
  Pair both = pair(false, "alice");
  ASSERT_TRUE(both.shake_hands());
  EXPECT_EQ(both.server->version(), "1.3");  // its suites are another list

  old.cipher_suites = {"TLS_CHACHA20_POLY1305_SHA256"};
  server = make(old);
  client = make(modern);
  Pair chacha = pair(false, "alice");
  ASSERT_TRUE(chacha.shake_hands());
  EXPECT_EQ(chacha.server->cipher_suite(), "TLS_CHACHA20_POLY1305_SHA256");
}

TEST_F(SessionTest, OfSeveralCertificatesThatOfTheNameIsShown) {
  Options several = files.options();
  several.certificates.push_back(files.write("b", files.authority.issue("b", {"DNS:b.example"})));
  several.certificates.push_back(files.write("c", files.authority.issue("c", {"DNS:*.c.example"})));
  server = make(several);
  auto shown = [&](const std::string& name) {
    Pair both = pair(false, name);
    EXPECT_TRUE(both.shake_hands()) << name;
    return both.client->peer_certificates().at(0).subject;
  };
  EXPECT_EQ(shown("localhost"), "CN=localhost");
  EXPECT_EQ(shown("b.example"), "CN=b");
  EXPECT_EQ(shown("x.c.example"), "CN=c");
  EXPECT_EQ(shown("127.0.0.1"), "CN=localhost");  // no name is sent for an address
}

TEST_F(SessionTest, PinnedKeysLetOnlyTheirOwnersStay) {
  Pair both = pair(true);
  ASSERT_TRUE(both.shake_hands());
  Options pinned = files.options();
  pinned.pinned_certs = {std::string(64, 'a')};
  EXPECT_FALSE(both.server->pinned_by(*make(pinned)));
  pinned.pinned_certs.insert(both.server->peer_certificates()[0].spki_sha256);
  EXPECT_TRUE(both.server->pinned_by(*make(pinned)));
  Pair anonymous = pair(false);
  ASSERT_TRUE(anonymous.shake_hands());
  EXPECT_FALSE(anonymous.server->pinned_by(*make(pinned)));
  EXPECT_TRUE(anonymous.server->pinned_by(*server));
}

TEST(HandshakeRate, AdmitsSoManyASecondAndCountsTheOthers) {
  HandshakeRate rate;
  std::chrono::steady_clock::time_point now{1000s};
  EXPECT_TRUE(rate.admit(2, now));
  EXPECT_TRUE(rate.admit(2, now + 1ms));
  EXPECT_FALSE(rate.admit(2, now + 2ms));
  EXPECT_TRUE(rate.admit(0, now + 2ms));
  EXPECT_FALSE(rate.admit(2, now + 999ms));
  EXPECT_TRUE(rate.admit(2, now + 1s));
  EXPECT_EQ(rate.take_refused(), 2U);
  EXPECT_EQ(rate.take_refused(), 0U);
}

}  // namespace
}  // namespace natrix::tls
