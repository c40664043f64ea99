// Errors of the JetStream API (wire.md 16): what a response carries in `error`.
//
// Pure values. error_table.cc holds number, code and text of all of them; here stand the names of
// those that the code gives.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace natrix::jetstream::model {

enum class Err : uint16_t {
  kResourcesExceeded = 10002,
  kBadRequest = 10003,
  kClusterRequired = 10010,
  kConsumerCreate = 10012,
  kConsumerNameInUse = 10013,
  kConsumerNotFound = 10014,
  kBadDeliverSubject = 10015,
  kDurableNotInSubject = 10016,
  kDurableNotEqualSubject = 10017,
  kDurableNotSet = 10018,
  kEphemeralWithDurableInSubject = 10019,
  kEphemeralWithDurable = 10020,
  kInsufficientResources = 10023,
  kInvalidJson = 10025,
  kMaximumConsumers = 10026,
  kMaximumStreams = 10027,
  kMemoryExceeded = 10028,
  kMirrorSmallerMessages = 10030,
  kMirrorWithSources = 10031,
  kMirrorWithSubjects = 10034,
  kNoMessageFound = 10037,
  kNotEmptyRequest = 10038,
  kNotEnabledForAccount = 10039,
  kSequenceNotFound = 10043,
  kStorageExceeded = 10047,
  kStreamCreate = 10049,
  kStreamDelete = 10050,
  kStreamGeneral = 10051,
  kStreamInvalidConfig = 10052,
  kMessageTooLarge = 10054,
  kMirrorNotUpdatable = 10055,
  kStreamMismatch = 10056,
  kMessageDeleteFailed = 10057,
  kStreamNameInUse = 10058,
  kStreamNotFound = 10059,
  kExpectedStream = 10060,
  kSubjectOverlap = 10065,
  kStreamPurgeFailed = 10110,
  kWrongLastMessageId = 10070,
  kWrongLastSequence = 10071,
  kReplicasNotSupported = 10074,
  kNotEnabled = 10076,
  kStoreFailed = 10077,
  kConsumerConfigRequired = 10078,
  kDeliverToWildcards = 10079,
  kPushMaxWaiting = 10080,
  kDeliverCycle = 10081,
  kMaxPendingNeedsAck = 10082,
  kSmallHeartbeat = 10083,
  kPullRequiresAck = 10084,
  kPullRateLimit = 10086,
  kMaxWaitingNegative = 10087,
  kHeartbeatNeedsPush = 10088,
  kFlowControlNeedsPush = 10089,
  kDirectNeedsPush = 10090,
  kDirectNeedsEphemeral = 10091,
  kFilterNotSubset = 10093,
  kInvalidPolicy = 10094,
  kInvalidSampling = 10095,
  kHeaderTooLarge = 10097,
  kWorkQueueNeedsExplicit = 10098,
  kWorkQueueMultipleUnfiltered = 10099,
  kWorkQueueNotUnique = 10100,
  kWorkQueueDeliverAll = 10101,
  kConsumerNameTooLong = 10102,
  kBadDurableName = 10103,
  kConsumerStore = 10104,
  kConsumerActive = 10105,
  kReplacementDiffers = 10106,
  kDescriptionTooLong = 10107,
  kFlowControlNeedsHeartbeat = 10108,
  kStreamSealed = 10109,
  kRollupFailed = 10111,
  kInvalidDeliverSubject = 10112,
  kMaxBytesRequired = 10113,
  kMaxBatchNegative = 10114,
  kMaxExpiresSmall = 10115,
  kBackoffTooLong = 10116,
  kAckPendingExceeds = 10121,
  kStreamBytesExceeded = 10122,
  kMaxBatchExceeds = 10125,
  kConsumerReplicas = 10126,
  kConsumerPathSeparators = 10127,
  kFilterMismatch = 10131,
  kDurableNameMismatch = 10132,
  kNegativeReplicas = 10133,
  kConsumerReplicasDiffer = 10134,
  kConsumerMetadata = 10135,
  kDuplicateFilters = 10136,
  kMultipleFiltersInSubject = 10137,
  kOverlappingFilters = 10138,
  kEmptyFilter = 10139,
  kMirrorWithFirstSequence = 10143,
  kConsumerExists = 10148,
  kConsumerDoesNotExist = 10149,
  kInactiveThresholdExceeds = 10153,
  kTransformSource = 10155,
  kTransform = 10156,
  kPedantic = 10157,
  kDuplicateInProcess = 10158,
  kPriorityWithoutGroup = 10159,
  kInvalidPriorityGroup = 10160,
  kEmptyGroupName = 10161,
  kInvalidGroupName = 10162,
  kWrongLastSequenceConstant = 10164,
  kInvalidTtl = 10165,
  kTtlDisabled = 10166,
  kTooManyRequests = 10167,
  kCountersDisabled = 10168,
  kIncrementMissing = 10169,
  kIncrementPayload = 10170,
  kInvalidIncrement = 10171,
  kCounterBroken = 10172,
  kMirrorWithCounters = 10173,
  kAtomicDisabled = 10174,
  kBatchSequenceMissing = 10175,
  kBatchIncomplete = 10176,
  kBatchHeader = 10177,
  kPriorityWithPush = 10178,
  kInvalidBatchId = 10179,
  kAckPolicy = 10181,
  kReplayPolicy = 10182,
  kAckWaitNegative = 10183,
  kBackoffNegative = 10184,
  kApiLevel = 10185,
  kSchedulesDisabled = 10188,
  kInvalidSchedule = 10189,
  kScheduleTarget = 10190,
  kScheduleTtl = 10191,
  kScheduleRollup = 10192,
  kMissingLastSequence = 10193,
  kPriorityPolicyNone = 10196,
  kPinnedTtlWithoutPolicy = 10197,
  kBatchTooLarge = 10199,
  kInvalidBatchCommit = 10200,
  kBatchDuplicate = 10201,
  kScheduleSource = 10203,
  kInvalidReset = 10204,
  kFastDisabled = 10205,
  kFastPattern = 10206,
  kInvalidFastId = 10207,
  kUnknownFastId = 10208,
  kTooManyBatches = 10210,
  kTooManyFast = 10211,
  kScheduler = 10212,
  kAckFlowControlNeedsPush = 10218,
  kAckFlowControlNeedsFlowControl = 10219,
  kAckFlowControlNeedsMaxPending = 10220,
  kAckFlowControlAckWait = 10221,
  kAckFlowControlMaxDeliver = 10222,
  kScheduleZone = 10223,
  kStreamSourceHeader = 10227,
};

struct ErrorText {
  uint16_t code;
  std::string_view text;  // {x} stands for a value
};
ErrorText find_error(Err err);

struct ApiError {
  uint16_t code = 0;
  uint16_t err_code = 0;
  std::string description;

  [[nodiscard]] bool is(Err err) const { return err_code == static_cast<uint16_t>(err); }
  bool operator==(const ApiError&) const = default;
};

// The error with its text; `value` takes the place of each {x}.
ApiError api_error(Err err, std::string_view value = {});

template <class T>
using ApiResult = Result<T, ApiError>;

inline Failure<ApiError> refuse(Err err, std::string_view value = {}) {
  return {api_error(err, value)};
}

}  // namespace natrix::jetstream::model
