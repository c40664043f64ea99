#include "broker/storage/memory_stream_store.h"

#include <cstring>

namespace natrix::storage {

namespace {

// What stands in front of headers and payload in a body.
struct BodyHeader {
  Nanos expires;
  uint32_t headers;
  uint32_t payload;
  uint32_t subject;
};

std::shared_ptr<const char[]> make_body(const NewMessage& message) {
  BodyHeader header{message.expires, static_cast<uint32_t>(message.headers.size()),
                    static_cast<uint32_t>(message.payload.size()),
                    static_cast<uint32_t>(message.subject.size())};
  auto body = std::make_shared_for_overwrite<char[]>(sizeof header + header.subject +
                                                     header.headers + header.payload);
  char* at = body.get();
  auto put = [&at](const void* bytes, size_t size) {
    if (size != 0) std::memcpy(at, bytes, size);
    at += size;
  };
  put(&header, sizeof header);
  put(message.subject.data(), header.subject);
  put(message.headers.data(), header.headers);
  put(message.payload.data(), header.payload);
  return body;
}

}  // namespace

StorageResult<Appended> MemoryStreamStore::append(const NewMessage& message) {
  Seq seq = message.seq.value_or(index_.last_seq() + 1);
  if (seq <= index_.last_seq()) {
    return storage_failure(StorageErrorKind::kInvalid, "the sequence has been given out already");
  }
  size_t bytes =
      memory_message_bytes(message.subject.size(), message.headers.size(), message.payload.size());
  if (bytes > UINT32_MAX) return storage_failure(StorageErrorKind::kInvalid, "message too large");
  StreamIndex::Place place = index_.append({.seq = seq,
                                            .subject = message.subject,
                                            .bytes = static_cast<uint32_t>(bytes),
                                            .flags = message.headers.empty() ? 0 : kEntryHasHeaders,
                                            .time = message.time,
                                            .expires = message.expires});
  place.chunk->bodies.push_back(make_body(message));
  return Appended{seq, ++ticket_};
}

StorageResult<Appended> MemoryStreamStore::append_all(std::span<const NewMessage> messages) {
  if (messages.empty()) return storage_failure(StorageErrorKind::kInvalid, "no messages");
  Seq last = index_.last_seq();
  for (const NewMessage& m : messages) {
    Seq seq = m.seq.value_or(last + 1);
    size_t bytes = memory_message_bytes(m.subject.size(), m.headers.size(), m.payload.size());
    if (seq <= last || bytes > UINT32_MAX) {
      return storage_failure(StorageErrorKind::kInvalid, "too large, or out of order");
    }
    last = seq;
  }
  Seq first = messages[0].seq.value_or(index_.last_seq() + 1);
  for (const NewMessage& message : messages) (void)append(message);
  return Appended{first, ticket_};
}

StorageResult<Ticket> MemoryStreamStore::skip(Seq through) {
  index_.skip(through);
  return ++ticket_;
}

StorageResult<Removed> MemoryStreamStore::remove(Seq seq, Erase erase) {
  StreamIndex::Place place = index_.find(seq);
  if (!place) return storage_failure(StorageErrorKind::kNotFound);
  Removed removed{1, place.entry().bytes, ++ticket_};
  const std::shared_ptr<const char[]>& body = place.chunk->bodies[place.at];
  if (erase == Erase::kOverwrite && body.use_count() == 1) {
    // Only if no reader holds the message, whose views promise to stay as they are.
    BodyHeader header;
    std::memcpy(&header, body.get(), sizeof header);
    std::memset(const_cast<char*>(body.get()) + sizeof header, 0,
                size_t{header.subject} + header.headers + header.payload);
  }
  index_.remove(place);
  return removed;
}

StorageResult<StoredMessage> MemoryStreamStore::load(Seq seq) {
  StreamIndex::Place place = index_.find(seq);
  if (!place) return storage_failure(StorageErrorKind::kNotFound);
  const std::shared_ptr<const char[]>& body = place.chunk->bodies[place.at];
  BodyHeader header;
  std::memcpy(&header, body.get(), sizeof header);
  const char* at = body.get() + sizeof header;
  StoredMessage message;
  message.seq = seq;
  message.time = place.entry().time;
  message.expires = header.expires;
  message.subject = {at, header.subject};
  message.headers = {at + header.subject, header.headers};
  message.payload = {at + header.subject + header.headers, header.payload};
  message.hold = body;
  return message;
}

StorageResult<ConsumerStore*> MemoryStreamStore::consumer(std::string_view name,
                                                          std::string_view config, bool) {
  auto known = consumers_.find(name);
  if (known == consumers_.end()) {
    known =
        consumers_.emplace(std::string(name), std::make_unique<MemoryConsumerStore>(name, config))
            .first;
  } else if (known->second->config() != config) {
    (void)known->second->set_config(config);
  }
  return static_cast<ConsumerStore*>(known->second.get());
}

ConsumerStore* MemoryStreamStore::find_consumer(std::string_view name) {
  auto known = consumers_.find(name);
  return known == consumers_.end() ? nullptr : known->second.get();
}

std::vector<ConsumerStore*> MemoryStreamStore::consumers() {
  std::vector<ConsumerStore*> all;
  for (auto& [name, store] : consumers_) all.push_back(store.get());
  return all;
}

StorageResult<Ticket> MemoryStreamStore::remove_consumer(std::string_view name) {
  auto known = consumers_.find(name);
  if (known == consumers_.end()) return storage_failure(StorageErrorKind::kNotFound);
  consumers_.erase(known);
  return Ticket{0};
}

StorageResult<Ticket> MemoryStreamStore::set_config(std::string_view config) {
  config_ = config;
  return ++ticket_;
}

}  // namespace natrix::storage
