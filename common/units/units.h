#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace isopop {

// Durations and sizes as people write them in YAML and flags, and as they are printed. A number
// without a unit is an error: conversion happens once, at the border, and in plain sight.

// "50 ms", "1.5s", "2 min", "1h"; units ns us µs ms s min m h d. Not negative.
[[nodiscard]] Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// "128 MiB", "10kB", "512 B"; units B, kB MB GB (powers of 1000), KiB MiB GiB (powers of 1024).
[[nodiscard]] Result<std::uint64_t> parse_bytes(std::string_view text);

// Three significant digits and the unit that suits: "412 µs", "1.25 s", "3 min 20 s".
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

// "17 B", "4.2 KiB", "1.5 GiB".
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

// The double that most figures are reported in.
[[nodiscard]] inline double to_ms(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// Rounded to the nearest nanosecond.
[[nodiscard]] inline std::chrono::nanoseconds from_ms(double milliseconds) {
  return std::chrono::round<std::chrono::nanoseconds>(
      std::chrono::duration<double, std::milli>(milliseconds));
}

}  // namespace isopop
