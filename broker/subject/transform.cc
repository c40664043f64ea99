#include "broker/subject/transform.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "broker/subject/tokens.h"

namespace natrix::subject {

namespace {

Failure<Error> bad(std::string_view token, std::string_view why) {
  return fail(fmt::format("invalid mapping destination: {} in {}", why, token));
}

std::string_view trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool parse_number(std::string_view text, int64_t& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0 &&
         value <= INT32_MAX;
}

std::vector<std::string_view> split_at(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    size_t at = text.find(separator);
    parts.push_back(trim(text.substr(0, at)));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

uint32_t fnv1a(uint32_t hash, std::string_view text) {
  for (char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash;
}

// The token cut into slices with dots between; the odd slice is the first or the last one.
void append_slices(std::string_view token, size_t size, bool odd_first, std::string& out) {
  if (size == 0 || size >= token.size()) {
    out.append(token);
    return;
  }
  size_t head = odd_first ? token.size() % size : 0;
  if (head != 0) out.append(token.substr(0, head)).push_back('.');
  for (size_t at = head; at < token.size(); at += size) {
    if (at != head) out.push_back('.');
    out.append(token.substr(at, size));
  }
}

void append_split(std::string_view token, size_t at, std::string& out) {
  if (at == 0 || at >= token.size()) {
    out.append(token);
    return;
  }
  out.append(token.substr(0, at)).push_back('.');
  out.append(token.substr(at));
}

void append_parts(std::string_view token, std::string_view delimiter, std::string& out) {
  bool first = true;
  while (!token.empty()) {
    size_t at = token.find(delimiter);
    std::string_view part = token.substr(0, at);
    if (!part.empty()) {
      if (!first) out.push_back('.');
      out.append(part);
      first = false;
    }
    if (at == std::string_view::npos) break;
    token.remove_prefix(at + delimiter.size());
  }
}

}  // namespace

Result<Transform::Piece> Transform::read_arguments(std::string_view token, Piece piece,
                                                   const std::vector<std::string_view>& arguments) {
  std::vector<int64_t> numbers;
  size_t texts = piece.function == Function::kSplit ? 1 : 0;
  if (arguments.size() < texts + 1) return bad(token, "not enough arguments");
  for (size_t i = 0; i + texts < arguments.size(); ++i) {
    int64_t number = 0;
    if (!parse_number(arguments[i], number)) return bad(token, "an argument that is no number");
    numbers.push_back(number);
  }
  size_t wanted = 2;
  switch (piece.function) {
    case Function::kPartition:
      if (numbers[0] < 1) return bad(token, "no partitions");
      piece.number = numbers[0];
      piece.tokens.assign(numbers.begin() + 1, numbers.end());
      return piece;
    case Function::kRandom:
      if (numbers[0] < 1) return bad(token, "nothing to choose from");
      piece.number = numbers[0];
      return piece;
    case Function::kWildcard:
      wanted = 1;
      break;
    case Function::kSplit:
      wanted = 1;
      piece.text = std::string(arguments.back());
      if (piece.text.empty() || piece.text.find_first_of(" .") != std::string::npos) {
        return bad(token, "a delimiter that cannot be in a token");
      }
      break;
    default:
      break;
  }
  if (numbers.size() != wanted) return bad(token, "the wrong number of arguments");
  piece.tokens.assign(1, static_cast<size_t>(numbers[0]));
  if (wanted == 2) piece.number = numbers[1];
  return piece;
}

Result<Transform::Piece> Transform::parse_call(std::string_view token, std::string_view call) {
  size_t open = call.find('(');
  if (open == std::string_view::npos || call.back() != ')') return bad(token, "no function call");
  std::string name(trim(call.substr(0, open)));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  constexpr std::pair<const char*, Function> kFunctions[] = {
      {"wildcard", Function::kWildcard},
      {"partition", Function::kPartition},
      {"split", Function::kSplit},
      {"splitfromleft", Function::kSplitFromLeft},
      {"splitfromright", Function::kSplitFromRight},
      {"slicefromleft", Function::kSliceFromLeft},
      {"slicefromright", Function::kSliceFromRight},
      {"left", Function::kLeft},
      {"right", Function::kRight},
      {"random", Function::kRandom},
  };
  for (const auto& [known, function] : kFunctions) {
    if (name != known) continue;
    std::string_view inside = call.substr(open + 1, call.size() - open - 2);
    return read_arguments(token, Piece{function, {}, 0, {}}, split_at(inside, ','));
  }
  return bad(token, "an unknown function");
}

Result<Transform::Piece> Transform::parse_token(std::string_view token) {
  if (token == ">") return Piece{Function::kRest, {}, 0, {}};
  int64_t number = 0;
  if (token.size() > 1 && token[0] == '$' && parse_number(token.substr(1), number)) {
    return Piece{Function::kWildcard, {}, 0, {static_cast<size_t>(number)}};
  }
  if (token.size() > 4 && token.starts_with("{{") && token.ends_with("}}")) {
    return parse_call(token, trim(token.substr(2, token.size() - 4)));
  }
  return Piece{Function::kText, std::string(token), 0, {}};
}

// From the numbers of wildcards to positions of tokens.
Result<void> Transform::resolve(Piece& piece, const std::vector<size_t>& wildcards,
                                std::string_view token) const {
  for (size_t& at : piece.tokens) {
    if (at < 1 || at > wildcards.size()) return bad(token, "a wildcard that is not there");
    at = wildcards[at - 1];
  }
  return {};
}

Result<Transform> Transform::make(std::string_view source, std::string_view destination) {
  Transform made;
  made.source_ = source;
  if (!is_valid_pattern(source)) return fail("invalid subject");
  std::vector<size_t> wildcards;
  std::string_view token;
  for (TokenCursor cursor(source); cursor.next(token); ++made.source_tokens_) {
    if (token == "*") wildcards.push_back(made.source_tokens_);
  }
  bool rest = false;
  // Calls may hold dots nowhere, so tokens are tokens here too; spaces within calls are fine.
  for (TokenCursor cursor(destination); cursor.next(token);) {
    bool call = token.starts_with("{{");
    if (token.empty() || token == "*" || (token == ">" && !cursor.at_end()) ||
        (!call && token.find_first_of(" \t\r\n") != std::string_view::npos)) {
      return fail("invalid subject");
    }
    Result<Piece> piece = parse_token(token);
    if (!piece) return fail_with(piece.error());
    if (Result<void> found = made.resolve(*piece, wildcards, token); !found) {
      return fail_with(found.error());
    }
    rest |= piece->function == Function::kRest;
    made.pieces_.push_back(std::move(*piece));
  }
  if (rest != (source == ">" || source.ends_with(".>"))) return fail("invalid subject");
  return made;
}

void Transform::append(const Piece& piece, const std::vector<std::string_view>& tokens,
                       std::string_view literal, std::string& out) const {
  std::string_view token = piece.tokens.empty() ? std::string_view{} : tokens[piece.tokens[0]];
  auto number = static_cast<size_t>(piece.number);
  switch (piece.function) {
    case Function::kText:
      out.append(piece.text);
      break;
    case Function::kWildcard:
      out.append(token);
      break;
    case Function::kPartition: {
      uint32_t hash = 2166136261u;
      if (piece.tokens.empty()) hash = fnv1a(hash, literal);
      for (size_t at : piece.tokens) hash = fnv1a(hash, tokens[at]);
      out.append(std::to_string(hash % number));
      break;
    }
    case Function::kSplit:
      append_parts(token, piece.text, out);
      break;
    case Function::kSplitFromLeft:
      append_split(token, number, out);
      break;
    case Function::kSplitFromRight:
      append_split(token, token.size() > number ? token.size() - number : 0, out);
      break;
    case Function::kSliceFromLeft:
      append_slices(token, number, false, out);
      break;
    case Function::kSliceFromRight:
      append_slices(token, number, true, out);
      break;
    case Function::kLeft:
      out.append(token.substr(0, number == 0 ? token.size() : number));
      break;
    case Function::kRight:
      out.append(number > 0 && number < token.size() ? token.substr(token.size() - number) : token);
      break;
    case Function::kRandom: {
      thread_local std::minstd_rand generator{std::random_device{}()};
      out.append(std::to_string(generator() % number));
      break;
    }
    case Function::kRest:
      for (size_t at = source_tokens_ - 1; at < tokens.size(); ++at) {
        if (at >= source_tokens_) out.push_back('.');
        out.append(tokens[at]);
      }
      break;
  }
}

std::optional<std::string> Transform::apply(std::string_view literal) const {
  if (!matches(source_, literal)) return std::nullopt;
  std::vector<std::string_view> tokens;
  std::string_view token;
  for (TokenCursor cursor(literal); cursor.next(token);) tokens.push_back(token);
  std::string out;
  for (const Piece& piece : pieces_) {
    if (!out.empty()) out.push_back('.');
    append(piece, tokens, literal, out);
  }
  return out;
}

}  // namespace natrix::subject
