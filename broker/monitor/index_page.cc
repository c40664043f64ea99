#include "broker/monitor/index_page.h"

#include <fmt/format.h>

#include "broker/monitor/text.h"

namespace natrix::monitor {
namespace {

constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: 0; }
p { margin-top: .2rem; opacity: .7; overflow-wrap: anywhere; }
li { list-style: none; border-top: 1px solid #8884; }
ul { padding: 0; }
a { display: flex; justify-content: space-between; padding: .4rem 0; color: inherit;
    text-decoration: none; }
a:hover { text-decoration: underline; }
code { opacity: .7; }
</style>
)";

}  // namespace

std::string index_page(const ServerInfo& info, const std::vector<IndexEntry>& entries,
                       std::string_view link_base) {
  std::string name = html_escaped(info.server_name);
  std::string page = kHead;
  page += fmt::format("<title>{}</title>\n</head>\n<body>\n<h1>{}</h1>\n", name, name);
  page += fmt::format("<p>{} {}, NATS {} &middot; {}</p>\n<ul>\n", html_escaped(info.impl),
                      html_escaped(info.impl_version), html_escaped(info.version),
                      html_escaped(info.server_id));
  for (const IndexEntry& entry : entries) {
    page += fmt::format("<li><a href=\"{}{}\">{} <code>{}</code></a></li>\n",
                        html_escaped(link_base), entry.path, html_escaped(entry.title), entry.path);
  }
  return page + "</ul>\n</body>\n</html>\n";
}

}  // namespace natrix::monitor
