#include "control_plane/rollout/guard.h"

#include <fmt/format.h>

#include <utility>

#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/rollout/quoted.h"

namespace isopop::control {
namespace {

constexpr std::size_t kTextBytesMax = 256;
constexpr double kAboveBaseMax = 100.0;  // hundredfold: more is not meant

Error no_guard(std::string_view text, std::string_view why) {
  return invalid_argument(
      fmt::format("{} is no reason to abort: {}; give nack, crashes>0, error-rate>1%, p99>80ms, "
                  "p99>+20% (also p50, p95), cpu>50ms or cpu>+20%",
                  quoted(text), why));
}

// "20%" as 0.2.
std::optional<double> parse_ratio(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  const std::optional<double> percent = parse_double(trim(text.substr(0, text.size() - 1)));
  if (!percent) return std::nullopt;
  return *percent / 100.0;
}

}  // namespace

Result<Guard> Guard::parse(std::string_view text) {
  text = trim(text);
  if (text.size() > kTextBytesMax) return no_guard(text, "it is too long");
  Guard guard;
  guard.text_ = std::string(text);
  if (text == "nack") return guard;
  const std::size_t above = text.find('>');
  if (above == std::string_view::npos) return no_guard(text, "it has no \">\"");
  const std::string_view metric = trim(text.substr(0, above));
  if (metric == "crashes") {
    guard.metric_ = Metric::kCrashes;
  } else if (metric == "error-rate") {
    guard.metric_ = Metric::kErrorRate;
  } else if (metric == "cpu") {
    guard.metric_ = Metric::kCpu;
  } else if (metric == "p50" || metric == "p95" || metric == "p99") {
    guard.metric_ = Metric::kLatency;
    guard.quantile_ = metric == "p50" ? 0.50 : metric == "p95" ? 0.95 : 0.99;
  } else {
    const std::string meant =
        did_you_mean(metric, {"nack", "crashes", "error-rate", "p50", "p95", "p99", "cpu"});
    return no_guard(text, meant.empty() ? std::string("nothing of that name is measured")
                                        : fmt::format("did you mean {}?", meant));
  }
  Result<Guard> parsed = parse_limit(std::move(guard), trim(text.substr(above + 1)));
  if (!parsed.ok()) return no_guard(text, parsed.error().message);
  return parsed;
}

Result<Guard> Guard::parse_limit(Guard guard, std::string_view limit) {
  if (guard.metric_ == Metric::kCrashes) {
    const std::optional<unsigned long long> count = parse_unsigned(limit);
    if (!count) return invalid_argument("crashes are counted: a whole number");
    guard.limit_ = static_cast<double>(*count);
    return guard;
  }
  if (guard.metric_ == Metric::kErrorRate) {
    const std::optional<double> ratio = parse_ratio(limit);
    if (!ratio || *ratio < 0.0 || *ratio >= 1.0) {
      return invalid_argument("an error rate is from 0% to below 100%");
    }
    guard.limit_ = *ratio;
    return guard;
  }
  if (limit.starts_with('+')) {
    const std::optional<double> ratio = parse_ratio(limit.substr(1));
    if (!ratio || *ratio < 0.0 || *ratio > kAboveBaseMax) {
      return invalid_argument("above the base is from +0% to +10000%");
    }
    guard.kind_ = Limit::kAboveBase;
    guard.limit_ = *ratio;
    return guard;
  }
  ISOPOP_TRY_ASSIGN(const std::chrono::nanoseconds time, parse_duration(limit));
  if (time.count() == 0) return invalid_argument("every request takes longer than 0");
  guard.limit_ = static_cast<double>(time.count());
  return guard;
}

std::optional<std::string> Guard::broken_by(const Evidence& evidence) const {
  const TrafficSum& fresh = evidence.fresh;
  switch (metric_) {
    case Metric::kNack:
      if (evidence.nacks == 0) return std::nullopt;
      return fmt::format("{}: {} PoP(s) rejected it, {}", text_, evidence.nacks,
                         evidence.first_nack);
    case Metric::kCrashes:
      if (static_cast<double>(fresh.crashes) <= limit_) return std::nullopt;
      return fmt::format("{}: {} executor(s) crashed", text_, fresh.crashes);
    case Metric::kErrorRate: {
      if (fresh.requests == 0) return std::nullopt;
      if (fresh.requests < kRequestsMin && fresh.errors < kErrorsMin) return std::nullopt;
      const double rate = static_cast<double>(fresh.errors) / static_cast<double>(fresh.requests);
      if (rate <= limit_) return std::nullopt;
      return fmt::format("{}: {} of {} requests failed ({:.2f}%)", text_, fresh.errors,
                         fresh.requests, rate * 100.0);
    }
    case Metric::kLatency:
    case Metric::kCpu:
      return judge_time(evidence);
  }
  return std::nullopt;
}

std::optional<std::string> Guard::judge_time(const Evidence& evidence) const {
  const auto can_be_judged = [this](const TrafficSum& sum) {
    return metric_ == Metric::kLatency ? sum.latency.count() >= kLatencyRequestsMin
                                       : sum.requests >= kRequestsMin;
  };
  if (!can_be_judged(evidence.fresh)) return std::nullopt;
  const std::chrono::nanoseconds fresh = measure(evidence.fresh);
  if (kind_ == Limit::kAbsolute) {
    if (static_cast<double>(fresh.count()) <= limit_) return std::nullopt;
    return fmt::format("{}: it is {}", text_, format_duration(fresh));
  }
  if (!can_be_judged(evidence.base)) return std::nullopt;
  const std::chrono::nanoseconds base = measure(evidence.base);
  if (static_cast<double>(fresh.count()) <= static_cast<double>(base.count()) * (1.0 + limit_)) {
    return std::nullopt;
  }
  return fmt::format("{}: it is {}, the base's {}", text_, format_duration(fresh),
                     format_duration(base));
}

std::chrono::nanoseconds Guard::measure(const TrafficSum& sum) const {
  if (metric_ == Metric::kLatency) return sum.latency.quantile(quantile_);
  return std::chrono::microseconds(sum.cpu_us / sum.requests);
}

}  // namespace isopop::control
