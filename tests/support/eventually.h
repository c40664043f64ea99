// Waits for what other threads bring about.
#pragma once

#include <chrono>
#include <thread>

namespace natrix::tests {

// Polls until `condition()` is true; false when it is not within `limit` (ample: machines are
// slow).
template <class Condition>
bool eventually(Condition&& condition,
                std::chrono::milliseconds limit = std::chrono::milliseconds(30000)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace natrix::tests
