// TurnTask: work for the end of a shard's turn (Router::at_turn_end). Belongs to its shard; must be
// off the list (Router::forget) when it is destroyed.
#pragma once

namespace natrix::core {

class TurnTask {
 public:
  virtual ~TurnTask() = default;
  virtual void run() = 0;

 private:
  friend class Router;
  bool listed_ = false;
};

}  // namespace natrix::core
