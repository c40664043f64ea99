// The API of consumers (wire.md 8).
#include <algorithm>

#include "broker/jetstream/api/jetstream.h"
#include "broker/jetstream/model/consumer_rules.h"

namespace natrix::jetstream::api {

using consumer::Consumer;
using model::Err;

namespace {

constexpr size_t kNamesLimit = 1024;
constexpr size_t kListLimit = 256;

std::string shown(model::ConsumerInfo info, const Shared& shared) {
  if (info.config) {
    info.config->metadata = model::shown_metadata(std::move(info.config->metadata), shared.version);
  }
  return model::to_text(info);
}

// Texts of consumers from `offset` on.
template <class F>
std::string page_of(const HostedStream& hosted, size_t offset, size_t limit, F&& text) {
  std::vector<std::string> texts;
  size_t at = 0;
  for (const auto& [name, one] : hosted.consumers()) {
    if (at++ < offset) continue;
    if (texts.size() == limit) break;
    texts.push_back(text(*one));
  }
  return fmt::format("[{}]", fmt::join(texts, ","));
}

}  // namespace

void JetStream::consumer_create(Request& request) {
  model::ConsumerRequest body;
  if (!parse(request, body)) return;
  if (body.stream != request.stream()) {
    return fail(request, model::api_error(Err::kStreamMismatch));
  }
  model::ConsumerConfig& config = body.config;
  if (request.names.size() == 1) {
    if (config.is_durable()) return fail(request, model::api_error(Err::kEphemeralWithDurable));
    return create_consumer(request, std::move(body));
  }
  const std::string& name = request.consumer();
  if (name.find_first_of("\\/") != std::string::npos) {
    return fail(request, model::api_error(Err::kConsumerPathSeparators));
  }
  if (config.is_durable() && config.durable != name) {
    return fail(request, model::api_error(Err::kDurableNotEqualSubject));
  }
  config.name = name;
  if (request.names.size() == 3) {
    if (!config.filter_subjects.empty()) {
      return fail(request, model::api_error(Err::kMultipleFiltersInSubject));
    }
    if (config.filter_subject != request.names[2]) {
      return fail(request, model::api_error(Err::kFilterMismatch));
    }
  }
  create_consumer(request, std::move(body));
}

void JetStream::consumer_create_durable(Request& request) {
  model::ConsumerRequest body;
  if (!parse(request, body)) return;
  if (body.stream != request.stream()) {
    return fail(request, model::api_error(Err::kStreamMismatch));
  }
  if (!body.config.is_durable()) return fail(request, model::api_error(Err::kDurableNotSet));
  if (body.config.durable != request.consumer()) {
    return fail(request, model::api_error(Err::kDurableNotEqualSubject));
  }
  body.config.name = request.consumer();
  create_consumer(request, std::move(body));
}

void JetStream::create_consumer(Request& request, model::ConsumerRequest body) {
  on_stream(request, [this, body = std::move(body)](HostedStream& hosted, const Request& asked) {
    auto created = hosted.create(body);
    if (!created) {
      return reply(hosted.environment(), shared_, asked,
                   Response(asked.kind).error(created.error()));
    }
    hosted.stream().when_synced(
        created->ticket, [this, &hosted, asked,
                          name = created->consumer->name()](const storage::StorageError* error) {
          Response response(asked.kind);
          Consumer* one = hosted.find(name);
          if (error != nullptr || one == nullptr) {
            std::string_view why = error != nullptr ? error->message : "deleted meanwhile";
            response.error(model::api_error(Err::kConsumerStore, why));
          } else {
            response.members(shown(one->info(), shared_));
          }
          reply(hosted.environment(), shared_, asked, response);
        });
  });
}

void JetStream::consumer_names(Request& request) {
  model::ListRequest body;
  if (!parse(request, body)) return;
  on_stream(request, [this, body](HostedStream& hosted, const Request& asked) {
    size_t total = hosted.consumers().size();
    auto offset = std::min(total, static_cast<size_t>(std::max<int64_t>(body.offset, 0)));
    Response response(asked.kind);
    response.page(total, offset, kNamesLimit);
    response.member("consumers", page_of(hosted, offset, kNamesLimit,
                                         [](Consumer& one) { return model::quoted(one.name()); }));
    reply(hosted.environment(), shared_, asked, response);
  });
}

void JetStream::consumer_list(Request& request) {
  model::ListRequest body;
  if (!parse(request, body)) return;
  on_stream(request, [this, body](HostedStream& hosted, const Request& asked) {
    size_t total = hosted.consumers().size();
    auto offset = std::min(total, static_cast<size_t>(std::max<int64_t>(body.offset, 0)));
    Response response(asked.kind);
    response.page(total, offset, kListLimit);
    response.member("consumers", page_of(hosted, offset, kListLimit, [this](Consumer& one) {
                      return shown(one.info(), shared_);
                    }));
    reply(hosted.environment(), shared_, asked, response);
  });
}

void JetStream::consumer_info(Request& request) {
  if (!request.blank()) return fail(request, model::api_error(Err::kNotEmptyRequest));
  on_consumer(request, [this](HostedStream& hosted, Consumer& one, const Request& asked) {
    reply(hosted.environment(), shared_, asked,
          Response(asked.kind).members(shown(one.info(), shared_)));
  });
}

void JetStream::consumer_delete(Request& request) {
  if (!request.blank()) return fail(request, model::api_error(Err::kNotEmptyRequest));
  on_consumer(request, [this](HostedStream& hosted, Consumer& one, const Request& asked) {
    auto removed = hosted.remove(std::string(one.name()));
    if (!removed) {
      return reply(hosted.environment(), shared_, asked,
                   Response(asked.kind).error(removed.error()));
    }
    hosted.stream().when_synced(
        *removed, [this, &hosted, asked](const storage::StorageError* error) {
          Response response(asked.kind);
          if (error == nullptr) {
            response.member("success", "true");
          } else {
            response.error(model::api_error(Err::kConsumerStore, error->message));
          }
          reply(hosted.environment(), shared_, asked, response);
        });
  });
}

void JetStream::consumer_pause(Request& request) {
  model::PauseRequest body;
  if (!parse(request, body)) return;
  on_consumer(request, [this, body](HostedStream& hosted, Consumer& one, const Request& asked) {
    auto written = hosted.pause(one, body.pause_until);
    if (!written) {
      return reply(hosted.environment(), shared_, asked,
                   Response(asked.kind).error(written.error()));
    }
    hosted.stream().when_synced(*written, [this, &hosted, asked, body,
                                           info = one.info()](const storage::StorageError* error) {
      Response response(asked.kind);
      if (error != nullptr) {
        response.error(model::api_error(Err::kConsumerStore, error->message));
      }
      response.member("paused", info.paused ? "true" : "false");
      response.member("pause_until", "\"" + model::format_time(body.pause_until) + "\"");
      if (info.paused) response.member("pause_remaining", std::to_string(info.pause_remaining));
      reply(hosted.environment(), shared_, asked, response);
    });
  });
}

void JetStream::consumer_reset(Request& request) {
  model::ResetRequest body;
  if (!parse(request, body)) return;
  on_consumer(request, [this, body](HostedStream& hosted, Consumer& one, const Request& asked) {
    auto where = one.reset(body.seq);
    if (!where) {
      return reply(hosted.environment(), shared_, asked, Response(asked.kind).error(where.error()));
    }
    Response response(asked.kind);
    response.members(shown(one.info(), shared_)).member("reset_seq", std::to_string(*where));
    hosted.stream().when_synced(
        hosted.stream().store().barrier(),
        [this, &hosted, asked, response](const storage::StorageError* error) {
          reply(hosted.environment(), shared_, asked,
                error == nullptr
                    ? response
                    : Response(asked.kind)
                          .error(model::api_error(Err::kConsumerStore, error->message)));
        });
  });
}

void JetStream::consumer_unpin(Request& request) {
  model::UnpinRequest body;
  if (!parse(request, body)) return;
  if (body.group.empty()) {
    return fail(request, model::api_error(Err::kInvalidJson, "consumer group not specified"));
  }
  if (!model::is_valid_group(body.group)) {
    return fail(request, model::api_error(Err::kInvalidGroupName));
  }
  on_consumer(request, [this, group = body.group](HostedStream& hosted, Consumer& one,
                                                  const Request& asked) {
    Response response(asked.kind);
    if (!one.unpin_by_request(group)) {
      response.error(model::api_error(Err::kInvalidPriorityGroup));
    }
    reply(hosted.environment(), shared_, asked, response);
  });
}

}  // namespace natrix::jetstream::api
