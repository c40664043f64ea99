// AccountInterest: tells the peers what the subscribers of one account here want to have.
//
// One per account while the server is in a cluster; registered as the listener of the account's
// index. attach() and detach() may be called from any thread but not under the index's writer lock.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/account/account.h"
#include "broker/account/permissions.h"
#include "broker/route/outbox.h"

namespace natrix::route {

class AccountInterest final : public subject::InterestListener {
 public:
  AccountInterest(account::Account& account,
                  std::shared_ptr<const account::CompiledPermissions> permissions);
  ~AccountInterest() override;
  AccountInterest(const AccountInterest&) = delete;
  AccountInterest& operator=(const AccountInterest&) = delete;

  // Puts all present interest into the outbox, and every change from then on. `with_account`: lines
  // name the account, as on every route that is not dedicated to it. Attaching a second time
  // repeats the present interest, which does no harm.
  void attach(const std::shared_ptr<Outbox>& outbox, bool with_account);
  void detach(const Outbox& outbox);
  // Another `cluster.permissions`; holds for what is sent from now on.
  void set_permissions(std::shared_ptr<const account::CompiledPermissions> permissions);

  void interest_changed(std::string_view subject, std::string_view queue,
                        uint32_t members) override;

 private:
  struct Attached {
    std::shared_ptr<Outbox> outbox;
    bool with_account;
  };
  // Whether interest in the subject may be sent: `import` of the permissions.
  [[nodiscard]] bool may_import(std::string_view subject) const;

  account::Account& account_;
  // Under the index's writer lock.
  std::shared_ptr<const account::CompiledPermissions> permissions_;
  std::vector<Attached> attached_;
  std::string line_;
};

// Appends "RS+ ..." or, without members, "RS- ...". An empty account is left out.
void append_interest(std::string& to, std::string_view account, std::string_view subject,
                     std::string_view queue, uint32_t members);

}  // namespace natrix::route
