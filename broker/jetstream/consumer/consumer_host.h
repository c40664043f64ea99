// ConsumerHost: what a consumer asks of who owns it.
#pragma once

#include <string>
#include <string_view>

namespace natrix::jetstream::consumer {

class Consumer;

class ConsumerHost {
 public:
  virtual ~ConsumerHost() = default;
  // The consumer has been inactive for too long: delete it, later than this call.
  virtual void retire(Consumer& consumer) = 0;
  // Publishes an advisory or metric: `fields` are JSON members behind type, id and timestamp.
  virtual void advise(std::string_view subject, std::string_view type, std::string_view fields) = 0;
};

}  // namespace natrix::jetstream::consumer
