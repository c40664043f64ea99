#include "broker/main/process_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/support/temp_dir.h"

namespace natrix::main {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string contents(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(PidFile, HoldsThePidAloneAndIsRemovedByItsOwnerOnly) {
  tests::TempDir dir;
  std::string path = dir.write("x.pid", "old content that is longer");
  ASSERT_TRUE(write_pid_file(path));
  EXPECT_EQ(contents(path), std::to_string(getpid()));
  remove_pid_file(path);
  EXPECT_FALSE(fs::exists(path));
  dir.write("x.pid", "1");
  remove_pid_file(path);
  EXPECT_TRUE(fs::exists(path)) << "another broker's by now";
}

TEST(PidFile, ErrorsNameThePath) {
  tests::TempDir dir;
  Result<void> written = write_pid_file(dir.path() / "none" / "x.pid");
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("none/x.pid\" cannot be created: No such file"));
}

TEST(WriteWhole, LeavesNoDraftBehind) {
  tests::TempDir dir;
  std::string path = (dir.path() / "f").string();
  ASSERT_TRUE(write_whole(path, "one"));
  ASSERT_TRUE(write_whole(path, "two"));
  EXPECT_EQ(contents(path), "two");
  fs::create_directory(dir.path() / "taken");
  dir.write("taken/x", "");
  EXPECT_FALSE(write_whole(dir.path() / "taken", "x"));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 2);
}

TEST(PortsFile, IsNamedAfterProgramAndProcess) {
  EXPECT_EQ(ports_file_path("/run/x", "nats-server"),
            fmt::format("/run/x/nats-server_{}.ports", getpid()));
}

TEST(PortsFile, ListsRealPortsByKind) {
  Endpoints endpoints;
  endpoints.nats = {{"nats", "127.0.0.1", 4222}};
  endpoints.monitoring = {{"http", "::1", 8222}};
  endpoints.cluster = {{"nats", "localhost", 6222}};
  EXPECT_EQ(ports_json(endpoints),
            R"({"nats":["nats://127.0.0.1:4222"],"monitoring":["http://[::1]:8222"],)"
            R"("cluster":["nats://localhost:6222"]})");
  EXPECT_EQ(ports_json({}), "{}");
}

TEST(PortsFile, AListenerOnAllAddressesBecomesOneUrlForEachLoopbackFirst) {
  Endpoints endpoints;
  endpoints.nats = {{"nats", "0.0.0.0", 4222}};
  endpoints.monitoring = {{"http", "::", 8222}};
  auto document = nlohmann::json::parse(ports_json(endpoints));
  ASSERT_FALSE(document["nats"].empty());
  EXPECT_EQ(document["nats"][0], "nats://127.0.0.1:4222");
  EXPECT_THAT(document["monitoring"][0].get<std::string>(), HasSubstr("127.0.0.1"));
  for (const auto& url : document["nats"]) {
    EXPECT_EQ(url.get<std::string>().find("0.0.0.0"), std::string::npos);
    EXPECT_EQ(url.get<std::string>().find('['), std::string::npos) << "only IPv4 listens";
  }
}

}  // namespace
}  // namespace natrix::main
