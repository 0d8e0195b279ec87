#include "common/units/units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <optional>

#include "common/text/text.h"

namespace isopop {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array kDurationUnits = {
    Unit{"ns", 1},     Unit{"us", 1e3}, Unit{"µs", 1e3},   Unit{"ms", 1e6},    Unit{"s", 1e9},
    Unit{"min", 60e9}, Unit{"m", 60e9}, Unit{"h", 3600e9}, Unit{"d", 86400e9},
};
constexpr std::array kByteUnits = {
    Unit{"B", 1},
    Unit{"kB", 1e3},
    Unit{"MB", 1e6},
    Unit{"GB", 1e9},
    Unit{"KiB", 1024},
    Unit{"MiB", 1024.0 * 1024},
    Unit{"GiB", 1024.0 * 1024 * 1024},
};

template <std::size_t N>
Result<double> parse_quantity(std::string_view text, const std::array<Unit, N>& units,
                              std::string_view what, std::string_view example) {
  const std::string_view whole = trim(text);
  const std::size_t digits = std::min(whole.find_first_not_of("0123456789."), whole.size());
  const std::optional<double> number = parse_double(whole.substr(0, digits));
  const std::string_view unit_name = trim(whole.substr(digits));
  if (!number)
    return invalid_argument(fmt::format("'{}' is not a {}, as in \"{}\"", text, what, example));
  if (unit_name.empty()) {
    return invalid_argument(fmt::format("'{}' lacks a unit, as in \"{}\"", text, example));
  }
  for (const Unit& unit : units) {
    if (unit.name != unit_name) continue;
    const double value = *number * unit.factor;
    if (value >= 9.2e18) return invalid_argument(fmt::format("'{}' is too large", text));
    return value;
  }
  std::string known;
  for (const Unit& unit : units) known += fmt::format("{}{}", known.empty() ? "" : " ", unit.name);
  return invalid_argument(
      fmt::format("'{}' has an unknown unit '{}'; known: {}", text, unit_name, known));
}

// Three significant digits, no exponent, no trailing zeros.
std::string three_digits(double value) {
  const int decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.find('.') != std::string::npos) {
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  ISOPOP_TRY_ASSIGN(const double value, parse_quantity(text, kDurationUnits, "duration", "50 ms"));
  return std::chrono::nanoseconds(std::llround(value));
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  ISOPOP_TRY_ASSIGN(const double value, parse_quantity(text, kByteUnits, "size", "128 MiB"));
  return static_cast<std::uint64_t>(std::llround(value));
}

std::string format_duration(std::chrono::nanoseconds duration) {
  const double value = static_cast<double>(duration.count());
  const double size = std::abs(value);
  const std::string_view sign = value < 0 ? "-" : "";
  if (size < 1e3) return fmt::format("{}{} ns", sign, three_digits(size));
  if (size < 1e6) return fmt::format("{}{} µs", sign, three_digits(size / 1e3));
  if (size < 1e9) return fmt::format("{}{} ms", sign, three_digits(size / 1e6));
  if (size < 60e9) return fmt::format("{}{} s", sign, three_digits(size / 1e9));
  const long long seconds = std::llround(size / 1e9);
  if (seconds < 3600) return fmt::format("{}{} min {} s", sign, seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}{} h {} min", sign, seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}{} d {} h", sign, seconds / 86400, seconds / 3600 % 24);
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> kNames = {"B", "KiB", "MiB", "GiB"};
  double value = static_cast<double>(bytes);
  std::size_t step = 0;
  while (value >= 1024 && step + 1 < kNames.size()) {
    value /= 1024;
    ++step;
  }
  return fmt::format("{} {}", three_digits(value), kNames.at(step));
}

}  // namespace isopop
