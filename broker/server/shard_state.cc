#include "broker/server/shard_state.h"

namespace natrix::server {

void ShardState::remove(client::Client& client, io::CloseReason reason, size_t max_closed) {
  auto found = clients.find(client.cid());
  if (found == clients.end()) return;
  if (client.account() != nullptr) {
    client::Traffic& sum = departed_traffic[client.account()->name()];
    sum.in_msgs += client.traffic().in_msgs;
    sum.out_msgs += client.traffic().out_msgs;
    sum.in_bytes += client.traffic().in_bytes;
    sum.out_bytes += client.traffic().out_bytes;
  }
  if (max_closed != 0) {
    const protocol::Connect& options = client.options();
    closed.push_back({client.cid(), client.remote(), client.started(),
                      std::chrono::system_clock::now(), client.last_activity(), reason,
                      client.traffic(), client.stalls(), client.rtt(), options.name, options.lang,
                      options.version, client.user(),
                      client.account() == nullptr ? "" : client.account()->name(),
                      client.tls() == nullptr ? "" : client.tls()->version(),
                      client.tls() == nullptr ? "" : client.tls()->cipher_suite()});
    while (closed.size() > max_closed) closed.pop_front();
  }
  clients.erase(found);
}

}  // namespace natrix::server
