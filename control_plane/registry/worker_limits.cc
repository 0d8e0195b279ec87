#include "control_plane/registry/worker_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "common/text/text.h"
#include "common/units/units.h"

namespace isopop::control {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;

enum class Kind { kMilliseconds, kBytes, kCount };

struct Measure {
  Kind kind;
  std::uint64_t unit = 1;  // of a size: bytes to one of the field's
};
struct Range {  // in the field's unit
  std::uint64_t low;
  std::uint64_t high;
};
struct Rule {
  std::string_view name;   // for people
  std::string_view field;  // in the contract
  Measure measure;
  Range range;
  std::uint64_t (*get)(const v1::WorkerLimits&);
  void (*set)(v1::WorkerLimits&, std::uint64_t);
};

// The getter and the setter of a field. Its `high` fits into its type.
template <auto kGet>
std::uint64_t get_field(const v1::WorkerLimits& limits) {
  return (limits.*kGet)();
}
template <auto kGet, auto kSet>
void set_field(v1::WorkerLimits& limits, std::uint64_t value) {
  (limits.*kSet)(static_cast<decltype((limits.*kGet)())>(value));
}

using Limits = v1::WorkerLimits;

template <auto kGet, auto kSet>
constexpr Rule rule(std::string_view name, std::string_view field, Measure measure, Range range) {
  return {name, field, measure, range, get_field<kGet>, set_field<kGet, kSet>};
}

constexpr Measure kInMilliseconds{.kind = Kind::kMilliseconds};
constexpr Measure kInBytes{.kind = Kind::kBytes};
constexpr Measure kInKiB{.kind = Kind::kBytes, .unit = kKiB};
constexpr Measure kInMiB{.kind = Kind::kBytes, .unit = kMiB};
constexpr Measure kCounted{.kind = Kind::kCount};

constexpr std::array kRules = {
    rule<&Limits::cpu_ms, &Limits::set_cpu_ms>("cpu", "cpu_ms", kInMilliseconds, {1, 300'000}),
    rule<&Limits::wall_ms, &Limits::set_wall_ms>("wall", "wall_ms", kInMilliseconds,
                                                 {1, 3'600'000}),
    rule<&Limits::top_level_cpu_ms, &Limits::set_top_level_cpu_ms>(
        "top-level-cpu", "top_level_cpu_ms", kInMilliseconds, {1, 300'000}),
    rule<&Limits::heap_mib, &Limits::set_heap_mib>("heap", "heap_mib", kInMiB, {8, 4'096}),
    rule<&Limits::memory_mib, &Limits::set_memory_mib>("memory", "memory_mib", kInMiB, {32, 8'192}),
    rule<&Limits::request_body_bytes, &Limits::set_request_body_bytes>(
        "request-body", "request_body_bytes", kInBytes, {1, 10 * kKiB* kMiB}),
    rule<&Limits::subrequests, &Limits::set_subrequests>("subrequests", "subrequests", kCounted,
                                                         {1, 10'000}),
    rule<&Limits::log_kib, &Limits::set_log_kib>("log", "log_kib", kInKiB, {1, 16 * kKiB}),
    rule<&Limits::script_bytes, &Limits::set_script_bytes>("script", "script_bytes", kInBytes,
                                                           {1, 32 * kMiB}),
};

std::string format_value(const Rule& rule, std::uint64_t value) {
  switch (rule.measure.kind) {
    case Kind::kMilliseconds:
      return format_duration(std::chrono::milliseconds(value));
    case Kind::kBytes:
      return format_bytes(value * rule.measure.unit);
    case Kind::kCount:
      break;
  }
  return fmt::format("{}", value);
}

// How many of the field's units the text says.
Result<std::uint64_t> parse_value(const Rule& rule, std::string_view text) {
  if (rule.measure.kind == Kind::kCount) {
    const std::optional<unsigned long long> count = parse_unsigned(text);
    if (!count) return invalid_argument(fmt::format("'{}' is not a whole number", text));
    return std::uint64_t{*count};
  }
  if (rule.measure.kind == Kind::kMilliseconds) {
    ISOPOP_TRY_ASSIGN(const std::chrono::nanoseconds duration, parse_duration(text));
    const auto whole = std::chrono::floor<std::chrono::milliseconds>(duration);
    if (whole != duration) {
      return invalid_argument(fmt::format("'{}' must be whole milliseconds", text));
    }
    return static_cast<std::uint64_t>(whole.count());
  }
  ISOPOP_TRY_ASSIGN(const std::uint64_t bytes, parse_bytes(text));
  if (bytes % rule.measure.unit != 0) {
    return invalid_argument(
        fmt::format("'{}' must be whole {}", text, rule.measure.unit == kMiB ? "MiB" : "KiB"));
  }
  return bytes / rule.measure.unit;
}

Result<void> check_value(const Rule& rule, std::uint64_t value) {
  if (value >= rule.range.low && value <= rule.range.high) return {};
  return invalid_argument(fmt::format("{} is out of range: must be between {} and {}",
                                      format_value(rule, value), format_value(rule, rule.range.low),
                                      format_value(rule, rule.range.high)));
}

}  // namespace

const std::vector<std::string>& limit_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    all.reserve(kRules.size());
    for (const Rule& rule : kRules) all.emplace_back(rule.name);
    return all;
  }();
  return names;
}

Result<v1::WorkerLimits> with_limit(v1::WorkerLimits limits, std::string_view name,
                                    std::string_view text) {
  const auto* const rule = std::find_if(kRules.begin(), kRules.end(),
                                        [name](const Rule& each) { return each.name == name; });
  if (rule == kRules.end()) {
    const std::string meant = did_you_mean(name, limit_names());
    return invalid_argument(
        meant.empty() ? fmt::format("no such limit; there are {}", join(limit_names(), ", "))
                      : fmt::format("no such limit; did you mean '{}'?", meant));
  }
  ISOPOP_TRY_ASSIGN(const std::uint64_t value, parse_value(*rule, text));
  ISOPOP_TRY(check_value(*rule, value));
  rule->set(limits, value);
  return limits;
}

Result<void> check_limits(const v1::WorkerLimits& limits) {
  for (const Rule& rule : kRules) {
    const std::uint64_t value = rule.get(limits);
    if (value == 0) continue;
    const Result<void> checked = check_value(rule, value);
    if (!checked.ok()) {
      return invalid_argument(fmt::format("limit {}: {}", rule.name, checked.error().message));
    }
  }
  if (limits.memory_mib() != 0 && limits.heap_mib() > limits.memory_mib()) {
    return invalid_argument(
        fmt::format("limit heap: {} MiB is more than the {} MiB of limit memory, which it is a "
                    "part of",
                    limits.heap_mib(), limits.memory_mib()));
  }
  return {};
}

std::vector<LimitValue> limits_set(const v1::WorkerLimits& limits) {
  std::vector<LimitValue> values;
  for (const Rule& rule : kRules) {
    const std::uint64_t value = rule.get(limits);
    if (value != 0) values.push_back({.field = std::string(rule.field), .value = value});
  }
  return values;
}

}  // namespace isopop::control
