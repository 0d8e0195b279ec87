#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/result/assert.h"

namespace isopop {

// What went wrong, in words a caller can act on. The list is gRPC's, so that an error crosses the
// wire unchanged; a new code is added only when some caller acts on it alone.
enum class ErrorCode {
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "NOT_FOUND" and so on.
[[nodiscard]] std::string_view to_string(ErrorCode code);

// A fault: something outside the program's control did not work. The message is for people: what
// was tried, on what, why not. Values, freely copied.
struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kUnknown;
  std::string message;

  // The same error seen from one level up: "context: message".
  Error with_context(std::string_view context) const;
};

// Shorthand for the common cases.
Error invalid_argument(std::string message);
Error not_found(std::string message);
Error unavailable(std::string message);
Error internal_error(std::string message);

// The error of a failed system call: "open /x: No such file or directory", with errno's nearest
// code.
Error errno_error(std::string_view what, int errno_value);

// Either a T or an Error. Reading the wrong side aborts. Immutable but for moving the value out.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  [[nodiscard]] bool ok() const { return state_.index() == 0; }

  [[nodiscard]] const T& value() const& {
    check_ok();
    return std::get<0>(state_);
  }
  [[nodiscard]] T& value() & {
    check_ok();
    return std::get<0>(state_);
  }
  [[nodiscard]] T value() && {
    check_ok();
    return std::get<0>(std::move(state_));
  }
  [[nodiscard]] const Error& error() const {
    ISOPOP_ASSERT(!ok(), "error() of a successful result");
    return std::get<1>(state_);
  }

  // Adds context to an error; a value passes through.
  Result with_context(std::string_view context) && {
    if (ok()) return std::move(*this);
    return error().with_context(context);
  }

  // Drops the outcome on purpose; says why at the call.
  void ignore(std::string_view /*why*/) const {}

 private:
  void check_ok() const {
    if (!ok()) {
      assert_failed("result.ok()", std::get<1>(state_).message, std::source_location::current());
    }
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  [[nodiscard]] const Error& error() const {
    ISOPOP_ASSERT(error_.has_value(), "error() of a successful result");
    return *error_;
  }
  Result with_context(std::string_view context) && {
    if (ok()) return {};
    return error_->with_context(context);
  }
  void ignore(std::string_view /*why*/) const {}

 private:
  std::optional<Error> error_;
};

}  // namespace isopop

#define ISOPOP_CONCAT_INNER(a, b) a##b
#define ISOPOP_CONCAT(a, b) ISOPOP_CONCAT_INNER(a, b)

// Returns the error of `expr` to the caller, or goes on.
#define ISOPOP_TRY(expr)                                              \
  do {                                                                \
    if (auto&& isopop_try_result = (expr); !isopop_try_result.ok()) { \
      return isopop_try_result.error();                               \
    }                                                                 \
  } while (false)

// ISOPOP_TRY_ASSIGN(auto x, expr): x is the value of `expr`, or its error is returned to the
// caller.
#define ISOPOP_TRY_ASSIGN(declaration, expr) \
  ISOPOP_TRY_ASSIGN_INNER(ISOPOP_CONCAT(isopop_result_, __LINE__), declaration, expr)
#define ISOPOP_TRY_ASSIGN_INNER(name, declaration, expr) \
  auto name = (expr);                                    \
  if (!name.ok()) return name.error();                   \
  declaration = std::move(name).value()

// The same two in a coroutine.
#define ISOPOP_CO_TRY(expr)                                           \
  do {                                                                \
    if (auto&& isopop_try_result = (expr); !isopop_try_result.ok()) { \
      co_return isopop_try_result.error();                            \
    }                                                                 \
  } while (false)
#define ISOPOP_CO_TRY_ASSIGN(declaration, expr) \
  ISOPOP_CO_TRY_ASSIGN_INNER(ISOPOP_CONCAT(isopop_result_, __LINE__), declaration, expr)
#define ISOPOP_CO_TRY_ASSIGN_INNER(name, declaration, expr) \
  auto name = (expr);                                       \
  if (!name.ok()) co_return name.error();                   \
  declaration = std::move(name).value()
