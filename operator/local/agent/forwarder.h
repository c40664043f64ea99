// Forwarder: what a kube-proxy is on Kubernetes. Every port of every Service that has an address is
// listened on there; a connection goes to one of the ready pods behind it, taken in turn, and stays
// with that pod. When one side has said all it has to say the other side hears of it and may go on;
// an error closes both.
//
// Works on a thread of its own. sync(), stop(): any one thread at a time.
//
// Bounds: kMaxRelays connections, each with 32 KiB per direction; more are closed at once.
#pragma once

#include <memory>

#include "operator/base/log.h"
#include "operator/local/workload/objects.h"

namespace natrix::agent {

class Forwarder {
 public:
  static constexpr size_t kMaxRelays = 4096;

  // Both outlive it.
  Forwarder(memory_api::ApiServer& server, ops::Log& log);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Listens for the Services that are there now, and no longer for others; their connections go
  // on. A port that is taken is tried again at the next call; the Service gets an Event.
  void sync();
  // Closes everything, for good.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace natrix::agent
