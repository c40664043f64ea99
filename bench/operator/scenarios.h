// The measurements of the operator. Each starts its own operator (and Fleet where the text does not
// say otherwise), takes one or several figures and ends what it started.
#pragma once

#include <string>
#include <vector>

namespace natrix::bench {

struct Figure {
  std::string what;
  double value = 0;
  std::string unit;
  double limit = 0;  // the value has to stay below; 0: for orientation only
};

struct Setting {
  std::string program;     // natrix-operator
  std::string kubeconfig;  // a file to write
  int clusters = 1000;
  int foreign = 10000;
  int events = 200;
  int failovers = 3;
};

// Memory with nothing to do, and what 10,000 foreign Secrets and Pods add.
std::vector<Figure> measure_idle(const Setting& setting);
// With many clusters: time until all are Ready, memory, resync, latency, fail-over.
std::vector<Figure> measure_fleet(const Setting& setting);

}  // namespace natrix::bench
