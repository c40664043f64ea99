// operator-bench: what natrix-operator costs and how fast it is, as a table; see
// docs/performance.md.
//
//   operator-bench --operator build/bin/natrix-operator [--scale 0.1] [--check] [--json]
//
// Exit 1: a figure misses its limit (with --check), 2: nothing could be measured.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bench/operator/scenarios.h"

namespace {

using natrix::bench::Figure;
using natrix::bench::Setting;

struct Arguments {
  Setting setting;
  double scale = 1;
  bool check = false;
  bool json = false;
};

bool missed(const Figure& figure) {
  return figure.limit > 0 && figure.value >= figure.limit;
}

// Also as Markdown, so that it can stand in the documentation.
void print_table(const std::vector<Figure>& figures) {
  fmt::print("| figure | measured | limit |\n| --- | --- | --- |\n");
  for (const Figure& figure : figures) {
    const std::string limit = figure.limit == 0 ? ""
                              : figure.unit.empty()
                                  ? "none"
                                  : fmt::format("< {} {}", figure.limit, figure.unit);
    const std::string value = figure.unit.empty() ? fmt::format("{:.0f}", figure.value)
                                                  : fmt::format("{:.2f}", figure.value);
    fmt::print("| {} | {}{}{}{} | {} |\n", figure.what, value, figure.unit.empty() ? "" : " ",
               figure.unit, missed(figure) ? " (missed)" : "", limit);
  }
}

void print_json(const std::vector<Figure>& figures) {
  nlohmann::json out = nlohmann::json::array();
  for (const Figure& figure : figures) {
    out.push_back({{"what", figure.what},
                   {"value", figure.value},
                   {"unit", figure.unit},
                   {"limit", figure.limit}});
  }
  fmt::print("{}\n", out.dump(1));
}

int measure(const Arguments& arguments) {
  char folder[] = "/tmp/natrix-operator-bench-XXXXXX";
  if (mkdtemp(folder) == nullptr) throw std::runtime_error("cannot create a folder below /tmp");
  Setting setting = arguments.setting;
  setting.kubeconfig = std::string(folder) + "/kubeconfig";
  setting.clusters = std::max(1, static_cast<int>(setting.clusters * arguments.scale));
  setting.foreign = std::max(1, static_cast<int>(setting.foreign * arguments.scale));
  setting.events = std::max(1, static_cast<int>(setting.events * arguments.scale));
  std::vector<Figure> figures = natrix::bench::measure_idle(setting);
  for (Figure& figure : natrix::bench::measure_fleet(setting)) figures.push_back(std::move(figure));
  std::filesystem::remove_all(folder);
  if (arguments.json) {
    print_json(figures);
  } else {
    print_table(figures);
  }
  const bool good = std::none_of(figures.begin(), figures.end(), missed);
  return good || !arguments.check ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app{"Measures natrix-operator against an API server in memory.", "operator-bench"};
  app.add_option("--operator", arguments.setting.program, "the program to measure")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--scale", arguments.scale, "so much of clusters, foreign objects and events")
      ->check(CLI::Range(0.001, 10.0));
  app.add_option("--failovers", arguments.setting.failovers, "of each kind");
  app.add_flag("--check", arguments.check, "exit 1 when a figure misses its limit");
  app.add_flag("--json", arguments.json, "JSON instead of a table");
  CLI11_PARSE(app, argc, argv);
  try {
    return measure(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "operator-bench: {}\n", error.what());
    return 2;
  }
}
