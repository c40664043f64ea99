#include "bench/loadgen/population.h"

#include <fmt/format.h>

#include <chrono>
#include <deque>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "bench/loadgen/frames.h"
#include "bench/loadgen/measurement.h"
#include "bench/loadgen/peer.h"

namespace natrix::bench {

namespace {

using nlohmann::ordered_json;
using Line = std::function<std::string(uint64_t)>;

constexpr size_t kBatchBytes = 64 * 1024;
constexpr uint64_t kWarmSubjects = 2'000;
constexpr auto kSettle = std::chrono::milliseconds(1'000);
// nats-server sends its first PING two seconds after CONNECT; memory is read after that exchange.
constexpr int kQuietRounds = 30;
constexpr auto kQuietRound = std::chrono::milliseconds(100);

void send_lines(const Peer& peer, uint64_t count, const Line& line) {
  std::string batch;
  for (uint64_t i = 0; i < count; ++i) {
    batch += line(i);
    if (batch.size() > kBatchBytes) {
      peer.send_all(batch);
      batch.clear();
    }
  }
  peer.send_all(batch);
  peer.ping_pong();
}

std::string subscribe_wildcard(uint64_t i) {
  return fmt::format("SUB bench.w.{0}.* {0}\r\n", kFirstNumber + i);
}

std::string unsubscribe(uint64_t i) {
  return fmt::format("UNSUB {}\r\n", kFirstNumber + i);
}

// The memory of a server that has served somebody already, so that what is set up once (threads,
// buffers, allocator arenas) is not charged to the population.
uint64_t resident_when_warm(ServerProcess& server) {
  for (int i = 0; i < 8; ++i) {
    Peer peer(server.port());
    peer.send_all("SUB bench.warm 1\r\nPUB bench.warm 2\r\nok\r\n");
    peer.ping_pong();
  }
  std::this_thread::sleep_for(kSettle);
  return server.resident_bytes();
}

void report_memory(ServerProcess& server, uint64_t before, uint64_t count, ordered_json& result) {
  uint64_t after = server.resident_bytes();
  result["resident_before"] = before;
  result["resident_after"] = after;
  double growth = after > before ? static_cast<double>(after - before) : 0.0;
  result["bytes_each"] = growth / static_cast<double>(count);
}

ordered_json hold_connections(ServerProcess& server, uint64_t count,
                              const std::function<void(const Peer&)>& use) {
  ordered_json result = {{"unit", "connections"}};
  uint64_t before = resident_when_warm(server);
  std::deque<Peer> peers;
  for (uint64_t i = 0; i < count; ++i) {
    peers.emplace_back(server.port(), /*echo=*/true);
    use(peers.back());
  }
  for (int round = 0; round < kQuietRounds; ++round) {
    std::this_thread::sleep_for(kQuietRound);
    for (const Peer& peer : peers) {
      peer.answer_pings();
    }
  }
  report_memory(server, before, count, result);
  return result;
}

void exchange_with_itself(const Peer& peer) {
  constexpr size_t kBytes = 1024;
  peer.send_all(fmt::format("SUB bench.self 1\r\nPUB bench.self {}\r\n{}\r\nUNSUB 1\r\n", kBytes,
                            std::string(kBytes, 'x')));
  if (peer.ping_pong() != 1) {
    throw std::runtime_error("a connection did not receive its own message");
  }
}

}  // namespace

ordered_json add_wildcards(ServerProcess& server, uint64_t count) {
  ordered_json result = {{"unit", "subscriptions"}};
  Peer peer(server.port());
  Span span(server);
  send_lines(peer, count, subscribe_wildcard);
  span.finish(count, result);
  return result;
}

ordered_json remove_wildcards(ServerProcess& server, uint64_t count) {
  ordered_json result = {{"unit", "subscriptions"}};
  Peer peer(server.port());
  send_lines(peer, count, subscribe_wildcard);
  // Echo is off: publishing on the same connection looks the subject up and delivers nothing.
  send_lines(peer, kWarmSubjects, [](uint64_t i) {
    return fmt::format("PUB bench.w.{}.x 0\r\n\r\n", kFirstNumber + i);
  });
  Span span(server);
  send_lines(peer, count, unsubscribe);
  span.finish(count, result);
  return result;
}

ordered_json connect_and_leave(ServerProcess& server, uint64_t count) {
  ordered_json result = {{"unit", "connections"}};
  resident_when_warm(server);
  Span span(server);
  for (uint64_t i = 0; i < count; ++i) {
    Peer peer(server.port());
    peer.ping_pong();
  }
  span.finish(count, result);
  return result;
}

ordered_json idle_connections(ServerProcess& server, uint64_t count) {
  return hold_connections(server, count, [](const Peer& peer) { peer.ping_pong(); });
}

ordered_json used_connections(ServerProcess& server, uint64_t count) {
  return hold_connections(server, count, exchange_with_itself);
}

ordered_json hold_subscriptions(ServerProcess& server, uint64_t count) {
  ordered_json result = {{"unit", "subscriptions"}};
  SubjectPattern pattern{"bench.subscription", true};
  uint64_t before = resident_when_warm(server);
  Peer peer(server.port());
  Span span(server);
  send_lines(peer, count, [&](uint64_t i) {
    auto index = static_cast<uint32_t>(i);
    return fmt::format("SUB {} {}\r\n", pattern.subject(index), pattern.sid(index));
  });
  span.finish(count, result);
  std::this_thread::sleep_for(kSettle);
  report_memory(server, before, count, result);
  return result;
}

}  // namespace natrix::bench
