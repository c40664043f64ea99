// The API of streams and their messages (wire.md 8).
#include <algorithm>

#include "broker/jetstream/api/jetstream.h"
#include "broker/subject/tokens.h"

namespace natrix::jetstream::api {

using model::ApiResult;
using model::Err;
using model::refuse;

namespace {

constexpr size_t kNamesLimit = 1024;
constexpr size_t kListLimit = 256;
constexpr size_t kSubjectsLimit = 100'000;

std::string base64(std::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    size_t count = std::min<size_t>(3, bytes.size() - i);
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < count ? static_cast<uint8_t>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      text.push_back(j <= count ? kAlphabet[group >> (18 - 6 * j) & 63] : '=');
    }
  }
  return text;
}

std::string shown(model::StreamInfo info, const Shared& shared) {
  info.config.metadata = model::shown_metadata(std::move(info.config.metadata), shared.version);
  return model::to_text(info);
}

std::string message_text(const storage::StoredMessage& message, bool with_headers) {
  std::string text =
      fmt::format("{{\"subject\":{},\"seq\":{}", model::quoted(message.subject), message.seq);
  if (with_headers && !message.headers.empty()) {
    text += fmt::format(",\"hdrs\":\"{}\"", base64(message.headers));
  }
  if (!message.payload.empty()) text += fmt::format(",\"data\":\"{}\"", base64(message.payload));
  return text + fmt::format(",\"time\":\"{}\"}}", model::format_time({message.time}));
}

template <class T>
std::string joined(const std::vector<T>& parts) {
  return fmt::format("[{}]", fmt::join(parts, ","));
}

// The part of a list that a request with this offset gets.
template <class T>
std::vector<T> page_of(const std::vector<T>& all, int64_t offset, size_t limit) {
  size_t from = std::min(all.size(), static_cast<size_t>(std::max<int64_t>(offset, 0)));
  size_t to = std::min(all.size(), from + limit);
  return {all.begin() + static_cast<ptrdiff_t>(from), all.begin() + static_cast<ptrdiff_t>(to)};
}

}  // namespace

// What the server has and has promised to others.
ApiResult<void> JetStream::check_room(JetStreamAccount& account,
                                      const model::StreamConfig& config) {
  if (config.max_bytes <= 0) return {};
  bool file = config.storage == model::StorageType::kFile;
  int64_t most = file ? options_.max_file : options_.max_memory;
  int64_t reserved = account.reserved(config.storage, config.name);
  if (most >= 0 && config.max_bytes > most - std::min(most, reserved)) {
    return refuse(file ? Err::kStorageExceeded : Err::kMemoryExceeded);
  }
  return {};
}

void JetStream::stream_create(Request& request) {
  model::StreamRequest body;
  if (!parse(request, body)) return;
  if (body.config.name != request.stream()) {
    return fail(request, model::api_error(Err::kStreamMismatch));
  }
  model::Mode mode = body.pedantic ? model::Mode::kPedantic : model::Mode::kForgiving;
  auto config = model::check_new_stream(std::move(body.config), shared_.limits, mode);
  if (!config) return fail(request, config.error());
  if (config->replicas > 1) return fail(request, model::api_error(Err::kReplicasNotSupported));
  model::set_stored_metadata(*config);
  if (Entry* existing = request.account->find(config->name)) {
    if (!model::same_stream(existing->config, *config)) {
      return fail(request, model::api_error(Err::kStreamNameInUse));
    }
    return on_stream(request, [this](HostedStream& hosted, const Request& asked) {
      auto info = hosted.info({});
      Response response(asked.kind);
      if (info) response.members(shown(std::move(*info), shared_)).member("did_create", "true");
      reply(hosted.environment(), shared_, asked, response);
    });
  }
  if (request.account->overlaps(config->subjects, config->name)) {
    return fail(request, model::api_error(Err::kSubjectOverlap));
  }
  if (auto room = check_room(*request.account, *config); !room) return fail(request, room.error());
  create_new(request, std::move(*config));
}

void JetStream::create_new(Request& request, model::StreamConfig config) {
  JetStreamAccount& account = *request.account;
  Entry entry;
  entry.created = {shards_.front()->environment(account.account).now()};
  storage::StreamInfo kept;
  kept.account = account.account.name();
  kept.name = config.name;
  kept.config = model::encode_kept(config, entry.created);
  kept.in_memory = config.storage == model::StorageType::kMemory;
  entry.shard = &shard_for(kept.account, kept.name);
  {
    std::lock_guard lock(store_mutex_);
    auto id = store_->create(kept, std::max<uint64_t>(config.first_seq, 1));
    if (!id) return fail(request, model::api_error(Err::kStreamCreate, id.error().message));
    entry.id = *id;
  }
  entry.config = std::move(config);
  auto at = account.streams.insert_or_assign(entry.config.name, std::move(entry)).first;
  ShardHost& shard = *at->second.shard;
  shard.run([this, &shard, entry = at->second, request = std::move(request)]() mutable {
    open_on_shard(*request.account, entry, [&](HostedStream* hosted) {
      Environment& environment = shard.environment(request.account->account);
      if (hosted == nullptr) {
        return reply(
            environment, shared_, request,
            Response(request.kind).error(model::api_error(Err::kStreamCreate, "no store")));
      }
      storage::StreamStore& store = hosted->stream().store();
      hosted->stream().when_synced(
          store.barrier(), [this, hosted, request](const storage::StorageError* error) {
            Response response(request.kind);
            auto info = hosted->info({});
            if (error != nullptr) {
              response.error(model::api_error(Err::kStreamCreate, error->message));
            } else if (info) {
              response.members(shown(std::move(*info), shared_)).member("did_create", "true");
            }
            reply(hosted->environment(), shared_, request, response);
            if (error == nullptr) hosted->advise_stream("CREATED", "create");
          });
    });
  });
}

void JetStream::stream_update(Request& request) {
  model::StreamRequest body;
  if (!parse(request, body)) return;
  if (body.config.name != request.stream()) {
    return fail(request, model::api_error(Err::kStreamMismatch));
  }
  Entry* entry = stream_of(request);
  if (entry == nullptr) return;
  model::Mode mode = body.pedantic ? model::Mode::kPedantic : model::Mode::kForgiving;
  auto config = model::check_stream(std::move(body.config), shared_.limits, mode);
  if (config) config = model::check_stream_update(entry->config, std::move(*config));
  if (!config) return fail(request, config.error());
  if (request.account->overlaps(config->subjects, config->name)) {
    return fail(request, model::api_error(Err::kSubjectOverlap));
  }
  if (auto room = check_room(*request.account, *config); !room) return fail(request, room.error());
  model::set_stored_metadata(*config);
  model::StreamConfig before = std::exchange(entry->config, *config);
  on_stream(request, [this, config = std::move(*config), before](HostedStream& hosted,
                                                                 const Request& asked) {
    auto done = hosted.stream().update(config);
    if (!done) {
      // The registry goes back to what the stream still does.
      shards_.front()->post([account = asked.account, before] {
        if (Entry* kept = account->find(before.name)) kept->config = before;
      });
      return reply(hosted.environment(), shared_, asked, Response(asked.kind).error(done.error()));
    }
    hosted.stream().when_synced(
        hosted.stream().store().barrier(),
        [this, &hosted, asked](const storage::StorageError* error) {
          Response response(asked.kind);
          auto info = hosted.info({});
          if (error != nullptr) {
            response.error(model::api_error(Err::kStreamGeneral, error->message));
          } else if (info) {
            response.members(shown(std::move(*info), shared_));
          }
          reply(hosted.environment(), shared_, asked, response);
          if (error == nullptr) hosted.advise_stream("UPDATED", "modify");
        });
  });
}

void JetStream::stream_delete(Request& request) {
  if (!request.blank()) return fail(request, model::api_error(Err::kNotEmptyRequest));
  Entry* entry = stream_of(request);
  if (entry == nullptr) return;
  Entry gone = *entry;
  request.account->streams.erase(gone.config.name);
  ShardHost& shard = *gone.shard;
  shard.run([this, &shard, gone, request = std::move(request)] {
    if (gone.slot->stream) {
      gone.slot->stream->advise_stream("DELETED", "delete");
      gone.slot->stream->close(consumer::Consumer::End::kDeleted);
    }
    std::lock_guard lock(store_mutex_);
    store_->detach(gone.id);
    gone.slot->stream.reset();
    store_->remove(gone.id, [this, &shard, request](storage::StorageResult<void> removed) {
      shard.post([this, &shard, request, removed] {
        Response response(request.kind);
        if (removed) {
          response.member("success", "true");
        } else {
          response.error(model::api_error(Err::kStreamDelete, removed.error().message));
        }
        reply(shard.environment(request.account->account), shared_, request, response);
      });
    });
  });
}

void JetStream::stream_info(Request& request) {
  model::StreamInfoRequest body;
  if (!parse(request, body)) return;
  on_stream(request, [this, body](HostedStream& hosted, const Request& asked) {
    Response response(asked.kind);
    auto info = hosted.info(body);
    if (info) {
      bool subjects = !body.subjects_filter.empty();
      size_t total = subjects ? hosted.stream().count_subjects(body.subjects_filter) : 0;
      auto offset = static_cast<size_t>(std::max<int64_t>(body.offset, 0));
      response.page(total, offset, subjects ? kSubjectsLimit : 0);
      response.members(shown(std::move(*info), shared_));
    } else {
      response.error(info.error());
    }
    reply(hosted.environment(), shared_, asked, response);
  });
}

std::vector<std::string> JetStream::matching(JetStreamAccount& account,
                                             const std::string& subject) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : account.streams) {
    bool wanted = subject.empty() || model::subjects_overlap(entry.config.subjects, {subject});
    if (wanted) names.push_back(name);
  }
  return names;
}

void JetStream::stream_names(Request& request) {
  model::ListRequest body;
  if (!parse(request, body)) return;
  std::vector<std::string> names = matching(*request.account, body.subject);
  std::vector<std::string> page;
  for (const std::string& name : page_of(names, body.offset, kNamesLimit)) {
    page.push_back(model::quoted(name));
  }
  auto offset = std::min(names.size(), static_cast<size_t>(std::max<int64_t>(body.offset, 0)));
  reply(request, Response(request.kind)
                     .page(names.size(), offset, kNamesLimit)
                     .member("streams", page.empty() ? "null" : joined(page)));
}

void JetStream::stream_list(Request& request) {
  model::ListRequest body;
  if (!parse(request, body)) return;
  std::vector<std::string> names = matching(*request.account, body.subject);
  std::vector<std::string> page = page_of(names, body.offset, kListLimit);
  // Asks each stream on its shard; the last answer to arrive at home completes the list.
  struct Gathering {
    std::vector<std::string> texts;
    size_t missing;
    size_t total, offset;
    Request request;
  };
  auto offset = std::min(names.size(), static_cast<size_t>(std::max<int64_t>(body.offset, 0)));
  auto all = std::make_shared<Gathering>(
      Gathering{std::vector<std::string>(page.size()), page.size(), names.size(), offset, request});
  auto finish = [this, all] {
    std::erase(all->texts, std::string());
    reply(all->request, Response(all->request.kind)
                            .page(all->total, all->offset, kListLimit)
                            .member("streams", joined(all->texts)));
  };
  if (page.empty()) return finish();
  ShardHost& home = *shards_.front();
  for (size_t i = 0; i < page.size(); ++i) {
    Entry& entry = *request.account->find(page[i]);
    entry.shard->run([this, &home, all, i, finish, slot = entry.slot] {
      std::string text;
      if (slot->stream) {
        if (auto info = slot->stream->info({})) text = shown(std::move(*info), shared_);
      }
      home.run([all, i, finish, text = std::move(text)] {
        all->texts[i] = text;
        if (--all->missing == 0) finish();
      });
    });
  }
}

void JetStream::stream_purge(Request& request) {
  model::PurgeRequest body;
  if (!parse(request, body)) return;
  on_stream(request, [this, body](HostedStream& hosted, const Request& asked) {
    auto purged = hosted.stream().purge(body);
    if (!purged) {
      return reply(hosted.environment(), shared_, asked,
                   Response(asked.kind).error(purged.error()).member("purged", "0"));
    }
    hosted.stream().when_synced(
        hosted.stream().store().barrier(),
        [this, &hosted, asked, count = *purged](const storage::StorageError* error) {
          Response response(asked.kind);
          if (error != nullptr) {
            response.error(model::api_error(Err::kStreamPurgeFailed, error->message));
          } else {
            response.member("success", "true");
          }
          response.member("purged", std::to_string(error == nullptr ? count : 0));
          reply(hosted.environment(), shared_, asked, response);
        });
  });
}

void JetStream::message_get(Request& request) {
  if (request.blank()) return fail(request, model::api_error(Err::kBadRequest));
  model::MessageGetRequest body;
  if (!parse(request, body)) return;
  on_stream(request, [this, body](HostedStream& hosted, const Request& asked) {
    Response response(asked.kind);
    auto message = hosted.stream().get(body);
    if (message) {
      response.member("message", message_text(*message, !body.no_headers));
    } else {
      response.error(message.error());
    }
    reply(hosted.environment(), shared_, asked, response);
  });
}

void JetStream::message_delete(Request& request) {
  if (request.blank()) return fail(request, model::api_error(Err::kBadRequest));
  model::MessageDeleteRequest body;
  if (!parse(request, body)) return;
  on_stream(request, [this, body](HostedStream& hosted, const Request& asked) {
    auto erased = hosted.stream().erase(body);
    if (!erased) {
      return reply(hosted.environment(), shared_, asked,
                   Response(asked.kind).error(erased.error()));
    }
    hosted.stream().when_synced(
        hosted.stream().store().barrier(),
        [this, &hosted, asked](const storage::StorageError* error) {
          Response response(asked.kind);
          if (error == nullptr) {
            response.member("success", "true");
          } else {
            response.error(model::api_error(Err::kMessageDeleteFailed, error->message));
          }
          reply(hosted.environment(), shared_, asked, response);
        });
  });
}

}  // namespace natrix::jetstream::api
