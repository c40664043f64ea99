// ZoneDatabase: time zones by their IANA names ("Europe/Berlin"), from the system's tz database.
// Safe from any thread. Reads a file (a few KB) the first time a name is asked for; the zone is
// kept, so memory is bounded by the database. Changes of the files are seen after a restart.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"
#include "broker/jetstream/schedule/time_zone.h"

namespace natrix::jetstream::schedule {

class ZoneDatabase {
 public:
  // The folders where systems have it, and first of all the one that $ZONEINFO names.
  ZoneDatabase();
  explicit ZoneDatabase(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  // "UTC" needs no file. Errors, as a sentence for the log: no such zone, a malformed file, and
  // that there is no tz database at all. "Local" is no zone: the servers of a cluster may disagree.
  Result<std::shared_ptr<const TimeZone>> find(std::string_view name);

 private:
  Result<std::shared_ptr<const TimeZone>> load(std::string_view name) const;

  std::vector<std::string> folders_;
  std::mutex mutex_;  // guards zones_
  std::map<std::string, std::shared_ptr<const TimeZone>, std::less<>> zones_;
};

}  // namespace natrix::jetstream::schedule
