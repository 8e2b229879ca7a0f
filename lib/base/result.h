// Result<T>: a value or an Error. The only way a function of this project reports failure across a public interface.
#pragma once

#include <utility>

#include <tl/expected.hpp>

#include "lib/base/error.h"

namespace pthview {

// tl::expected is not [[nodiscard]]; dropping an error unread is a bug here, so this class is.
template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  // An Error converts to a failed Result, so that `return Error{...}` reads as it means.
  Result(Error error) : tl::expected<T, Error>(tl::unexpect, std::move(error)) {}  // NOLINT(google-explicit-constructor)
};

using Status = Result<void>;

inline Status Ok() { return Status(); }

}  // namespace pthview

#define PTHVIEW_CONCAT_INNER(a, b) a##b
#define PTHVIEW_CONCAT(a, b) PTHVIEW_CONCAT_INNER(a, b)

// Returns the error of `expression` from the enclosing function, if it has one.
#define PTHVIEW_TRY(expression)                                        \
  do {                                                                 \
    auto pthview_status = (expression);                                \
    if (!pthview_status) return std::move(pthview_status).error();     \
  } while (false)

// Declares `declaration` from the value of `expression`, or returns its error from the enclosing function.
#define PTHVIEW_ASSIGN(declaration, expression) \
  PTHVIEW_ASSIGN_IMPL(PTHVIEW_CONCAT(pthview_result_, __LINE__), declaration, expression)
#define PTHVIEW_ASSIGN_IMPL(result, declaration, expression) \
  auto result = (expression);                                \
  if (!result) return std::move(result).error();             \
  declaration = std::move(*result)
