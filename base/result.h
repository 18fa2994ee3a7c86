// Result: a value, or the reason why there is none.
//
// Errors are values in redwall: no exception crosses a room's wall. Each module has its own error
// type, an enum with a sentence for each value (`Describe`), or a struct that carries the sentence.
#ifndef REDWALL_BASE_RESULT_H_
#define REDWALL_BASE_RESULT_H_

#include <cassert>
#include <optional>
#include <utility>
#include <variant>

namespace redwall {

template <class T, class E>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Precondition: ok().
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

  // Precondition: !ok().
  const E& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, E> state_;
};

// The outcome of something that has no value to return.
template <class E>
class [[nodiscard]] Result<void, E> {
 public:
  Result() = default;
  Result(E error) : error_(std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const E& error() const {
    assert(error_);
    return *error_;
  }

 private:
  std::optional<E> error_;
};

}  // namespace redwall

#endif  // REDWALL_BASE_RESULT_H_
