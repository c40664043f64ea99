// Transform: rewrites subjects that match a source pattern (wire.md 4): "orders.*.>" to
// "o.{{partition(4,1)}}.$1.>". Functions of a destination: $n, wildcard, partition, split,
// splitFromLeft, splitFromRight, sliceFromLeft, sliceFromRight, left, right, random.
//
// Immutable, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"

namespace natrix::subject {

class Transform {
 public:
  // Errors: an invalid pattern, ">" on one side only, an unknown function, bad arguments.
  static Result<Transform> make(std::string_view source, std::string_view destination);

  // The new subject; nothing if `literal` does not match the source.
  [[nodiscard]] std::optional<std::string> apply(std::string_view literal) const;
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  enum class Function : uint8_t {
    kText,
    kWildcard,
    kPartition,
    kSplit,
    kSplitFromLeft,
    kSplitFromRight,
    kSliceFromLeft,
    kSliceFromRight,
    kLeft,
    kRight,
    kRandom,
    kRest,  // the '>' at the end
  };
  struct Piece {
    Function function = Function::kText;
    std::string text;  // literal token, or the delimiter of split
    int64_t number = 0;
    std::vector<size_t> tokens;  // positions in the source
  };
  static Result<Piece> parse_token(std::string_view token);
  static Result<Piece> parse_call(std::string_view token, std::string_view call);
  static Result<Piece> read_arguments(std::string_view token, Piece piece,
                                      const std::vector<std::string_view>& arguments);
  Result<void> resolve(Piece& piece, const std::vector<size_t>& wildcards,
                       std::string_view token) const;
  void append(const Piece& piece, const std::vector<std::string_view>& tokens,
              std::string_view literal, std::string& out) const;

  std::string source_;
  size_t source_tokens_ = 0;
  std::vector<Piece> pieces_;
};

}  // namespace natrix::subject
