#include "broker/jetstream/schedule/zone_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "broker/base/printable.h"

namespace natrix::jetstream::schedule {

namespace {

constexpr size_t kMaxNameBytes = 128;
constexpr size_t kMaxFileBytes = size_t{1} << 20;

// Letters, digits and "_+-/" as in the tz database's rules for names; so none leads out of it.
bool is_zone_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes || name.front() == '/' || name.back() == '/' ||
      name == "Local") {
    return false;
  }
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-' || c == '/';
  });
}

std::optional<std::string> read_file(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::string bytes(kMaxFileBytes, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (file.bad() || file.gcount() == 0) return std::nullopt;
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

}  // namespace

ZoneDatabase::ZoneDatabase()
    : folders_({"/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ",
                "/etc/zoneinfo"}) {
  if (const char* chosen = std::getenv("ZONEINFO"); chosen != nullptr && *chosen != '\0') {
    folders_.insert(folders_.begin(), chosen);
  }
}

Result<std::shared_ptr<const TimeZone>> ZoneDatabase::find(std::string_view name) {
  if (name == "UTC") return std::make_shared<const TimeZone>();
  if (!is_zone_name(name)) {
    return fail(fmt::format("{} is not the name of a time zone", printable(name, kMaxNameBytes)));
  }
  std::lock_guard lock(mutex_);
  auto known = zones_.find(name);
  if (known != zones_.end()) return known->second;
  auto zone = load(name);
  if (zone) zones_.emplace(name, *zone);
  return zone;
}

Result<std::shared_ptr<const TimeZone>> ZoneDatabase::load(std::string_view name) const {
  bool database = false;
  for (const std::string& folder : folders_) {
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error)) continue;
    database = true;
    auto bytes = read_file(std::filesystem::path(folder) / name);
    if (!bytes) continue;
    auto zone = TimeZone::parse(*bytes);
    if (!zone) return fail(fmt::format("{}/{}: {}", folder, name, zone.error().message));
    return std::make_shared<const TimeZone>(*std::move(zone));
  }
  if (!database) {
    return fail(fmt::format(
        "time zone \"{}\" cannot be found: there is no tz database (package tzdata) in {}", name,
        fmt::join(folders_, ", ")));
  }
  return fail(fmt::format("time zone \"{}\" is not in the tz database", name));
}

}  // namespace natrix::jetstream::schedule
