#include "broker/crypto/server_id.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>

namespace natrix {
namespace {

TEST(ServerId, IsAWellFormedNkeyAndNeverRepeats) {
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    std::string id = new_server_id();
    EXPECT_EQ(id.size(), 56U);
    EXPECT_EQ(id.front(), 'N');
    EXPECT_TRUE(is_server_id(id)) << id;
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(ServerId, RecognisesIdsOfRealServersAndNothingElse) {
  // The id that a nats-server 2.15 gave itself.
  const std::string real = "ND4RWNG7RTTH4JADMQY5JEHBRSLYUK22GECTYOAWHPHPDWNAIASDDKRK";
  EXPECT_TRUE(is_server_id(real));
  std::string damaged = real;
  damaged[20] = damaged[20] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(is_server_id(damaged));
  EXPECT_FALSE(is_server_id(real.substr(1)));
  EXPECT_FALSE(is_server_id("U" + real.substr(1)));
  EXPECT_FALSE(is_server_id(std::string(56, '!')));
  EXPECT_FALSE(is_server_id(""));
}

TEST(RandomToken, HasTheLengthAndTheAlphabet) {
  EXPECT_EQ(random_token(0), "");
  std::string token = random_token(1000);
  EXPECT_EQ(token.size(), 1000U);
  for (char c : token) EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c))) << c;
  EXPECT_NE(random_token(22), random_token(22));
}

}  // namespace
}  // namespace natrix
