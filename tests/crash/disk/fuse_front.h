// Gives a Disk to the kernel as a file system (FUSE, libfuse's low-level interface).
//
// Nothing is cached by the kernel: every write and every look-up of a program arrives here at once,
// so that the disk knows what a program has done and when. One thread serves all requests, in their
// order. Not supported: symbolic links, extended attributes, shared writable mappings.
#pragma once

#include <string>

#include "tests/crash/disk/disk.h"
#include "tests/crash/disk/gate.h"

struct fuse_session;

namespace natrix::crash {

class FuseFront {
 public:
  // The dice decide what of a failed sync or write is done nevertheless.
  FuseFront(Disk& disk, Gate& gate, uint64_t seed) : disk_(disk), gate_(gate), dice_(seed) {}
  ~FuseFront();

  // Mounted when it returns true; otherwise libfuse has said why on stderr.
  bool mount(const std::string& mount_point);
  // Until stop() is called; returns an exit code.
  int serve();
  void unmount();
  // From any other thread; may return only when unmounted.
  void stop();

  Disk& disk() { return disk_; }
  Gate& gate() { return gate_; }
  Dice& dice() { return dice_; }

 private:
  Disk& disk_;
  Gate& gate_;
  Dice dice_;
  fuse_session* session_ = nullptr;
  std::string mount_point_;
  bool mounted_ = false;
};

}  // namespace natrix::crash
