// Account: an isolated space of subjects with its own subscriptions, limits and statistics
// (wire.md 4). Every connection belongs to one; $G is the default, $SYS the system account.
//
// Accounts live as long as the server. Safe from any thread except where said.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/subject/subject_index.h"

namespace natrix::account {

inline constexpr std::string_view kGlobalAccount = "$G";
inline constexpr std::string_view kSystemAccount = "$SYS";

struct AccountLimits {
  int64_t max_connections = -1;  // -1: unlimited
};

class Account {
 public:
  Account(std::string name, EpochDomain& epochs) : name_(std::move(name)), index_(epochs) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  subject::SubjectIndex& index() { return index_; }
  [[nodiscard]] const subject::SubjectIndex& index() const { return index_; }

  std::atomic<int64_t> connections{0};
  std::atomic<uint64_t> total_connections{0};
  std::atomic<int64_t> slow_consumers{0};

 private:
  const std::string name_;
  subject::SubjectIndex index_;
};

// The accounts of a server: fixed at start, so look-ups need no lock.
class Accounts {
 public:
  explicit Accounts(EpochDomain& epochs, std::string_view system_account = kSystemAccount);

  [[nodiscard]] Account& global() const { return *global_; }
  [[nodiscard]] Account& system() const { return *system_; }
  [[nodiscard]] Account* find(std::string_view name) const;
  [[nodiscard]] std::vector<Account*> all() const;

 private:
  Account* add(std::string_view name, EpochDomain& epochs);
  std::map<std::string, std::unique_ptr<Account>, std::less<>> by_name_;
  Account* global_;
  Account* system_;
};

}  // namespace natrix::account
