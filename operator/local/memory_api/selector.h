// Label and field selectors as the API server understands them.
//
// Plain values, safe to share once parsed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"
#include "operator/kube/api.h"

namespace natrix::memory_api {

using kube::Json;

// "a=b,c!=d,e in (x,y),f notin (z),g,!h"; all terms must hold. Empty selects everything.
class LabelSelector {
 public:
  static Result<LabelSelector> parse(std::string_view text);
  // A metav1.LabelSelector (matchLabels, matchExpressions). A null one selects nothing, an empty
  // one everything.
  static Result<LabelSelector> from_json(const Json& selector);

  [[nodiscard]] bool matches(const Json& object) const;  // metadata.labels of the object
  [[nodiscard]] bool matches_labels(const Json& labels) const;

 private:
  enum class Operator : uint8_t { kIn, kNotIn, kExists, kDoesNotExist };
  struct Term {
    std::string key;
    Operator op = Operator::kExists;
    std::vector<std::string> values;
  };
  static Result<Term> parse_term(std::string_view text);
  static bool holds(const Term& term, const Json& labels);

  bool nothing_ = false;
  std::vector<Term> terms_;
};

// "metadata.name=x,status.phase!=Running". Which fields a kind offers is the server's business:
// ask fields() and refuse the rest.
class FieldSelector {
 public:
  static Result<FieldSelector> parse(std::string_view text);
  [[nodiscard]] std::vector<std::string> fields() const;
  [[nodiscard]] bool matches(const Json& object) const;
  // The value that metadata.name must have, empty when any may.
  [[nodiscard]] std::string required_name() const;

 private:
  struct Term {
    std::string field;
    std::string value;
    bool equal = true;
  };
  std::vector<Term> terms_;
};

}  // namespace natrix::memory_api
