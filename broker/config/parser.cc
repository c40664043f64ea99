#include "broker/config/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/config/scanner.h"

namespace natrix::config {
namespace {

// What all files of one configuration share.
struct Session {
  const Surroundings& surroundings;
  std::vector<std::string> open_files;      // the chain of includes, to find loops
  std::vector<std::string> open_variables;  // environment variables being read, likewise
  size_t values = 0;
  size_t bytes = 0;
  int nesting = 0;  // brackets around the present place, those of including files among them
};

// A map that is being filled, with an index of its keys.
struct Scope {
  Value map;
  std::unordered_map<std::string, size_t> index;

  void set(std::string key, Value value) {
    auto [entry, added] = index.try_emplace(key, map.items.size());
    if (added) {
      map.keys.push_back(std::move(key));
      map.items.push_back(std::move(value));
    } else {
      map.items[entry->second] = std::move(value);
    }
  }
  Value* find(const std::string& key) {
    auto entry = index.find(key);
    return entry == index.end() ? nullptr : &map.items[entry->second];
  }
};

bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

bool is_include(const std::string& key) {
  return key.size() == 7 && std::equal(key.begin(), key.end(), "include", [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
         });
}

// One file, or the text of one environment variable.
class Parser {
 public:
  Parser(std::string_view text, const std::string& path, Session& session)
      : text_(text),
        path_(path),
        scan_(text, std::make_shared<const std::string>(path)),
        session_(session) {}

  Result<Value> file();
  Result<Value> single_value();

 private:
  Result<void> refuse_nul_bytes();
  Result<void> top_level(Scope& root);
  Result<void> map_body(Scope& scope);
  Result<void> entry(Scope& scope, bool top);
  Result<Value> entry_value(const std::string& key, const Position& begin, bool top);
  Result<void> include(Scope& scope, const Position& begin);
  Result<Value> value();
  Result<Value> map();
  Result<Value> array();
  Result<Value> look_up(const std::string& name);
  Result<Value> from_environment(const std::string& name);
  Result<void> separator(char closing, bool semicolon);
  Result<void> charge(const Value::Size& size);

  std::string_view text_;
  std::string path_;
  Scanner scan_;
  Session& session_;
  std::vector<Scope*> scopes_;  // enclosing maps, innermost last
};

// Counts one more level of brackets while it lives.
class Nested {
 public:
  explicit Nested(int& level) : level_(++level) {}
  ~Nested() { --level_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;
  [[nodiscard]] bool too_deep() const { return level_ > kMaxNesting; }

 private:
  int& level_;
};

Result<void> Parser::refuse_nul_bytes() {
  size_t at = text_.find('\0');
  if (at == std::string_view::npos) return {};
  Scanner to_it(text_, std::make_shared<const std::string>(path_));
  to_it.advance(at);
  return to_it.error("a NUL byte cannot be part of a configuration");
}

Result<Value> Parser::file() {
  if (auto clean = refuse_nul_bytes(); !clean) return fail(clean.error().message);
  Scope root;
  root.map.position = scan_.position();
  scopes_.push_back(&root);
  if (auto done = top_level(root); !done) return fail(done.error().message);
  return std::move(root.map);
}

Result<void> Parser::top_level(Scope& root) {
  for (;;) {
    scan_.skip_space_and_comments();
    if (scan_.at_end()) return {};
    if (scan_.peek() == '{') {
      // The whole configuration in braces: its keys are top-level keys.
      if (auto body = map_body(root); !body) return body;
    } else if (scan_.peek() == '}') {
      // JSON-like texts made by hand often have one brace too many at the end; nats-server takes
      // it.
      Position brace = scan_.position();
      scan_.advance();
      scan_.skip_space_and_comments();
      if (!scan_.at_end()) return scan_.error_at(brace, "this '}' closes nothing");
    } else {
      if (auto one = entry(root, true); !one) return one;
      if (auto end = separator('}', true); !end) return end;
    }
  }
}

// From '{' to the matching '}'.
Result<void> Parser::map_body(Scope& scope) {
  Position begin = scan_.position();
  Nested level(session_.nesting);
  if (level.too_deep()) return scan_.error("maps and arrays are nested too deeply");
  scan_.advance();
  for (;;) {
    scan_.skip_space_and_comments();
    if (scan_.at_end()) return scan_.error_at(begin, "this '{' has no closing '}'");
    if (scan_.peek() == '}') {
      scan_.advance();
      return {};
    }
    if (auto one = entry(scope, false); !one) return one;
    if (auto end = separator('}', true); !end) return end;
  }
}

Result<void> Parser::entry(Scope& scope, bool top) {
  Position begin = scan_.position();
  if (std::string_view("],;{").find(scan_.peek()) != std::string_view::npos)
    return scan_.error(fmt::format("a key was expected but got '{}'", scan_.peek()));
  bool quoted = false;
  Result<std::string> key = scan_.key(quoted);
  if (!key) return fail(key.error().message);
  bool word = !quoted && scan_.peek() != '=' && scan_.peek() != ':' && !scan_.at_end();
  if (word && is_include(*key)) return include(scope, begin);

  Result<Value> found = entry_value(*key, begin, top);
  if (!found) return fail(found.error().message);
  found->position = begin;
  session_.bytes += key->size();
  scope.set(std::move(*key), std::move(*found));
  return {};
}

Result<Value> Parser::entry_value(const std::string& key, const Position& begin, bool top) {
  scan_.skip_space_and_lines();
  if (scan_.peek() == '=' || scan_.peek() == ':') {
    scan_.advance();
    // At the top a value must not slip to the next line, which is a key of its own.
    top ? scan_.skip_spaces() : scan_.skip_space_and_lines();
  }
  char c = scan_.peek();
  if (scan_.at_end() || is_line_end(c) || c == '}' || c == ',' || c == ';')
    return scan_.error_at(begin, fmt::format("key \"{}\" has no value", key));
  return value();
}

Result<void> Parser::include(Scope& scope, const Position& begin) {
  Result<std::string> written = scan_.include_path();
  if (!written) return fail(written.error().message);
  namespace fs = std::filesystem;
  // operator/ lets an absolute path stand for itself.
  std::string path = (fs::path(path_).parent_path() / *written).lexically_normal().string();
  auto trouble = [&](const std::string& why) {
    return scan_.error_at(begin, fmt::format("error parsing include file '{}': {}", *written, why));
  };
  auto& open = session_.open_files;
  if (std::find(open.begin(), open.end(), path) != open.end())
    return trouble("the file includes itself");
  if (open.size() > static_cast<size_t>(kMaxIncludeDepth))
    return trouble(fmt::format("files are included more than {} deep", kMaxIncludeDepth));
  Result<std::string> text = session_.surroundings.read_file(path);
  if (!text) return trouble(text.error().message);

  open.push_back(path);
  Result<Value> included = Parser(*text, path, session_).file();
  open.pop_back();
  if (!included) {
    return fail(fmt::format("{} (included from {})", included.error().message, begin.text()));
  }
  for (size_t i = 0; i < included->items.size(); ++i)
    scope.set(std::move(included->keys[i]), std::move(included->items[i]));
  return {};
}

Result<Value> Parser::value() {
  Position begin = scan_.position();
  if (scan_.peek() == '{') return map();
  if (scan_.peek() == '[') return array();
  Result<Scalar> scalar = scan_.scalar();
  if (!scalar) return fail(scalar.error().message);
  Value found = std::move(scalar->value);
  if (scalar->is_reference) {
    Result<Value> referenced = look_up(found.text);
    if (!referenced)
      return fail(fmt::format("{}: Parse error: {}", begin.text(), referenced.error().message));
    found = std::move(*referenced);
  }
  Value::Size size = found.size();
  if (session_.nesting + size.depth > kMaxNesting)
    return scan_.error_at(begin, "maps and arrays are nested too deeply");
  if (auto fits = charge(size); !fits) return fail(fits.error().message);
  found.position = begin;
  found.used_as_variable = false;
  return found;
}

Result<Value> Parser::map() {
  Scope scope;
  scope.map.position = scan_.position();
  if (auto fits = charge({}); !fits) return fail(fits.error().message);
  scopes_.push_back(&scope);
  Result<void> body = map_body(scope);
  scopes_.pop_back();
  if (!body) return fail(body.error().message);
  return std::move(scope.map);
}

Result<Value> Parser::array() {
  Value array;
  array.type = Value::Type::kArray;
  array.position = scan_.position();
  Nested level(session_.nesting);
  if (level.too_deep()) return scan_.error("maps and arrays are nested too deeply");
  if (auto fits = charge({}); !fits) return fail(fits.error().message);
  scan_.advance();
  for (;;) {
    scan_.skip_space_and_comments();
    if (scan_.at_end()) return scan_.error_at(array.position, "this '[' has no closing ']'");
    if (scan_.peek() == ']') {
      scan_.advance();
      return array;
    }
    Result<Value> item = value();
    if (!item) return item;
    array.items.push_back(std::move(*item));
    if (auto end = separator(']', false); !end) return fail(end.error().message);
  }
}

// After a value: a line end, a comma, a semicolon, a comment, or the bracket that closes.
Result<void> Parser::separator(char closing, bool semicolon) {
  scan_.skip_spaces();
  char c = scan_.peek();
  bool separated = scan_.at_end() || is_line_end(c) || scan_.at_comment() || c == closing;
  scan_.skip_space_and_comments();
  if (scan_.peek() == ',' || (semicolon && scan_.peek() == ';')) {
    scan_.advance();
    separated = true;
  }
  if (separated) return {};
  return scan_.error(
      fmt::format("the value should end with a new line, a comma, a comment or '{}', "
                  "but got '{}'; put a value that has spaces in quotes",
                  closing, scan_.peek()));
}

Result<Value> Parser::look_up(const std::string& name) {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (Value* found = (*scope)->find(name)) {
      found->used_as_variable = true;
      return *found;
    }
  }
  return from_environment(name);
}

Result<Value> Parser::from_environment(const std::string& name) {
  auto& open = session_.open_variables;
  if (std::find(open.begin(), open.end(), name) != open.end())
    return fail(fmt::format("variable reference cycle for '{}'", name));
  std::optional<std::string> text = session_.surroundings.environment(name);
  if (!text) {
    return fail(
        fmt::format("variable reference for '{}' can not be found; define the key above "
                    "its use or set the environment variable",
                    name));
  }
  open.push_back(name);
  Result<Value> value = Parser(*text, "$" + name, session_).single_value();
  open.pop_back();
  if (!value) {
    return fail(fmt::format("variable reference for '{}' could not be parsed: {}", name,
                            value.error().message));
  }
  return value;
}

Result<Value> Parser::single_value() {
  if (auto clean = refuse_nul_bytes(); !clean) return fail(clean.error().message);
  scan_.skip_spaces();
  if (scan_.at_end()) {
    Value empty;
    empty.type = Value::Type::kString;
    return empty;
  }
  Result<Value> found = value();
  if (!found) return found;
  scan_.skip_space_and_comments();
  if (!scan_.at_end()) return scan_.error("more than one value; put a string in quotes");
  return found;
}

Result<void> Parser::charge(const Value::Size& size) {
  session_.values += size.values;
  session_.bytes += size.bytes;
  if (session_.values > kMaxValues || session_.bytes > kMaxTextBytes)
    return scan_.error("the configuration is too large; remove references to large values");
  return {};
}

}  // namespace

Result<Value> parse_config(std::string_view text, const std::string& path,
                           const Surroundings& surroundings) {
  Session session{surroundings, {}, {}, 0, 0, 0};
  session.open_files.push_back(std::filesystem::path(path).lexically_normal().string());
  return Parser(text, path, session).file();
}

Result<Value> parse_config_file(const std::string& path, const Surroundings& surroundings) {
  Result<std::string> text = surroundings.read_file(path);
  if (!text) return fail(text.error().message);
  return parse_config(*text, path, surroundings);
}

}  // namespace natrix::config
