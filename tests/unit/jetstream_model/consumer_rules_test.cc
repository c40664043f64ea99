#include "broker/jetstream/model/consumer_rules.h"

#include <gtest/gtest.h>

namespace natrix::jetstream::model {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

class ConsumerRules : public ::testing::Test {
 protected:
  ConsumerRules() {
    stream_.name = "S";
    stream_.subjects = {"a.>"};
    stream_.replicas = 1;
    config_.name = "c";
    config_.ack_policy = AckPolicy::kExplicit;
  }
  std::string error(Mode mode = Mode::kForgiving) {
    auto checked = check_consumer(config_, stream_, limits_, mode);
    return checked ? ""
                   : std::to_string(checked.error().err_code) + " " + checked.error().description;
  }
  ConsumerConfig checked() { return *check_consumer(config_, stream_, limits_, Mode::kForgiving); }
  void push() {
    config_.deliver_subject = "d";
    config_.max_ack_pending = 5;
  }

  StreamConfig stream_;
  ServerLimits limits_;
  ConsumerConfig config_;
};

TEST_F(ConsumerRules, FillsInDefaults) {
  ConsumerConfig config = checked();
  EXPECT_EQ(config.ack_wait, 30 * kSecond);
  EXPECT_EQ(config.max_deliver, -1);
  EXPECT_EQ(config.max_waiting, 512);
  EXPECT_EQ(config.max_ack_pending, 1000);
  config_.ack_policy = AckPolicy::kNone;
  EXPECT_EQ(checked().max_ack_pending, 0);
  EXPECT_EQ(checked().ack_wait, 0);
}

TEST_F(ConsumerRules, InheritsFromStreamAndServer) {
  stream_.consumer_limits = {7 * kSecond, 70};
  limits_.max_request_batch = 9;
  EXPECT_EQ(checked().inactive_threshold, 7 * kSecond);
  EXPECT_EQ(checked().max_ack_pending, 70);
  EXPECT_EQ(checked().max_batch, 9);
  EXPECT_NE(error(Mode::kPedantic), "");
  config_.max_ack_pending = 71;
  EXPECT_EQ(error(), "10121 consumer max ack pending exceeds system limit of 70");
}

TEST_F(ConsumerRules, BackoffReplacesTheAckWait) {
  config_.backoff = {kSecond, 2 * kSecond};
  EXPECT_EQ(checked().ack_wait, kSecond);
  config_.max_deliver = 1;
  EXPECT_EQ(error(), "10116 max deliver is required to be > length of backoff values");
}

TEST_F(ConsumerRules, PullOnly) {
  config_.rate_limit_bps = 1;
  EXPECT_EQ(error(), "10086 consumer in pull mode can not have rate limit set");
  config_.rate_limit_bps = 0;
  config_.heartbeat = kSecond;
  EXPECT_EQ(error(), "10088 consumer idle heartbeat requires a push based consumer");
  config_.heartbeat = 0;
  config_.flow_control = true;
  EXPECT_EQ(error(), "10089 consumer flow control requires a push based consumer");
}

TEST_F(ConsumerRules, PushOnly) {
  push();
  EXPECT_EQ(error(), "");
  config_.max_waiting = 1;
  EXPECT_EQ(error(), "10080 consumer in push mode can not set max waiting");
  config_.max_waiting = 0;
  config_.heartbeat = 1;
  EXPECT_EQ(error(), "10083 consumer idle heartbeat needs to be >= 100ms");
  config_.heartbeat = 0;
  config_.flow_control = true;
  EXPECT_EQ(error(), "10108 consumer with flow control also needs heartbeats");
  config_.flow_control = false;
  config_.deliver_subject = "d.*";
  EXPECT_EQ(error(), "10079 consumer deliver subject has wildcards");
  config_.deliver_subject = "a.b";
  EXPECT_EQ(error(), "10081 consumer deliver subject forms a cycle");
}

TEST_F(ConsumerRules, Filters) {
  config_.filter_subject = "a.b";
  config_.filter_subjects = {"a.c"};
  EXPECT_EQ(error(), "10136 consumer cannot have both FilterSubject and FilterSubjects specified");
  config_.filter_subject.clear();
  config_.filter_subjects = {"a.*", "a.b"};
  EXPECT_EQ(error(), "10138 consumer subject filters cannot overlap");
  config_.filter_subjects = {""};
  EXPECT_EQ(error(), "10139 consumer filter in FilterSubjects cannot be empty");
}

TEST_F(ConsumerRules, StartingPoints) {
  config_.start_seq = 5;
  EXPECT_EQ(error(),
            "10094 consumer delivery policy is deliver all, but optional start sequence is also "
            "set");
  config_.deliver_policy = DeliverPolicy::kByStartSequence;
  EXPECT_EQ(error(), "");
  config_.start_seq = 0;
  EXPECT_EQ(error(),
            "10094 consumer delivery policy is deliver by start sequence, but optional start "
            "sequence is not set");
  config_.deliver_policy = DeliverPolicy::kByStartTime;
  EXPECT_EQ(error(),
            "10094 consumer delivery policy is deliver by start time, but optional start time is "
            "not set");
  config_.deliver_policy = DeliverPolicy::kLastPerSubject;
  EXPECT_EQ(error(),
            "10094 consumer delivery policy is deliver last per subject, but optional filter "
            "subject is not set");
}

TEST_F(ConsumerRules, WorkQueuesNeedAcknowledgements) {
  stream_.retention = Retention::kWorkQueue;
  config_.ack_policy = AckPolicy::kNone;
  EXPECT_EQ(error(),
            "10084 consumer in pull mode requires explicit ack policy on workqueue stream");
}

TEST_F(ConsumerRules, Sampling) {
  EXPECT_EQ(*sample_percent("30%"), 30);
  EXPECT_EQ(*sample_percent("30"), 30);
  EXPECT_FALSE(sample_percent("x"));
  EXPECT_FALSE(sample_percent("-1"));
  config_.sample_frequency = "often";
  EXPECT_EQ(error().substr(0, 5), "10095");
}

TEST_F(ConsumerRules, PriorityGroupsWithoutAPolicy) {
  config_.priority_groups = {"g"};
  EXPECT_EQ(error(), "10196 consumer can not have priority groups when policy is none");
}

TEST_F(ConsumerRules, Updates) {
  ConsumerConfig old = checked();
  auto changed = [&old](auto change, bool bound = false) {
    ConsumerConfig config = old;
    change(config);
    auto ok = check_consumer_update(old, config, bound);
    return ok ? std::string() : ok.error().description;
  };
  EXPECT_EQ(changed([](auto& c) { c.description = "new"; }), "");
  EXPECT_EQ(changed([](auto& c) { c.max_deliver = 4; }), "");
  EXPECT_EQ(changed([](auto& c) { c.deliver_policy = DeliverPolicy::kNew; }),
            "deliver policy can not be updated");
  EXPECT_EQ(changed([](auto& c) { c.ack_policy = AckPolicy::kAll; }),
            "ack policy can not be updated");
  EXPECT_EQ(changed([](auto& c) { c.deliver_subject = "d"; }),
            "can not update pull consumer to push based");
  EXPECT_EQ(changed([](auto& c) { c.max_waiting = 3; }), "max waiting can not be updated");
  old.deliver_subject = "d";
  EXPECT_EQ(changed([](auto& c) { c.deliver_subject = "e"; }), "");
  EXPECT_EQ(changed([](auto& c) { c.deliver_subject = "e"; }, true),
            "consumer name already in use");
}

TEST_F(ConsumerRules, MetadataOfServersDoesNotCount) {
  ConsumerConfig other = config_;
  set_stored_metadata(other);
  EXPECT_EQ(other.metadata.at("_nats.req.level"), "0");
  EXPECT_TRUE(same_consumer(config_, other));
  other.pause_until = Time{5};
  set_stored_metadata(other);
  EXPECT_EQ(other.metadata.at("_nats.req.level"), "1");
}

}  // namespace
}  // namespace natrix::jetstream::model
