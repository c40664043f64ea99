// Result<T, E>: a value or an error, for everything that can fail in normal operation.
//
//   Result<Options> options = parse(text);
//   if (!options) return fail(options.error());
//   use(*options);
//
// Immutable once made, as thread-safe as T. Reading the value of a failed result is a programming
// error and aborts.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace natrix {

// Prints the broken invariant and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* text, const char* file,
                                   int line);

// The error of code that needs no enum: a sentence a person can act on.
struct Error {
  std::string message;
};

template <class E>
struct Failure {
  E error;
};

inline Failure<Error> fail(std::string message) {
  return {Error{std::move(message)}};
}
template <class E>
Failure<std::decay_t<E>> fail_with(E&& error) {
  return {std::forward<E>(error)};
}

inline void require(bool holds, const char* text) {
  if (!holds) [[unlikely]]
    assertion_failed("Result", text, __FILE__, __LINE__);
}

template <class T, class E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Failure<E> failure) : state_(std::in_place_index<1>, std::move(failure.error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  T& value() {
    require(ok(), "value() of a failed Result");
    return std::get<0>(state_);
  }
  const T& value() const {
    require(ok(), "value() of a failed Result");
    return std::get<0>(state_);
  }
  const E& error() const {
    require(!ok(), "error() of a successful Result");
    return std::get<1>(state_);
  }

 private:
  std::variant<T, E> state_;
};

template <class E>
class [[nodiscard]] Result<void, E> {
 public:
  Result() = default;
  Result(Failure<E> failure) : error_(std::move(failure.error)) {}

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const E& error() const {
    require(!ok(), "error() of a successful Result");
    return *error_;
  }

 private:
  std::optional<E> error_;
};

}  // namespace natrix
