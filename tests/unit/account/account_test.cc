#include "broker/account/account.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace natrix::account {
namespace {

using testing::ElementsAre;

TEST(Accounts, HaveTheGlobalAndTheSystemAccount) {
  EpochDomain epochs;
  Accounts accounts(epochs);
  EXPECT_EQ(accounts.global().name(), "$G");
  EXPECT_EQ(accounts.system().name(), "$SYS");
  EXPECT_EQ(accounts.find("$G"), &accounts.global());
  EXPECT_EQ(accounts.find("$SYS"), &accounts.system());
  EXPECT_EQ(accounts.find("other"), nullptr);
  EXPECT_THAT(accounts.all(), ElementsAre(&accounts.global(), &accounts.system()));
}

TEST(Accounts, TheSystemAccountMayHaveAnotherName) {
  EpochDomain epochs;
  Accounts accounts(epochs, "OPS");
  EXPECT_EQ(accounts.find("OPS"), &accounts.system());
  EXPECT_EQ(accounts.find("$SYS"), nullptr);
}

TEST(Accounts, MayShareOne) {
  EpochDomain epochs;
  Accounts accounts(epochs, "$G");
  EXPECT_EQ(&accounts.global(), &accounts.system());
  EXPECT_EQ(accounts.all().size(), 1U);
}

TEST(Accounts, SubjectsAreApart) {
  EpochDomain epochs;
  Accounts accounts(epochs);
  auto* sub = subject::Subscription::create(nullptr, 0, subject::Origin::kLocal, "1");
  accounts.global().index().insert(sub, "a", {});
  auto found = [](const Account& account) {
    int count = 0;
    account.index().match(
        "a", [&](subject::Subscription*) { ++count; }, [](const subject::QueueGroup&) {});
    return count;
  };
  EXPECT_EQ(found(accounts.global()), 1);
  EXPECT_EQ(found(accounts.system()), 0);
  accounts.global().index().remove(sub);
  subject::Subscription::destroy(sub);
}

}  // namespace
}  // namespace natrix::account
