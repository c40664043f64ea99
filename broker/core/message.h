// Message: one published message on its way through the router. A view: the bytes belong to the
// block it was read into, which handing it to another shard keeps alive.
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/io/shared_bytes.h"

namespace natrix::account {
class Account;
}

namespace natrix::core {

struct Message {
  const char* subject_data = nullptr;
  const char* reply_data = nullptr;
  const char* body = nullptr;  // header block, then payload, then CRLF
  // "[reply ][hdr ]<total>\r\n<body>\r\n" in one piece, as MSG and HMSG need it behind the sid;
  // null when the message was not received in that form.
  const char* tail = nullptr;
  uint32_t subject_size = 0;
  uint32_t reply_size = 0;
  uint32_t header_size = 0;
  uint32_t total_size = 0;
  io::SharedBytes* block = nullptr;
  account::Account* account = nullptr;

  [[nodiscard]] std::string_view subject() const { return {subject_data, subject_size}; }
  [[nodiscard]] std::string_view reply() const { return {reply_data, reply_size}; }
  [[nodiscard]] std::string_view header() const { return {body, header_size}; }
  [[nodiscard]] std::string_view payload() const {
    return {body + header_size, total_size - header_size};
  }
  // Header and payload with the final CRLF.
  [[nodiscard]] std::string_view body_and_end() const { return {body, total_size + size_t{2}}; }
  [[nodiscard]] std::string_view tail_text() const {
    return {tail, static_cast<size_t>(body + total_size + 2 - tail)};
  }
};
static_assert(sizeof(Message) == 64);

}  // namespace natrix::core
