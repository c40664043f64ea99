#include "bench/jetstream/api.h"

#include <fmt/format.h>

#include <optional>
#include <stdexcept>

namespace natrix::bench {

namespace {

using nlohmann::json;

constexpr std::string_view kPrefix = "$JS.API.";
constexpr std::string_view kInbox = "_INBOX.API";

}  // namespace

Api::Api(uint16_t port) : peer_(port), reader_(peer_) {
  peer_.send_all(fmt::format("SUB {}.* 1\r\n", kInbox));
  peer_.ping_pong();
}

json Api::request(const std::string& subject, const json& body) {
  std::string text = body.is_null() ? "" : body.dump();
  std::string inbox = fmt::format("{}.{}", kInbox, ++requests_);
  peer_.send_all(
      fmt::format("PUB {}{} {} {}\r\n{}\r\n", kPrefix, subject, inbox, text.size(), text));
  std::optional<json> answer;
  while (!answer) {
    peer_.wait(/*writable=*/false);
    reader_.pump([&](const Message& message) {
      if (message.subject != inbox || !message.headers.empty()) {
        throw std::runtime_error(fmt::format("{} was answered on {} by '{}'", subject,
                                             message.subject, message.headers));
      }
      answer = json::parse(message.payload);
    });
    if (reader_.take_pong_due()) {
      peer_.send_all("PONG\r\n");
    }
  }
  refuse_error(*answer, subject);
  return std::move(*answer);
}

void Api::create_stream(const json& config) {
  request("STREAM.CREATE." + config["name"].get<std::string>(), config);
}

void Api::create_consumer(const std::string& stream, const json& config) {
  request(fmt::format("CONSUMER.CREATE.{}.{}", stream, config["durable_name"].get<std::string>()),
          {{"stream_name", stream}, {"config", config}, {"action", "create"}});
}

json Api::stream_state(const std::string& stream) {
  return request("STREAM.INFO." + stream, nullptr)["state"];
}

json Api::consumer_info(const std::string& stream, const std::string& consumer) {
  return request(fmt::format("CONSUMER.INFO.{}.{}", stream, consumer), nullptr);
}

void refuse_error(const json& answer, const std::string& subject) {
  if (answer.contains("error")) {
    throw std::runtime_error(fmt::format("{}: {}", subject, answer["error"].dump()));
  }
}

}  // namespace natrix::bench
