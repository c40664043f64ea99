#include "tests/unit/server/server_fixture.h"

namespace natrix::server {
namespace {

class ServerClusterTest : public ServerTest {
 protected:
  std::unique_ptr<Server> start_node(const std::string& name, int seed_port) {
    config::Options options = local_options(2);
    options.server_name = name;
    options.cluster.name = "test";
    options.cluster.host = "127.0.0.1";
    options.cluster.port = config::kRandomPort;
    if (seed_port != 0) options.cluster.routes = {{"nats", "", "", "127.0.0.1", seed_port}};
    return start(options);
  }
  // Whether a message from `from` reaches `to` by now.
  static bool reaches(TestClient& from, TestClient& to, int& serial) {
    std::string subject = fmt::format("probe.{}", ++serial);
    from.send(fmt::format("PUB {} 0\r\n\r\n", subject));
    from.ping();
    to.ping();
    return to.count("MSG " + subject + " ") > 0;
  }
};

TEST_F(ServerClusterTest, ThreeServersInOneProcess) {
  auto a = start_node("a", 0);
  auto b = start_node("b", a->cluster_port());
  auto c = start_node("c", a->cluster_port());
  TestClient at_a = client(*a), at_b = client(*b), at_c = client(*c);
  for (TestClient* one : {&at_a, &at_b, &at_c}) {
    ASSERT_TRUE(one->send("SUB probe.* 1\r\nSUB work q 2\r\nSUB done 3\r\n") && one->ping());
  }
  int serial = 0;
  ASSERT_TRUE(eventually([&] {
    return reaches(at_a, at_b, serial) && reaches(at_b, at_c, serial) &&
           reaches(at_c, at_a, serial) && reaches(at_c, at_b, serial);
  }));
  constexpr size_t kMessages = 90;
  for (size_t i = 0; i < kMessages; ++i) {
    TestClient& from = i % 3 == 0 ? at_a : i % 3 == 1 ? at_b : at_c;
    ASSERT_TRUE(from.send("PUB work 1\r\nx\r\n"));
  }
  size_t work = 0;
  EXPECT_TRUE(eventually([&] {
    work = 0;
    for (TestClient* one : {&at_a, &at_b, &at_c}) {
      one->ping();
      work += one->count("MSG work 2 ");
    }
    return work >= kMessages;
  }));
  EXPECT_EQ(work, kMessages);

  b->shutdown();
  EXPECT_TRUE(at_b.closed());
  EXPECT_TRUE(
      eventually([&] { return reaches(at_a, at_c, serial) && reaches(at_c, at_a, serial); }));
  for (auto* server : {&c, &a}) (*server)->shutdown();
}

}  // namespace
}  // namespace natrix::server
