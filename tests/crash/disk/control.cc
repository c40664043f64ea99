#include "tests/crash/disk/control.h"

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>

namespace natrix::crash {

namespace {

constexpr const char* kOk = "{\"ok\":true}";
constexpr const char* kNotUnderstood = "{\"ok\":false}";

}  // namespace

void say(const std::string& line) {
  std::string whole = line + "\n";
  std::fwrite(whole.data(), 1, whole.size(), stdout);  // locks stdout
  std::fflush(stdout);
}

std::string Control::cut(uint64_t seed) {
  Disk::Cut cut = disk_.power_cut(seed);
  return fmt::format(
      R"({{"ok":true,"files":{},"files_changed":{},"bytes_pending":{},"names_pending":{},"names_lost":{}}})",
      cut.files, cut.files_changed, cut.bytes_pending, cut.names_pending, cut.names_lost);
}

std::string Control::stats() const {
  std::string text =
      fmt::format(R"({{"ok":true,"used":{},"refused":{})", disk_.used_bytes(), gate_.refused());
  for (size_t i = 0; i < static_cast<size_t>(Op::kCount); ++i) {
    Op op = static_cast<Op>(i);
    text += fmt::format(R"(,"{}":{})", name_of(op), gate_.passed(op));
  }
  return text + "}";
}

std::string Control::obey(const std::string& line) {
  std::istringstream words(line);
  std::string verb, what;
  uint64_t number = 0, times = 0;
  int error = 0;
  words >> verb;
  std::lock_guard lock(disk_.mutex());
  if (verb == "cut" && words >> number) return cut(number);
  if (verb == "stats") return stats();
  if (verb == "keep") {
    disk_.keep();
    return kOk;
  }
  if (verb == "save" && std::getline(words >> std::ws, what)) {
    return disk_.save_kept(what) == 0 ? kOk : kNotUnderstood;
  }
  if (verb == "save-before" && std::getline(words >> std::ws, what)) {
    return disk_.save_kept_before(what) == 0 ? kOk : kNotUnderstood;
  }
  if (verb == "sync") {
    disk_.sync_all();
    return kOk;
  }
  if (verb == "release") {
    gate_.release();
    return kOk;
  }
  if (verb == "capacity" && words >> what) {
    disk_.set_capacity(what == "max" ? UINT64_MAX : std::strtoull(what.c_str(), nullptr, 10));
    return kOk;
  }
  if (verb == "freeze" && words >> what >> number) {
    std::optional<Op> op = op_named(what);
    if (!op && what != "any") return kNotUnderstood;
    gate_.freeze_at(op, number);
    return kOk;
  }
  if (verb == "fail" && words >> what >> number >> times >> error) {
    std::optional<Op> op = op_named(what);
    if (!op) return kNotUnderstood;
    gate_.fail_at(*op, number, times, error);
    return kOk;
  }
  return kNotUnderstood;
}

void Control::serve(std::FILE* in) {
  char* line = nullptr;
  size_t room = 0;
  while (::getline(&line, &room, in) > 0) say(obey(line));
  std::free(line);
  std::lock_guard lock(disk_.mutex());
  gate_.release();
}

}  // namespace natrix::crash
