// A file or directory of the disk, with its names as programs see them and as they are on disk.
// Used under the mutex of the Disk.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/crash/disk/content.h"

namespace natrix::crash {

struct Node;
using NodePtr = std::shared_ptr<Node>;
using Names = std::map<std::string, NodePtr>;

struct Node {
  uint64_t id = 0;
  bool is_directory = false;
  mode_t mode = 0;  // permissions only
  uid_t owner = 0;
  gid_t group = 0;
  timespec accessed{};
  timespec modified{};
  timespec changed{};
  uint64_t links = 0;    // names of a file, now
  uint64_t lookups = 0;  // how often the kernel has been told of it and not yet forgotten
  bool gone = false;     // of the time before a power cut
  Content content;       // of a file
  Names now;             // of a directory
  Names on_disk;
};

// One change of names, made durable as a whole: rename is atomic on every file system that matters.
struct NameChange {
  struct Part {
    NodePtr directory;
    std::string name;
    NodePtr value;  // null: removed
  };
  std::vector<Part> parts;
};

}  // namespace natrix::crash
