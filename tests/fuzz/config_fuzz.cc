// Any bytes as a configuration: parsed, digested and loaded. The input may include itself and read
// the environment variables A, B and C, so that those paths are reached as well.
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/config/load.h"
#include "broker/config/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace natrix;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  config::Surroundings surroundings{[&](const std::string& path) -> Result<std::string> {
                                      // Half of the input under every name but one, which is
                                      // missing.
                                      if (path.ends_with("missing")) return fail("no such file");
                                      return std::string(text.substr(0, size / 2));
                                    },
                                    [](const std::string& name) -> std::optional<std::string> {
                                      if (name == "A") return "[1, $B]";
                                      if (name == "B") return "{x: $C, y: two}";
                                      if (name == "C") return "$A";
                                      return std::nullopt;
                                    }};
  Result<config::Value> root = config::parse_config(text, "fuzz.conf", surroundings);
  if (!root) {
    NATRIX_ASSERT(!root.error().message.empty(), "a parse error says what is wrong");
    return 0;
  }
  NATRIX_ASSERT(config::config_digest(*root).starts_with("sha256:"), "a tree has a digest");
  Result<config::Loaded> loaded = config::load_options(*root);
  if (loaded) (void)config::check_options(loaded->options);
  return 0;
}
