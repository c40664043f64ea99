#include "operator/local/agent/addresses.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace natrix::agent {

namespace {

constexpr int kFirstNetwork = 16;
constexpr int kLastNetwork = 250;
// Third octets: Services below, pods above.
constexpr int kFirstPods = 16;

// A name in the abstract socket namespace: taken while the descriptor is open, gone with it.
int lock_network(int network) {
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = fmt::format("natrix-local-127.{}", network);
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0) return fd;
  close(fd);
  return -1;
}

}  // namespace

Result<std::unique_ptr<Addresses>> Addresses::claim() {
  for (int network = kFirstNetwork; network <= kLastNetwork; ++network) {
    const int lock = lock_network(network);
    if (lock >= 0) return std::unique_ptr<Addresses>(new Addresses(network, lock));
  }
  return fail("no loopback network is free: is natrix-operator local running 200 times?");
}

Addresses::~Addresses() {
  close(lock_);
}

std::string Addresses::host() const {
  return fmt::format("127.{}.0.1", network_);
}

std::string Addresses::take(std::map<std::string, std::string>& names, const std::string& key,
                            int first, int last) {
  const std::lock_guard lock(mutex_);
  const auto found = names.find(key);
  if (found != names.end()) return found->second;
  const int number = static_cast<int>(names.size());
  const int octet = first + number / 250;
  if (octet > last) return "";
  // .1 is the host's in the first block; ends of blocks are left out, they look like broadcasts.
  return names[key] = fmt::format("127.{}.{}.{}", network_, octet, number % 250 + 2);
}

std::string Addresses::pod(const std::string& ns, const std::string& name) {
  return take(pods_, ns + "/" + name, kFirstPods, 255);
}

std::string Addresses::service(const std::string& ns, const std::string& name) {
  return take(services_, ns + "/" + name, 0, kFirstPods - 1);
}

}  // namespace natrix::agent
