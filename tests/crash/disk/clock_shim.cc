// Preloaded into a server: CLOCK_REALTIME, and what the C library derives from it, is off by the
// seconds (64 bits, native order) at the beginning of the file that NATRIX_CRASH_CLOCK names. The
// file is mapped, so that a change takes effect at once. Other clocks are left alone, as on a
// machine whose wall clock is set.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

const volatile int64_t* map_offset() {
  static const int64_t none = 0;
  const char* path = std::getenv("NATRIX_CRASH_CLOCK");
  int fd = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return &none;
  void* page = ::mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  return page == MAP_FAILED ? &none : static_cast<const volatile int64_t*>(page);
}

int64_t offset() {
  static const volatile int64_t* const place = map_offset();
  return *place;
}

using ClockGettime = int (*)(clockid_t, timespec*);

int real_gettime(clockid_t clock, timespec* time) {
  static const auto next = reinterpret_cast<ClockGettime>(::dlsym(RTLD_NEXT, "clock_gettime"));
  return next(clock, time);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) {
  int result = real_gettime(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    time->tv_sec += offset();
  }
  return result;
}

int gettimeofday(timeval* time, void*) {
  timespec now{};
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* result) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != nullptr) *result = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
