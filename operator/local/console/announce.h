// Tells the user at the terminal when a cluster has become ready and where its servers are.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "operator/local/workload/objects.h"

namespace natrix::console {

// What there is to say about a ready cluster: where clients connect, each server's client address
// and monitoring pages. Lines end with '\n'.
std::string describe_cluster(const workload::Objects& objects, const kube::Json& cluster);

// Level triggered, one thread: announces a cluster when its Ready condition has become true, and
// again after it was not, or was asked to be of another size.
class Announcer {
 public:
  using Print = std::function<void(const std::string& text)>;

  Announcer(memory_api::ApiServer& server, Print print)
      : objects_(server, "natrix-local"), print_(std::move(print)) {}

  // One look at all clusters.
  void sync();
  // Looks again whenever something changes, until the server stops.
  void run();

 private:
  struct Seen {
    bool ready = false;
    std::string said;
  };
  workload::Objects objects_;
  Print print_;
  std::map<std::string, Seen> seen_;  // by uid
};

}  // namespace natrix::console
