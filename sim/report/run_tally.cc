#include "sim/report/run_tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/geo/geo_point.h"
#include "common/result/assert.h"
#include "common/units/units.h"

namespace isopop::sim {
namespace {

// The open-loop promise: beyond this the load that was offered is not the load that was put on.
constexpr double kRateErrorMax = 0.20;

// Places beyond this many are not told apart any more; a map has no room for them either.
constexpr std::size_t kPlacesMax = 20'000;

double per_second(std::uint64_t count, std::chrono::nanoseconds span) {
  if (count < 2 || span <= std::chrono::nanoseconds(0)) return 0.0;
  return static_cast<double>(count - 1) / std::chrono::duration<double>(span).count();
}

}  // namespace

void RunTally::add_due(std::chrono::nanoseconds due) {
  if (!first_due_) first_due_ = due;
  last_due_ = std::max(last_due_, due);
}

void RunTally::add_issued(const PlannedRequest& request, std::chrono::nanoseconds sent) {
  add_due(request.due);
  ++issued_;
  last_sent_ = std::max(last_sent_, sent);
  schedule_slip_.record(std::max(sent - request.due, std::chrono::nanoseconds(0)));
}

void RunTally::add_dropped(const PlannedRequest& request) {
  add_due(request.due);
  ++dropped_;
}

void RunTally::add_outcome(const PlannedRequest& request, const RequestOutcome& outcome) {
  ISOPOP_ASSERT(completed_ + failed_ < issued_, "an outcome follows its request");
  const std::chrono::nanoseconds latency = outcome.latency_from(outcome.sent);
  if (outcome.completed()) {
    ++completed_;
    latency_intended_.record(outcome.latency_from(request.due));
    latency_sent_.record(latency);
    timeline_.add(outcome.done, {.completed = 1});
  } else {
    ++failed_;
    ++failures_[outcome.failure];
    timeline_.add(outcome.done, {.failed = 1});
  }
  body_bytes_ += outcome.body_bytes;
  if (outcome.status != 0) ++statuses_[outcome.status];
  if (outcome.start) ++starts_.at(static_cast<std::size_t>(*outcome.start));
  if (outcome.distance_km) distance_.record(from_ms(*outcome.distance_km));
  if (!outcome.net_mode.empty()) ++net_modes_[outcome.net_mode];
  for (std::size_t i = 0; i < kPhases; ++i) {
    if (outcome.phase_ms.at(i)) phases_.at(i).record(from_ms(*outcome.phase_ms.at(i)));
  }
  if (!outcome.pop.empty()) {
    PopTally& pop = pops_[outcome.pop];
    ++pop.requests;
    if (outcome.completed()) {
      pop.latency.record(latency);
    } else {
      ++pop.failed;
    }
  }
  if (!outcome.client_location.empty()) {
    const Result<GeoPoint> point = parse_geo_point(outcome.client_location);
    if (!point.ok()) return;
    const std::string place =
        fmt::format("{:.1f},{:.1f}", point.value().latitude_deg, point.value().longitude_deg);
    if (places_.size() < kPlacesMax || places_.contains(place)) ++places_[place];
  }
}

double RunTally::distance_km_quantile(double ratio) const {
  return to_ms(distance_.quantile(ratio));
}

std::string RunTally::net_mode() const {
  if (net_modes_.empty()) return "none";
  return net_modes_.size() == 1 ? net_modes_.begin()->first : "mixed";
}

double RunTally::offered_per_s() const {
  return first_due_ ? per_second(offered(), last_due_ - *first_due_) : 0.0;
}

double RunTally::issued_per_s() const {
  if (!first_due_) return 0.0;
  // Sending faster than intended is impossible, so what was dropped shortens the count, not the
  // time.
  return per_second(issued_, std::max(last_sent_, last_due_) - *first_due_);
}

bool RunTally::rate_held() const {
  const double wanted = offered_per_s();
  if (wanted == 0.0) return true;
  return std::abs(issued_per_s() / wanted - 1.0) <= kRateErrorMax;
}

}  // namespace isopop::sim
