#include "sim/replay/answer_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "common/http/header_names.h"
#include "common/http/server_timing.h"
#include "common/text/text.h"
#include "common/units/units.h"

namespace isopop::sim {
namespace {

namespace names = http::header_names;

// A day; a header that claims more is wrong.
constexpr double kPhaseMsMax = 86'400'000.0;

std::optional<StartKind> start_kind(std::string_view text) {
  for (std::size_t i = 0; i < kStartKinds; ++i) {
    if (kStartKindNames.at(i) == text) return static_cast<StartKind>(i);
  }
  return std::nullopt;
}

void read_phases(std::string_view header, RequestOutcome& outcome) {
  for (const http::TimingMetric& metric : http::parse_server_timing(header)) {
    if (!metric.duration_ms || !(*metric.duration_ms >= 0.0) || *metric.duration_ms > kPhaseMsMax)
      continue;
    for (std::size_t i = 0; i < kPhases; ++i) {
      if (kPhaseNames.at(i) == metric.name) outcome.phase_ms.at(i) = metric.duration_ms;
    }
  }
}

double phase_or_zero(const RequestOutcome& outcome, Phase phase) {
  return outcome.phase_ms.at(static_cast<std::size_t>(phase)).value_or(0.0);
}

}  // namespace

void read_answer(const http::Response& response, RequestOutcome& outcome) {
  const http::Headers& headers = response.head.headers;
  outcome.status = response.head.status;
  outcome.body_bytes = response.body.size();
  outcome.pop = headers.get(names::kPop).value_or("");
  // A PoP that is asked without a router names itself at the end of the ray.
  if (const auto ray = headers.get(names::kRay); outcome.pop.empty() && ray) {
    if (const std::size_t dash = ray->rfind('-'); dash != std::string_view::npos) {
      outcome.pop = ray->substr(dash + 1);
    }
  }
  outcome.net_mode = headers.get(names::kNet).value_or("");
  outcome.client_location = headers.get(names::kClientLocation).value_or("");
  outcome.start = start_kind(headers.get(names::kStart).value_or(""));
  const std::optional<double> distance = parse_double(headers.get(names::kDistanceKm).value_or(""));
  if (distance && *distance >= 0.0) outcome.distance_km = distance;
  for (const std::string_view header : headers.get_all(names::kServerTiming))
    read_phases(header, outcome);
  if (outcome.net_mode == "account") {
    outcome.unwaited_network =
        from_ms(phase_or_zero(outcome, Phase::kAccess) + phase_or_zero(outcome, Phase::kNet) +
                phase_or_zero(outcome, Phase::kSetup));
  }
  const bool worker_answered = headers.contains(names::kStart);
  if (outcome.status >= 500 || (outcome.status >= 400 && !worker_answered)) {
    outcome.failure = fmt::format("http_{}", outcome.status);
  }
}

std::string_view failure_class(const Error& error, bool request_was_sent) {
  switch (error.code) {
    case ErrorCode::kDeadlineExceeded:
      return "timeout";
    case ErrorCode::kDataLoss:
      return "broken_answer";
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
      return "protocol";
    case ErrorCode::kResourceExhausted:
      return "overload";
    case ErrorCode::kCancelled:
      return "aborted";
    default:
      return request_was_sent ? "closed" : "connect";
  }
}

}  // namespace isopop::sim
