#include "broker/crypto/base64.h"

#include <gtest/gtest.h>

namespace natrix {
namespace {

std::vector<uint8_t> bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

TEST(Base64, MatchesTheVectorsOfRfc4648) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    std::string unpadded = text.substr(0, text.find('='));
    EXPECT_EQ(base64_url_encode(bytes(plain)), unpadded);
    EXPECT_EQ(base64_url_decode(unpadded), bytes(plain)) << text;
    EXPECT_EQ(base64_decode(text), bytes(plain)) << text;
  }
}

TEST(Base64, TheAlphabetsDifferInTwoCharacters) {
  std::vector<uint8_t> high = {0xFB, 0xFF, 0xBF};
  EXPECT_EQ(base64_url_encode(high), "-_-_");
  EXPECT_EQ(base64_url_decode("-_-_"), high);
  EXPECT_EQ(base64_decode("+/+/"), high);
  EXPECT_FALSE(base64_url_decode("+/+/"));
  EXPECT_FALSE(base64_decode("-_-_"));
}

TEST(Base64, EveryByteComesBack) {
  std::vector<uint8_t> all;
  for (int i = 0; i < 256; ++i) {
    all.push_back(static_cast<uint8_t>(i));
    EXPECT_EQ(base64_url_decode(base64_url_encode(all)), all);
  }
}

TEST(Base64, RefusesWhatIsNone) {
  for (const char* text : {"Z", "Zm9vY", "Zg==", "Zm 9", "Zm9\n", "Zm9\xC3"})
    EXPECT_FALSE(base64_url_decode(text)) << text;
  for (const char* text : {"Zg", "Zg=", "Zg===", "====", "Z===", "Zm9=vYg=", "Zm9vYg"})
    EXPECT_FALSE(base64_decode(text)) << text;
}

}  // namespace
}  // namespace natrix
