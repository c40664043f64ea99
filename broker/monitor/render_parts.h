// Pieces that several pages are made of; only the render*.cc files include this.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "broker/base/time_format.h"
#include "broker/monitor/render.h"

namespace natrix::monitor {

// Sets out[name] unless `value` is empty, zero or false ("omitempty").
inline void put_if(Json& out, const char* name, const std::string& value) {
  if (!value.empty()) out[name] = value;
}
inline void put_if(Json& out, const char* name, const std::vector<std::string>& value) {
  if (!value.empty()) out[name] = value;
}
inline void put_if(Json& out, const char* name, const Json& value) {
  if (!value.empty()) out[name] = value;
}
inline void put_if(Json& out, const char* name, bool value) {
  if (value) out[name] = value;
}
template <class Integer, class = std::enable_if_t<std::is_integral_v<Integer>>>
void put_if(Json& out, const char* name, Integer value) {
  if (value != 0) out[name] = value;
}

// Whole numbers without ".0", as Go writes them.
inline Json number(double value) {
  if (std::floor(value) == value && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

inline Json page_head(const std::string& server_id, Time now) {
  Json out = Json::object();
  out["server_id"] = server_id;
  out["now"] = format_rfc3339(now);
  return out;
}

// `jetstream` of /varz.
Json jetstream_of_varz(const ServerInfo& info);

// An account without a name tag is shown by its name.
inline const std::string& tag_of(const std::string& tag, const std::string& account) {
  return tag.empty() ? account : tag;
}

inline Json sublist_stats(const SublistStats& stats) {
  Json out = Json::object();
  out["num_subscriptions"] = stats.num_subscriptions;
  out["num_cache"] = stats.num_cache;
  out["num_inserts"] = stats.num_inserts;
  out["num_removes"] = stats.num_removes;
  out["num_matches"] = stats.num_matches;
  out["cache_hit_rate"] = number(stats.cache_hit_rate);
  out["max_fanout"] = stats.max_fanout;
  out["avg_fanout"] = number(stats.avg_fanout);
  return out;
}

}  // namespace natrix::monitor
