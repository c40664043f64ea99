#include "broker/main/process_files.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

namespace natrix::main {
namespace {

std::string url(const std::string& scheme, const std::string& host, int port) {
  bool ipv6 = host.find(':') != std::string::npos;
  return ipv6 ? fmt::format("{}://[{}]:{}", scheme, host, port)
              : fmt::format("{}://{}:{}", scheme, host, port);
}

// Empty for families that are not asked for and for link-local IPv6, which needs a zone.
std::string address_text(const sockaddr* address, bool ipv6) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address == nullptr) return "";
  if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof text);
  } else if (address->sa_family == AF_INET6 && ipv6) {
    const in6_addr& six = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (!IN6_IS_ADDR_LINKLOCAL(&six)) inet_ntop(AF_INET6, &six, text, sizeof text);
  }
  return text;
}

// The addresses under which a listener on all of them is reached.
std::vector<std::string> local_addresses(bool ipv6) {
  std::vector<std::string> loopback, others;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) == 0) {
    for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
      std::string text = address_text(one->ifa_addr, ipv6);
      if (text.empty() || (one->ifa_flags & IFF_UP) == 0) continue;
      ((one->ifa_flags & IFF_LOOPBACK) != 0 ? loopback : others).push_back(text);
    }
    freeifaddrs(list);
  }
  if (loopback.empty() && others.empty()) return {"127.0.0.1"};
  loopback.insert(loopback.end(), others.begin(), others.end());
  return loopback;
}

void add_urls(nlohmann::ordered_json& document, const char* key,
              const std::vector<Endpoint>& endpoints) {
  nlohmann::ordered_json urls = nlohmann::ordered_json::array();
  for (const Endpoint& endpoint : endpoints) {
    bool all = endpoint.host.empty() || endpoint.host == "0.0.0.0" || endpoint.host == "::";
    if (!all) {
      urls.push_back(url(endpoint.scheme, endpoint.host, endpoint.port));
      continue;
    }
    for (const std::string& address : local_addresses(endpoint.host == "::"))
      urls.push_back(url(endpoint.scheme, address, endpoint.port));
  }
  if (!urls.empty()) document[key] = std::move(urls);
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

Result<void> write_whole(const std::string& path, const std::string& text) {
  std::string draft = fmt::format("{}.{}.tmp", path, getpid());
  auto trouble = [&](const char* what) {
    std::string reason = std::strerror(errno);
    ::unlink(draft.c_str());
    return fail(fmt::format("\"{}\" cannot be {}: {}", path, what, reason));
  };
  int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return trouble("created");
  bool written = write_all(fd, text);
  if (::close(fd) != 0) written = false;
  if (!written) return trouble("written");
  if (::rename(draft.c_str(), path.c_str()) != 0) return trouble("put in place");
  return {};
}

Result<void> write_pid_file(const std::string& path) {
  // A path such as /dev/stdout can be written but not replaced.
  struct stat info {};
  bool special = ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
  if (!special) return write_whole(path, std::to_string(getpid()));
  std::ofstream file(path);
  file << getpid() << std::flush;
  if (!file) return fail(fmt::format("\"{}\" cannot be written", path));
  return {};
}

void remove_pid_file(const std::string& path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text == std::to_string(getpid())) ::unlink(path.c_str());
}

std::string ports_file_path(const std::string& folder, const std::string& program) {
  return fmt::format("{}/{}_{}.ports", folder, program, getpid());
}

std::string ports_json(const Endpoints& endpoints) {
  nlohmann::ordered_json document = nlohmann::ordered_json::object();
  add_urls(document, "nats", endpoints.nats);
  add_urls(document, "monitoring", endpoints.monitoring);
  add_urls(document, "cluster", endpoints.cluster);
  return document.dump();
}

}  // namespace natrix::main
