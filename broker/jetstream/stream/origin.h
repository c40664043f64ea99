// Origin: a stream that another stream copies from, as a mirror or a source (wire.md 10, last
// paragraph). Asks for a consumer there through the API, as nats-server does, so that it makes no
// difference where the origin is; watches that nothing is missing; asks anew when it is, when
// nothing is heard for a while, and, more and more slowly, when it is refused.
//
// Owned by the stream that copies, on its shard, in turns.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/jetstream/environment/environment.h"
#include "broker/jetstream/model/api_error.h"
#include "broker/jetstream/model/info.h"
#include "broker/jetstream/model/requests.h"
#include "broker/jetstream/model/stream_config.h"
#include "broker/storage/types.h"
#include "broker/subject/transform.h"

namespace natrix::jetstream::stream {

class Origin;

// A message of the origin, and where it was there.
struct OriginMessage {
  std::string_view subject;
  std::string_view headers;
  std::string_view payload;
  storage::Seq seq = 0;
  int64_t time = 0;
};

// The stream that copies.
class OriginSink {
 public:
  virtual ~OriginSink() = default;
  // Stores the message. An error: it could not; it will be asked for again.
  virtual model::ApiResult<void> take(Origin& origin, const OriginMessage& message) = 0;
  // Calls back when all that has been taken is synced, perhaps at once.
  virtual void when_taken(std::function<void()> then) = 0;
  // The origin has so many messages that have not come yet.
  virtual void behind(Origin& origin, uint64_t messages) = 0;
};

// Who copies; shown in the consumer that is made at the origin.
struct OriginReader {
  std::string stream;
  std::string domain;
};

class Origin {
 public:
  enum class Kind : uint8_t { kMirror, kSource };

  // `config` has passed the rules. `taken`: the last sequence of the origin that is here, 0: none.
  Origin(Environment& environment, OriginSink& sink, Kind kind, model::StreamSource config,
         OriginReader reader, storage::Seq taken);
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  void start();
  // Tells the sink how far behind it is, if it knows.
  void report();
  // Rests until it may ask again.
  void ask_again();
  // Before it asks: where it is.
  void set_taken(storage::Seq taken) { taken_ = taken; }
  // Does not go on; the consumer at the origin is told to go.
  void end();

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] const model::StreamSource& config() const { return config_; }
  [[nodiscard]] const std::string& index() const { return index_; }
  [[nodiscard]] storage::Seq taken() const { return taken_; }
  [[nodiscard]] model::StreamSourceInfo info() const;
  // The subject that a message of the origin is stored with here.
  [[nodiscard]] std::string renamed(std::string_view subject) const;
  // The value of Nats-Stream-Source.
  [[nodiscard]] std::string mark(const OriginMessage& message) const;

 private:
  enum class State : uint8_t { kResting, kAsking, kRunning };

  [[nodiscard]] std::string api(std::string_view what) const;
  [[nodiscard]] std::string deliver_subject() const;
  [[nodiscard]] model::ConsumerRequest consumer_request() const;
  void on_alarm();
  void ask();
  void on_answer(const core::Message& message);
  void refused(model::ApiError error);
  void on_delivery(const core::Message& message);
  void on_status(const core::Message& message);
  void answer_flow_control(std::string_view reply);

  Environment& environment_;
  OriginSink& sink_;
  const Kind kind_;
  const model::StreamSource config_;
  const OriginReader reader_;
  const std::string index_;
  const std::string id_;  // of the consumer's name: what it replaces has the same
  std::vector<subject::Transform> transforms_;

  State state_ = State::kResting;
  storage::Seq taken_;
  uint64_t consumer_seq_ = 0;
  uint64_t lag_ = 0;
  uint64_t failures_ = 0;
  bool sourcing_ = true;  // false: the origin's server does not know such consumers
  std::string consumer_;  // its name
  int64_t asked_at_ = 0;  // of the steady clock, 0: never
  int64_t heard_at_ = 0;
  std::optional<model::ApiError> error_;
  std::unique_ptr<Listening> deliveries_, answers_;
  std::unique_ptr<Alarm> alarm_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// What the reply subject of a delivered message says ($JS.ACK..., wire.md 11.1), of both forms;
// nothing if it is something else.
struct DeliveryInfo {
  uint64_t deliveries = 0;
  storage::Seq stream_seq = 0;
  uint64_t consumer_seq = 0;
  int64_t time = 0;
  uint64_t pending = 0;
};
std::optional<DeliveryInfo> parse_delivery(std::string_view reply);

// What a Nats-Stream-Source header says: which source, and where the message was there. Headers of
// nats-server before 2.10 name no index.
struct SourceMark {
  std::string index;  // as model::source_index; empty: the old form
  std::string name;   // of the stream
  storage::Seq seq = 0;
};
std::optional<SourceMark> parse_source_mark(std::string_view value);

}  // namespace natrix::jetstream::stream
