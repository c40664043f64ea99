#include "broker/route/interest.h"

#include <algorithm>
#include <charconv>

namespace natrix::route {

void append_interest(std::string& to, std::string_view account, std::string_view subject,
                     std::string_view queue, uint32_t members) {
  to += members > 0 ? "RS+ " : "RS- ";
  if (!account.empty()) {
    to += account;
    to += ' ';
  }
  to += subject;
  if (!queue.empty()) {
    to += ' ';
    to += queue;
    if (members > 0) {
      char digits[12];
      char* end = std::to_chars(digits, digits + sizeof(digits), members).ptr;
      to += ' ';
      to.append(digits, end);
    }
  }
  to += "\r\n";
}

AccountInterest::AccountInterest(account::Account& account,
                                 std::shared_ptr<const account::CompiledPermissions> permissions)
    : account_(account), permissions_(std::move(permissions)) {
  account_.index().set_listener(this);
}

AccountInterest::~AccountInterest() {
  account_.index().set_listener(nullptr);
}

bool AccountInterest::may_import(std::string_view subject) const {
  return !permissions_ || permissions_->may_publish(subject);
}

void AccountInterest::attach(const std::shared_ptr<Outbox>& outbox, bool with_account) {
  std::string lines;
  std::string_view name = with_account ? std::string_view(account_.name()) : std::string_view{};
  account_.index().snapshot_interest(
      [&](std::string_view subject, std::string_view queue, uint32_t members) {
        if (may_import(subject)) append_interest(lines, name, subject, queue, members);
      },
      [&] {
        bool known = std::any_of(attached_.begin(), attached_.end(),
                                 [&](const Attached& a) { return a.outbox == outbox; });
        if (!known) attached_.push_back({outbox, with_account});
        outbox->append(lines);
      });
}

void AccountInterest::detach(const Outbox& outbox) {
  account_.index().between_changes([&] {
    std::erase_if(attached_, [&](const Attached& a) { return a.outbox.get() == &outbox; });
  });
}

void AccountInterest::set_permissions(
    std::shared_ptr<const account::CompiledPermissions> permissions) {
  account_.index().between_changes([&] { permissions_ = std::move(permissions); });
}

void AccountInterest::interest_changed(std::string_view subject, std::string_view queue,
                                       uint32_t members) {
  if (attached_.empty() || !may_import(subject)) return;
  for (const Attached& a : attached_) {
    line_.clear();
    append_interest(line_, a.with_account ? std::string_view(account_.name()) : std::string_view{},
                    subject, queue, members);
    a.outbox->append(line_);
  }
}

}  // namespace natrix::route
