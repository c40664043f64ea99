#include "broker/jetstream/archive/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "broker/base/time_format.h"

namespace natrix::jetstream::archive {

namespace {

using Json = nlohmann::json;

// Go's zero time.
constexpr const char* kNoTime = "0001-01-01T00:00:00Z";

uint64_t number_in(const Json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

std::string time_text(int64_t nanos) {
  return nanos == 0 ? kNoTime : format_rfc3339(SystemTime(std::chrono::nanoseconds(nanos)));
}

SequencePair pair_in(const Json& object, const char* key) {
  auto found = object.find(key);
  if (found == object.end() || !found->is_object()) return {};
  return {number_in(*found, "consumer_seq"), number_in(*found, "stream_seq")};
}

Json pair_json(const SequencePair& pair) {
  return {{"consumer_seq", pair.consumer}, {"stream_seq", pair.stream}};
}

bool sequence_in(const std::string& text, uint64_t& seq) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seq);
  return error == std::errc() && end == text.data() + text.size();
}

// Calls use(sequence, value) for the members of object[key]; false: one is not as it should be.
template <class Use>
bool each_sequence(const Json& object, const char* key, Use&& use) {
  auto found = object.find(key);
  if (found == object.end() || found->is_null()) return true;
  if (!found->is_object()) return false;
  for (const auto& [text, value] : found->items()) {
    uint64_t seq = 0;
    if (!sequence_in(text, seq) || !use(seq, value)) return false;
  }
  return true;
}

bool read_state(const Json& json, ConsumerState& state) {
  state.delivered = pair_in(json, "delivered");
  state.ack_floor = pair_in(json, "ack_floor");
  bool good = each_sequence(json, "pending", [&](uint64_t seq, const Json& value) {
    if (!value.is_object()) return false;
    auto time = value.find("Timestamp");
    state.pending.push_back(
        {seq, number_in(value, "Sequence"),
         time != value.end() && time->is_number_integer() ? time->get<int64_t>() : 0});
    return true;
  });
  good = good && each_sequence(json, "redelivered", [&](uint64_t seq, const Json& value) {
           if (!value.is_number_unsigned()) return false;
           state.redelivered.push_back({seq, value.get<uint64_t>()});
           return true;
         });
  std::ranges::sort(state.pending, {}, &PendingMessage::stream_seq);
  std::ranges::sort(state.redelivered, {}, &Redelivery::stream_seq);
  return good;
}

}  // namespace

Result<std::string> name_in(std::string_view config) {
  Json json = Json::parse(config, nullptr, false);
  if (!json.is_object()) return fail("configuration in the backup is not JSON");
  auto name = json.find("name");
  if (name == json.end() || !name->is_string())
    return fail("configuration in the backup has no name");
  return name->get<std::string>();
}

Result<StreamState> parse_stream_state(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail("state.json in the backup is not JSON");
  StreamState state;
  state.messages = number_in(json, "messages");
  state.bytes = number_in(json, "bytes");
  state.first_seq = number_in(json, "first_seq");
  state.last_seq = number_in(json, "last_seq");
  state.consumers = number_in(json, "consumer_count");
  return state;
}

std::string stream_state_text(const StreamState& state) {
  return fmt::format(
      R"({{"messages":{},"bytes":{},"first_seq":{},"first_ts":"{}","last_seq":{},"last_ts":"{}",)"
      R"("consumer_count":{}}})",
      state.messages, state.bytes, state.first_seq, time_text(state.first_time), state.last_seq,
      time_text(state.last_time), state.consumers);
}

Result<Consumer> parse_consumer(std::string_view name, std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail("consumer in the backup is not JSON");
  auto config = json.find("config");
  auto state = json.find("state");
  if (config == json.end() || !config->is_object()) {
    return fail("consumer in the backup has no configuration");
  }
  if (state == json.end() || !state->is_object())
    return fail("consumer in the backup has no state");
  Consumer consumer;
  consumer.name = name;
  consumer.config = config->dump(-1, ' ', false, Json::error_handler_t::replace);
  if (!read_state(*state, consumer.state)) {
    return fail("consumer in the backup has a malformed state");
  }
  return consumer;
}

std::string consumer_text(const Consumer& consumer) {
  Json state = {{"delivered", pair_json(consumer.state.delivered)},
                {"ack_floor", pair_json(consumer.state.ack_floor)}};
  for (const PendingMessage& entry : consumer.state.pending) {
    state["pending"][std::to_string(entry.stream_seq)] = {{"Sequence", entry.consumer_seq},
                                                          {"Timestamp", entry.time}};
  }
  for (const Redelivery& entry : consumer.state.redelivered) {
    state["redelivered"][std::to_string(entry.stream_seq)] = entry.count;
  }
  return fmt::format(R"({{"config":{},"state":{}}})", consumer.config, state.dump());
}

std::string with_members(std::string_view members, std::string_view config) {
  size_t brace = config.find('{');
  if (members.empty() || brace == std::string_view::npos) return std::string(config);
  std::string_view own = config.substr(brace + 1);
  size_t first = own.find_first_not_of(" \t\r\n");
  bool empty = first != std::string_view::npos && own[first] == '}';
  return fmt::format("{{{}{}{}", members, empty ? "" : ",", own);
}

}  // namespace natrix::jetstream::archive
