// Makes time zone files in memory (RFC 8536), so that the tests do not depend on the tz database of
// the machine they run on.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/jetstream/schedule/time_zone.h"

namespace natrix::jetstream::schedule::testing {

struct ZoneType {
  int32_t offset;
  bool summer = false;
};
struct ZoneTransition {
  int64_t when;
  char type;
};

inline void put(std::string& out, int64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

inline std::string block(char version, int time_bytes, const std::vector<ZoneType>& types,
                         const std::vector<ZoneTransition>& transitions) {
  std::string out = "TZif";
  out.push_back(version);
  out.append(15, '\0');
  for (size_t count :
       {size_t{0}, size_t{0}, size_t{0}, transitions.size(), types.size(), size_t{4}})
    put(out, static_cast<int64_t>(count), 4);
  for (auto& t : transitions) put(out, t.when, time_bytes);
  for (auto& t : transitions) out.push_back(t.type);
  for (auto& t : types) {
    put(out, t.offset, 4);
    out.push_back(t.summer ? 1 : 0);
    out.push_back(0);
  }
  return out.append("XYZ\0", 4);
}

// As today's files: the first block is empty, the second has 64 bits and a rule.
inline std::string zone_file(const std::vector<ZoneType>& types,
                             const std::vector<ZoneTransition>& transitions,
                             std::string_view rule) {
  return block('2', 4, {{0}}, {}) + block('2', 8, types, transitions) + "\n" + std::string(rule) +
         "\n";
}

// A zone that follows `rule` always.
inline std::shared_ptr<const TimeZone> zone_of(std::string_view rule) {
  auto zone = TimeZone::parse(zone_file({{0}}, {}, rule));
  return zone ? std::make_shared<const TimeZone>(*zone) : nullptr;
}

}  // namespace natrix::jetstream::schedule::testing
