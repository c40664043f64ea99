// crashfs MOUNT_POINT posix|journal SEED: see control.h for what it is told, disk.h for what it
// does.
#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "tests/crash/disk/control.h"
#include "tests/crash/disk/fuse_front.h"

int main(int argc, char** argv) {
  using namespace natrix::crash;
  bool journal = argc == 4 && std::strcmp(argv[2], "journal") == 0;
  if (argc != 4 || (!journal && std::strcmp(argv[2], "posix") != 0)) {
    fmt::print(stderr, "usage: crashfs MOUNT_POINT posix|journal SEED\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);  // a terminal's; the end of input is what ends this program

  Disk disk(journal ? Disk::NameRule::kJournal : Disk::NameRule::kPosix, UINT64_MAX);
  Gate gate([](Op op) { say(fmt::format(R"({{"event":"frozen","op":"{}"}})", name_of(op))); });
  FuseFront front(disk, gate, std::strtoull(argv[3], nullptr, 10));
  if (!front.mount(argv[1])) return 1;
  say(R"({"event":"mounted"})");

  std::thread control([&] {
    Control(disk, gate).serve(stdin);
    front.stop();
  });
  int code = front.serve();
  front.unmount();
  control.join();
  return code;
}
