// Requests to the JetStream API on a connection of its own, one at a time. Used by one thread.
// A refusal, a missing server or no answer is a std::runtime_error with the request's subject.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/loadgen/peer.h"

namespace natrix::bench {

class Api {
 public:
  explicit Api(uint16_t port);

  // `subject` is what follows "$JS.API.". Returns the answer's JSON.
  nlohmann::json request(const std::string& subject, const nlohmann::json& body);

  void create_stream(const nlohmann::json& config);
  // A consumer that must not exist yet, named by the config's "durable_name".
  void create_consumer(const std::string& stream, const nlohmann::json& config);
  // The "state" of STREAM.INFO.
  nlohmann::json stream_state(const std::string& stream);
  nlohmann::json consumer_info(const std::string& stream, const std::string& consumer);

 private:
  Peer peer_;
  MessageReader reader_;
  uint64_t requests_ = 0;
};

// Throws std::runtime_error if `answer`, that of a request to `subject`, has an "error".
void refuse_error(const nlohmann::json& answer, const std::string& subject);

}  // namespace natrix::bench
