#include "operator/local/memory_api/selector.h"

#include "operator/local/memory_api/json_util.h"

namespace natrix::memory_api {

namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Splits at commas that are not inside parentheses.
std::vector<std::string_view> split_terms(std::string_view text) {
  std::vector<std::string_view> out;
  size_t start = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      out.push_back(trim(text.substr(start, i - start)));
      start = i + 1;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')') {
      --depth;
    }
  }
  return out;
}

// The value of a dotted path as text; absent and null are the empty string.
std::string field_text(const Json& object, std::string_view path) {
  const Json* at = &object;
  while (!path.empty()) {
    const size_t dot = path.find('.');
    const std::string name(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    if (!at->is_object()) return "";
    const auto found = at->find(name);
    if (found == at->end()) return "";
    at = &*found;
  }
  if (at->is_string()) return at->get<std::string>();
  return at->is_null() ? "" : at->dump();
}

}  // namespace

Result<LabelSelector::Term> LabelSelector::parse_term(std::string_view text) {
  Term term;
  if (text.starts_with('!') && text.find('=') == std::string_view::npos) {
    term.key = trim(text.substr(1));
    term.op = Operator::kDoesNotExist;
    return term;
  }
  if (const size_t open = text.find('('); open != std::string_view::npos) {
    if (!text.ends_with(')')) return fail(fmt::format("\"{}\": ')' expected at the end", text));
    const std::string_view head = trim(text.substr(0, open));
    const size_t blank = head.rfind(' ');
    const std::string_view word = blank == std::string_view::npos ? head : head.substr(blank + 1);
    if (blank == std::string_view::npos || (word != "in" && word != "notin")) {
      return fail(fmt::format("\"{}\": 'in' or 'notin' expected before '('", text));
    }
    term.key = trim(head.substr(0, blank));
    term.op = word == "in" ? Operator::kIn : Operator::kNotIn;
    for (std::string_view value : split_terms(text.substr(open + 1, text.size() - open - 2))) {
      term.values.emplace_back(value);
    }
    return term;
  }
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    term.key = text;
    return term;
  }
  const bool negated = equals > 0 && text[equals - 1] == '!';
  term.key = trim(text.substr(0, negated ? equals - 1 : equals));
  std::string_view value = text.substr(equals + 1);
  if (!negated && value.starts_with('=')) value.remove_prefix(1);
  term.op = negated ? Operator::kNotIn : Operator::kIn;
  term.values.emplace_back(trim(value));
  return term;
}

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector out;
  if (trim(text).empty()) return out;
  for (std::string_view part : split_terms(text)) {
    Result<Term> term = parse_term(part);
    if (!term) return fail("unable to parse label selector: " + term.error().message);
    if (term->key.empty() || term->key.find(' ') != std::string::npos) {
      return fail(
          fmt::format("unable to parse label selector: \"{}\": a label key expected", part));
    }
    out.terms_.push_back(std::move(*term));
  }
  return out;
}

Result<LabelSelector> LabelSelector::from_json(const Json& selector) {
  LabelSelector out;
  if (!selector.is_object()) {
    out.nothing_ = true;
    return out;
  }
  for (const auto& item : member(selector, {"matchLabels"}).items()) {
    if (!item.value().is_string()) return fail("matchLabels: values must be strings");
    out.terms_.push_back({item.key(), Operator::kIn, {item.value().get<std::string>()}});
  }
  static const std::map<std::string, Operator> kOperators = {
      {"In", Operator::kIn},
      {"NotIn", Operator::kNotIn},
      {"Exists", Operator::kExists},
      {"DoesNotExist", Operator::kDoesNotExist}};
  for (const Json& item : selector.value("matchExpressions", Json::array())) {
    const auto op = kOperators.find(item.value("operator", ""));
    if (op == kOperators.end()) {
      return fail(
          fmt::format("\"{}\" is not a valid label selector operator", item.value("operator", "")));
    }
    out.terms_.push_back(
        {item.value("key", ""), op->second, item.value("values", std::vector<std::string>())});
  }
  return out;
}

bool LabelSelector::holds(const Term& term, const Json& labels) {
  const bool present = labels.is_object() && labels.contains(term.key);
  if (term.op == Operator::kExists) return present;
  if (term.op == Operator::kDoesNotExist) return !present;
  const bool in = present && labels[term.key].is_string() &&
                  std::find(term.values.begin(), term.values.end(),
                            labels[term.key].get_ref<const std::string&>()) != term.values.end();
  return in == (term.op == Operator::kIn);
}

bool LabelSelector::matches_labels(const Json& labels) const {
  if (nothing_) return false;
  return std::all_of(terms_.begin(), terms_.end(),
                     [&](const Term& term) { return holds(term, labels); });
}

bool LabelSelector::matches(const Json& object) const {
  static const Json kNone = Json::object();
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return matches_labels(kNone);
  const auto labels = metadata->find("labels");
  return matches_labels(labels == metadata->end() ? kNone : *labels);
}

Result<FieldSelector> FieldSelector::parse(std::string_view text) {
  FieldSelector out;
  if (trim(text).empty()) return out;
  for (std::string_view part : split_terms(text)) {
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return fail(fmt::format("invalid field selector: \"{}\"; can't understand", part));
    }
    const bool negated = part[equals - 1] == '!';
    std::string_view value = part.substr(equals + 1);
    if (!negated && value.starts_with('=')) value.remove_prefix(1);
    out.terms_.push_back({std::string(trim(part.substr(0, negated ? equals - 1 : equals))),
                          std::string(trim(value)), !negated});
  }
  return out;
}

std::vector<std::string> FieldSelector::fields() const {
  std::vector<std::string> out;
  for (const Term& term : terms_) out.push_back(term.field);
  return out;
}

bool FieldSelector::matches(const Json& object) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    return (field_text(object, term.field) == term.value) == term.equal;
  });
}

std::string FieldSelector::required_name() const {
  for (const Term& term : terms_) {
    if (term.field == "metadata.name" && term.equal) return term.value;
  }
  return "";
}

}  // namespace natrix::memory_api
