// Orders to the disk, one a line on standard input; one JSON object a line answers each on standard
// output. In between come events: {"event":"frozen","op":"sync"}.
//
//   cut SEED               the power is cut; what is left is the disk from now on
//   sync                   everything is on disk
//   freeze OP N            stop answering at the N-th operation from now (OP: see gate.h, or "any")
//   fail OP N TIMES ERRNO  refuse TIMES operations, from the N-th on
//   release                go on after a freeze (what was held fails); forget all faults
//   capacity BYTES|max     size of the disk
//   keep                   remember the disk as it is
//   save FOLDER            write what was kept last as files below an existing folder
//   save-before FOLDER     and what was kept the time before
//   stats                  operations so far, space used
//
// End of input unmounts, so that nothing is left behind when whoever gave the orders is gone.
#pragma once

#include <cstdio>
#include <string>

#include "tests/crash/disk/disk.h"
#include "tests/crash/disk/gate.h"

namespace natrix::crash {

class Control {
 public:
  Control(Disk& disk, Gate& gate) : disk_(disk), gate_(gate) {}

  // Until end of input.
  void serve(std::FILE* in);

 private:
  std::string obey(const std::string& line);
  std::string cut(uint64_t seed);
  std::string stats() const;

  Disk& disk_;
  Gate& gate_;
};

// One line to standard output; whole, whichever thread says it.
void say(const std::string& line);

}  // namespace natrix::crash
