#pragma once

#include <source_location>
#include <string_view>

namespace isopop {

// Prints the broken promise with its place to standard error and aborts.
[[noreturn]] void assert_failed(std::string_view condition, std::string_view expectation,
                                std::source_location location);

}  // namespace isopop

// For bugs: a promise inside our own code is broken, going on would do harm. On in every build.
#define ISOPOP_ASSERT(condition, expectation)                                                \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      ::isopop::assert_failed(#condition, (expectation), ::std::source_location::current()); \
    }                                                                                        \
  } while (false)
