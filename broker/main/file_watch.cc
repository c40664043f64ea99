#include "broker/main/file_watch.h"

#include <sys/stat.h>

#include <utility>

namespace natrix::main {

FileWatch::Look FileWatch::look_at(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return {};
  auto number = [](auto value) { return static_cast<uint64_t>(value); };
  return {number(facts.st_dev),         number(facts.st_ino),          number(facts.st_size),
          number(facts.st_mtim.tv_sec), number(facts.st_mtim.tv_nsec), number(facts.st_ctim.tv_sec),
          number(facts.st_ctim.tv_nsec)};
}

void FileWatch::mark() {
  for (auto& [path, look] : in_use_) look = look_at(path);
  last_ = in_use_;
}

bool FileWatch::watch(const std::set<std::string>& paths) {
  Looks next;
  bool added = false;
  for (const std::string& path : paths) {
    const auto known = in_use_.find(path);
    added = added || known == in_use_.end();
    next.emplace(path, known == in_use_.end() ? look_at(path) : known->second);
  }
  in_use_ = std::move(next);
  last_ = in_use_;
  return added;
}

bool FileWatch::changed() {
  Looks now;
  for (const auto& [path, look] : in_use_) now.emplace(path, look_at(path));
  const bool settled = now == last_;
  last_ = std::move(now);
  return settled && last_ != in_use_;
}

}  // namespace natrix::main
