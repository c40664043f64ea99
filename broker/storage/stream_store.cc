#include "broker/storage/stream_store.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace natrix::storage {

StorageResult<uint64_t> StreamStore::digest(Seq from, Seq through) {
  XXH3_state_t* hash = XXH3_createState();
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> owner(hash, XXH3_freeState);
  XXH3_64bits_reset(hash);
  for (;;) {
    StorageResult<StoredMessage> message = load_next({}, from);
    if (!message) {
      if (message.error().kind == StorageErrorKind::kNotFound) break;
      return fail_with(message.error());
    }
    if (message->seq > through) break;
    uint64_t head[] = {message->seq, static_cast<uint64_t>(message->time), message->subject.size(),
                       message->headers.size(), message->payload.size()};
    XXH3_64bits_update(hash, head, sizeof head);
    XXH3_64bits_update(hash, message->subject.data(), message->subject.size());
    XXH3_64bits_update(hash, message->headers.data(), message->headers.size());
    XXH3_64bits_update(hash, message->payload.data(), message->payload.size());
    from = message->seq + 1;
  }
  return static_cast<uint64_t>(XXH3_64bits_digest(hash));
}

}  // namespace natrix::storage
