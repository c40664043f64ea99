// The disk as it was before a server was started on it, for whoever looks into a failure.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <utility>

#include "tests/crash/disk/disk.h"

namespace natrix::crash {

namespace {

using Copies = std::map<const Node*, NodePtr>;

NodePtr copy_of(const NodePtr& node, Copies& copies) {
  NodePtr& copy = copies[node.get()];
  if (copy) return copy;
  copy = std::make_shared<Node>();
  copy->is_directory = node->is_directory;
  copy->content = node->content;
  NodePtr made = copy;
  for (const auto& [name, child] : node->now) made->now[name] = copy_of(child, copies);
  return made;
}

int save(const Node& node, const std::string& path) {
  if (node.is_directory) {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return errno;
    for (const auto& [name, child] : node.now) {
      if (int error = save(*child, path + "/" + name)) return error;
    }
    return 0;
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  std::vector<char> bytes(1 << 20);
  for (uint64_t at = 0; at < node.content.size();) {
    size_t got = node.content.read(at, bytes.data(), bytes.size());
    file.write(bytes.data(), static_cast<std::streamsize>(got));
    at += got;
  }
  file.close();
  return file ? 0 : EIO;
}

}  // namespace

void Disk::keep() {
  Copies copies;
  kept_before_ = std::move(kept_);
  kept_ = copy_of(root_, copies);
}

int Disk::save_kept(const std::string& folder) const {
  return kept_ ? save(*kept_, folder) : ENOENT;
}

int Disk::save_kept_before(const std::string& folder) const {
  return kept_before_ ? save(*kept_before_, folder) : ENOENT;
}

}  // namespace natrix::crash
