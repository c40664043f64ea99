// The Transport over cpprestsdk 2.10: the only folder that includes that library, which upstream
// has archived. Why each rule below is kept is written beside it in the .cc files.
#pragma once

#include <cstddef>

#include "operator/kube/transport.h"

namespace natrix::kube {

// Sets the size of the library's process-wide thread pool (its own default is 40). Effective once,
// before the first transport is made; without it the pool has kDefaultThreads. At least the number
// of concurrent watches + 2.
void set_transport_threads(size_t threads);
inline constexpr size_t kDefaultTransportThreads = 6;

Result<std::shared_ptr<Transport>> make_cpprest_transport(const Endpoint& endpoint);

}  // namespace natrix::kube
