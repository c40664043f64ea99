#include "operator/local/workload/controllers.h"

namespace natrix::workload {

namespace {

// Some rules depend on time alone (minReadySeconds).
constexpr std::chrono::seconds kTick{1};

}  // namespace

void Controllers::run() {
  while (!server_.stopping()) {
    const uint64_t seen = server_.revision();
    sync();
    server_.wait_for_change(seen, kTick);
  }
}

}  // namespace natrix::workload
