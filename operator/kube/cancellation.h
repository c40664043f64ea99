// The cancel token of HttpApi, and what its transport listens to.
//
// Safe from any thread. Callbacks run on the cancelling thread, once, must not block and must not
// call back into the same Cancellation.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "operator/kube/api.h"

namespace natrix::kube {

class Cancellation final : public CancelToken {
 public:
  // While it lives, `fn` is called when the token is cancelled (at once if it already is). After
  // its destructor returned, `fn` is neither running nor going to run.
  class Registration {
   public:
    Registration(Cancellation& owner, std::function<void()> fn);
    ~Registration();
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

   private:
    Cancellation& owner_;
    uint64_t id_;
  };

  void cancel() override;
  [[nodiscard]] bool cancelled() const override;

 private:
  mutable std::mutex mutex_;
  bool cancelled_ = false;
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::function<void()>> callbacks_;
};

}  // namespace natrix::kube
