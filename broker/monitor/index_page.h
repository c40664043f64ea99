// The root page: what this server is and links to the other pages. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/monitor/source.h"

namespace natrix::monitor {

struct IndexEntry {
  std::string_view path;  // "/varz"
  std::string_view title;
};

// `link_base` comes before each path in the links; relative, so that they work behind a proxy.
std::string index_page(const ServerInfo& info, const std::vector<IndexEntry>& entries,
                       std::string_view link_base);

}  // namespace natrix::monitor
