// The parameters of a page, from the query part of its URL, with nats-server's spellings and the
// same opening words in its error texts.
//
// Pure; immutable after construction. A parameter that is given more than once counts with its
// first value; one that is not well-formed is skipped, an empty one is as good as absent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/result.h"
#include "broker/monitor/source.h"

namespace natrix::monitor {

// How much of the subscriptions a page shows.
enum class ListSubs { kNo, kSubjects, kDetail };

// Most entries a page ever has, whatever `limit` asks for: a page is built in memory.
inline constexpr int64_t kMaxPageEntries = 65536;
inline constexpr int64_t kDefaultPageEntries = 1024;

class QueryParams {
 public:
  explicit QueryParams(std::string_view query);

  // Empty if absent.
  [[nodiscard]] const std::string& text(std::string_view name) const;

  // Absent: false and 0. Errors: the text of a 400.
  [[nodiscard]] Result<bool> boolean(std::string_view name) const;
  [[nodiscard]] Result<int64_t> integer(std::string_view name) const;
  [[nodiscard]] Result<uint64_t> unsigned_integer(std::string_view name) const;

  // `subs`: a boolean or "detail".
  [[nodiscard]] Result<ListSubs> subs() const;
  // `state`: open, closed, any, all.
  [[nodiscard]] Result<ConnState> state() const;

  // `offset`, negative counts as 0; `limit`, zero or negative means kDefaultPageEntries, and more
  // than kMaxPageEntries means that.
  [[nodiscard]] Result<int64_t> offset() const;
  [[nodiscard]] Result<int64_t> limit() const;

 private:
  std::vector<std::pair<std::string, std::string>> params_;
};

}  // namespace natrix::monitor
