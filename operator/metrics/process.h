// What the kernel says about this process.
#pragma once

namespace natrix::metrics {

struct ProcessStats {
  double resident_bytes = 0;
  double cpu_seconds = 0;
  double open_fds = 0;
  double start_time_seconds = 0;  // since the epoch
};

// Values that cannot be read are zero.
ProcessStats read_process_stats();

}  // namespace natrix::metrics
