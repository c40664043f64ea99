#include <thread>

#include "tests/unit/server/server_fixture.h"

namespace natrix::server {
namespace {

using testing::HasSubstr;

TEST_F(ServerTest, StartsServesAndStops) {
  auto server = start();
  TestClient one = client(*server);
  ASSERT_TRUE(one.send("SUB a 1\r\nPUB a 2\r\nhi\r\n") && one.ping());
  EXPECT_THAT(one.text, HasSubstr("MSG a 1 2\r\nhi\r\n"));
  server->shutdown();
  EXPECT_TRUE(one.closed());
  EXPECT_FALSE(SocketPeer::dial(server->client_port()).open());
  server->shutdown();  // once more is nothing
}

TEST_F(ServerTest, APortThatIsTakenIsAnError) {
  auto first = start();
  config::Options options = local_options();
  options.port = first->client_port();
  Server second(options, log);
  Result<void> started = second.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr(std::to_string(options.port)));
}

// Fans out over all shards, from all shards, with clients that come and go meanwhile.
TEST_F(ServerTest, ManyClientsOnSeveralShards) {
  constexpr size_t kClients = 6, kMessages = 200;
  auto server = start();
  std::vector<TestClient> standing;
  for (size_t i = 0; i < kClients; ++i) {
    standing.push_back(client(*server));
    ASSERT_TRUE(standing.back().send("SUB all.> 1\r\nSUB work q 2\r\n") && standing.back().ping());
  }
  std::atomic<bool> stop{false};
  std::thread passing([&] {
    while (!stop) {
      TestClient one = client(*server);
      one.send("SUB all.> 1\r\nSUB * 2\r\n");
      one.ping();
    }
  });
  for (size_t n = 0; n < kMessages; ++n) {
    std::string line = fmt::format("PUB all.{} 4\r\nabcd\r\nPUB work 1\r\nw\r\n", n);
    ASSERT_TRUE(standing[n % kClients].send(line));
  }
  size_t work = 0;
  for (TestClient& one : standing) EXPECT_TRUE(one.read_count("MSG all.", kMessages));
  stop = true;
  passing.join();
  EXPECT_TRUE(eventually([&] {
    work = 0;
    for (TestClient& one : standing) {
      one.ping();
      work += one.count("MSG work 2 ");
    }
    return work >= kMessages;
  }));
  EXPECT_EQ(work, kMessages);
  for (TestClient& one : standing) EXPECT_EQ(one.count("MSG all."), kMessages);
}

TEST_F(ServerTest, ReloadsWhileClientsComeAndGo) {
  auto server = start();
  std::atomic<bool> stop{false};
  std::vector<std::thread> busy;
  for (int i = 0; i < 2; ++i) {
    busy.emplace_back([&] {
      while (!stop) {
        TestClient one = client(*server);
        one.send("SUB a 1\r\nPUB a 1\r\nx\r\n");
        one.ping();
      }
    });
  }
  TestClient standing = client(*server);
  ASSERT_TRUE(standing.ping());
  for (int i = 1; i <= 20; ++i) {
    config::Options options = server->options();
    options.max_payload = 1000 + i;
    options.max_closed_clients = i;
    options.max_connections = 100 + i;
    server->reload(options);
    ASSERT_TRUE(standing.read_to(fmt::format("\"max_payload\":{}", 1000 + i)));
  }
  stop = true;
  for (auto& thread : busy) thread.join();
  ASSERT_TRUE(standing.send("PUB a 2000\r\n"));
  EXPECT_TRUE(standing.closed());
  EXPECT_THAT(standing.text, HasSubstr("-ERR 'Maximum Payload Violation'"));
}

TEST_F(ServerTest, AReloadOfUsersEndsThoseThatChanged) {
  config::Options options = local_options();
  options.authorization.users = {{"ada", "a", {}}, {"bob", "b", {}}};
  auto server = start(options);
  TestClient ada = client(*server, R"(,"user":"ada","pass":"a")");
  TestClient bob = client(*server, R"(,"user":"bob","pass":"b")");
  ASSERT_TRUE(ada.ping() && bob.send("SUB x 7\r\n") && bob.ping());
  options.authorization.users[0].password = "new";
  options.authorization.users[1].permissions.emplace().subscribe.allow = {"y"};
  server->reload(options);
  EXPECT_TRUE(ada.closed());
  EXPECT_THAT(ada.text, HasSubstr("-ERR 'Authorization Violation'"));
  ASSERT_TRUE(bob.ping());
  EXPECT_THAT(bob.text, HasSubstr("Permissions Violation for Subscription to \"x\" (sid \"7\")"));
}

TEST_F(ServerTest, FewerConnectionsAfterAReload) {
  auto server = start();
  std::vector<TestClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(client(*server));
    ASSERT_TRUE(clients.back().ping());
  }
  config::Options options = server->options();
  options.max_connections = 2;
  server->reload(options);
  int left = 0;
  for (TestClient& one : clients) left += one.ping();
  EXPECT_EQ(left, 2);
  TestClient one_more = client(*server);
  EXPECT_TRUE(one_more.closed());
  EXPECT_THAT(one_more.text, HasSubstr("-ERR 'maximum connections exceeded'"));
}

TEST_F(ServerTest, LameDuckTellsClientsAndClosesThem) {
  config::Options options = local_options();
  options.lame_duck_grace_period = std::chrono::milliseconds(20);
  options.lame_duck_duration = std::chrono::milliseconds(100);
  auto server = start(options);
  TestClient one = client(*server), two = client(*server);
  ASSERT_TRUE(one.ping() && two.ping());
  std::promise<void> done;
  server->lame_duck([&] { done.set_value(); });
  EXPECT_TRUE(one.read_to("\"ldm\":true"));
  EXPECT_TRUE(one.closed() && two.closed());
  EXPECT_EQ(done.get_future().wait_for(tests::kPatience), std::future_status::ready);
  EXPECT_FALSE(server->connect_in_process());
  server->shutdown();
}

TEST_F(ServerTest, ServesInProcessWithoutAListener) {
  auto server = start(local_options(), false);
  EXPECT_EQ(server->client_port(), 0);
  Result<int> fd = server->connect_in_process();
  ASSERT_TRUE(fd);
  TestClient one{SocketPeer(*fd)};
  ASSERT_TRUE(one.send("SUB a 1\r\nPUB a 1\r\nx\r\n") && one.ping());
  EXPECT_THAT(one.text, HasSubstr("MSG a 1 1\r\nx\r\n"));
}

// Messages are under way between shards when the server stops.
TEST_F(ServerTest, StopsUnderLoad) {
  for (int round = 0; round < 3; ++round) {
    auto server = start();
    std::vector<std::thread> busy;
    for (int i = 0; i < 3; ++i) {
      busy.emplace_back([&server] {
        TestClient one = client(*server);
        one.send("SUB a 1\r\n");
        std::string line = "PUB a 1000\r\n" + std::string(1000, 'x') + "\r\n";
        while (one.send(line) && one.ping()) one.text.clear();
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    server->shutdown();
    for (auto& thread : busy) thread.join();
  }
}

}  // namespace
}  // namespace natrix::server
