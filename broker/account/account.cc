#include "broker/account/account.h"

namespace natrix::account {

Accounts::Accounts(EpochDomain& epochs, std::string_view system_account)
    : global_(add(kGlobalAccount, epochs)), system_(add(system_account, epochs)) {}

Account* Accounts::add(std::string_view name, EpochDomain& epochs) {
  auto& place = by_name_[std::string(name)];
  if (!place) place = std::make_unique<Account>(std::string(name), epochs);
  return place.get();
}

Account* Accounts::find(std::string_view name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

std::vector<Account*> Accounts::all() const {
  std::vector<Account*> all;
  for (const auto& [name, account] : by_name_) all.push_back(account.get());
  return all;
}

}  // namespace natrix::account
