// Notices that files have changed, by looking at them from time to time: no other way sees every
// kind of change, a mounted Secret for one is replaced by turning a symbolic link round.
//
// One owner, one thread. Costs one stat() per file and look.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace natrix::main {

class FileWatch {
 public:
  // What the files look like now is what is in use: to be called right before they are read.
  void mark();
  // Watches exactly `paths` from now on, those that are new as they look now. True if there are new
  // ones: they may have changed since they were read, so mark() and read all again.
  bool watch(const std::set<std::string>& paths);
  // One look. True when the files differ from what is in use and looked the same the last time, so
  // that nobody is in the middle of writing them. True again at every look until mark().
  bool changed();

 private:
  // Device, inode, size, time of the last change of contents and of attributes; zeros: not there.
  using Look = std::array<uint64_t, 7>;
  using Looks = std::map<std::string, Look>;
  static Look look_at(const std::string& path);

  Looks in_use_;
  Looks last_;
};

}  // namespace natrix::main
