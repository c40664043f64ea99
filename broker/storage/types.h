// The words of the store.
//
// Durability, everywhere the same: *buffered* is in this process' memory, *written* is with the
// kernel, *synced* is on the disk. A kill loses what is buffered, loss of power what is not synced.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "broker/base/result.h"

namespace natrix::storage {

// A message's place in its stream: 1, 2, 3 ...; 0 is no message.
using Seq = uint64_t;

// Nanoseconds since 1970, UTC, as messages carry them.
using Nanos = int64_t;

// Names a write to a stream (or to one of its consumers). Tickets of a stream ascend in the order
// of the calls; a write is synced when StreamStore::synced() has reached its ticket. 0: nothing was
// to be written.
using Ticket = uint64_t;

enum class StorageErrorKind : uint8_t {
  kNotFound,  // no such message, consumer or stream; deleted messages too
  kFull,      // no space on the disk, or the store's own limit
  kIo,        // the kernel refused to read, write or sync
  kDamaged,   // bytes on the disk that do not agree with their checksum
  kBusy,      // more is buffered than allowed: wait for synced() to advance
  kInvalid,   // arguments that contradict the state (a sequence that exists, a pattern as subject)
  kClosed,    // the store is shutting down
};

struct StorageError {
  StorageErrorKind kind = StorageErrorKind::kNotFound;
  std::string message;  // a sentence with file and offset where there is one; empty for kNotFound
};

inline Failure<StorageError> storage_failure(StorageErrorKind kind, std::string message = {}) {
  return {StorageError{kind, std::move(message)}};
}

template <class T>
using StorageResult = Result<T, StorageError>;

// Runs work on the thread (shard) that owns a stream. Implemented by who opens streams.
class Executor {
 public:
  virtual ~Executor() = default;
  // Any thread. Tasks of one thread run in the order posted, each once, or never if the executor
  // stops first.
  virtual void post(std::function<void()> task) = 0;
};

}  // namespace natrix::storage
