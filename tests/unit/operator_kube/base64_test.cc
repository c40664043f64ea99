#include "operator/kube/base64.h"

#include <gtest/gtest.h>

namespace natrix::kube {
namespace {

TEST(Base64, RoundTripsEveryTailLength) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("f"), "Zg==");
  EXPECT_EQ(base64_encode("fo"), "Zm8=");
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
  }
}

TEST(Base64, AllowsLineBreaks) {
  EXPECT_EQ(base64_decode("Zm9v\r\n YmFy\n"), "foobar");
}

TEST(Base64, RefusesMalformedText) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zg==Zg==", "Zm9v=", "Zm9*", "Z=g="}) {
    EXPECT_FALSE(base64_decode(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace natrix::kube
