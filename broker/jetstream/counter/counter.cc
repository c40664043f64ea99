#include "broker/jetstream/counter/counter.h"

#include <array>
#include <nlohmann/json.hpp>

namespace natrix::jetstream::counter {

namespace {

using Json = nlohmann::json;

struct State {
  Number total;
  Sources sources;
};

std::optional<State> state_of(const std::optional<Last>& last) {
  State state;
  if (!last) return state;
  auto total = total_of(last->body);
  if (!total) return std::nullopt;
  state.total = *std::move(total);
  if (!last->sources.empty()) {
    auto sources = parse_sources(last->sources);
    if (!sources) return std::nullopt;
    state.sources = *std::move(sources);
  }
  return state;
}

Change changed(const State& state, const Number& increment) {
  Change change;
  change.total = state.total + increment;
  change.body = body_of(change.total);
  if (!state.sources.empty()) change.sources = sources_text(state.sources);
  return change;
}

// The fields of a Nats-Stream-Source header that count: first and fifth.
struct Origin {
  std::string stream;
  std::string subject;
};

Origin origin_of(std::string_view source, std::string_view subject) {
  std::array<std::string_view, 5> fields;
  size_t count = 0;
  for (bool more = true; more && count < fields.size(); ++count) {
    size_t space = source.find(' ');
    fields[count] = source.substr(0, space);
    more = space != std::string_view::npos;
    source.remove_prefix(more ? space + 1 : source.size());
  }
  return {std::string(fields[0]), std::string(count == fields.size() ? fields[4] : subject)};
}

}  // namespace

std::optional<Number> total_of(std::string_view body) {
  Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  auto value = json.find("val");
  if (value == json.end() || value->is_null()) return Number();
  if (!value->is_string()) return std::nullopt;
  const auto& text = value->get_ref<const std::string&>();
  return text.empty() ? Number() : Number::parse(text);
}

std::string body_of(const Number& total) {
  return "{\"val\":\"" + total.text() + "\"}";
}

std::optional<Sources> parse_sources(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  Sources sources;
  if (json.is_null()) return sources;
  if (!json.is_object()) return std::nullopt;
  for (const auto& [stream, subjects] : json.items()) {
    if (subjects.is_null()) continue;
    if (!subjects.is_object()) return std::nullopt;
    for (const auto& [subject, value] : subjects.items()) {
      if (!value.is_string()) return std::nullopt;
      sources[stream][subject] = value.get<std::string>();
    }
  }
  return sources;
}

std::string sources_text(const Sources& sources) {
  return Json(sources).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Change, Fault> add(const std::optional<Last>& last, std::string_view increment) {
  auto number = Number::parse(increment);
  if (!number) return fail_with(Fault::kInvalidIncrement);
  auto state = state_of(last);
  if (!state) return fail_with(Fault::kBroken);
  Change change = changed(*state, *number);
  change.increment = increment;
  return change;
}

Result<Change, Fault> add_sourced(const std::optional<Last>& last, std::string_view source,
                                  std::string_view subject, std::string_view body) {
  auto state = state_of(last);
  auto there = total_of(body);
  if (!state || !there) return fail_with(Fault::kBroken);
  Origin origin = origin_of(source, subject);
  std::string& said = state->sources[origin.stream][origin.subject];
  auto before = said.empty() ? Number() : Number::parse(said);
  if (!before) return fail_with(Fault::kBroken);
  said = there->text();
  Number increment = *there - *before;
  Change change = changed(*state, increment);
  change.increment = increment.text();
  return change;
}

}  // namespace natrix::jetstream::counter
