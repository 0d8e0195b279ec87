#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/metrics/histogram.h"
#include "sim/report/request_outcome.h"
#include "sim/report/timeline.h"

namespace isopop::sim {

// What one PoP did in a run.
struct PopTally {
  std::uint64_t requests = 0;  // answered or failed there
  std::uint64_t failed = 0;
  Histogram latency;  // of completed requests, from their actual send time
};

// Adds up a run, request by request, in memory that does not grow with their number. At any moment
//   offered = issued + dropped   and   issued = completed + failed + in flight.
// Latencies are of completed requests only; what failed is counted by class. Not thread-safe.
class RunTally final {
 public:
  // A request was sent, at `sent` from the start of the run.
  void add_issued(const PlannedRequest& request, std::chrono::nanoseconds sent);
  // A request whose time had come could not be sent: as many as allowed were in flight.
  void add_dropped(const PlannedRequest& request);
  // A request that was issued has ended.
  void add_outcome(const PlannedRequest& request, const RequestOutcome& outcome);

  [[nodiscard]] std::uint64_t offered() const { return issued_ + dropped_; }
  [[nodiscard]] std::uint64_t issued() const { return issued_; }
  [[nodiscard]] std::uint64_t completed() const { return completed_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }

  // From the intended and from the actual send time, to the whole answer.
  [[nodiscard]] const Histogram& latency_intended() const { return latency_intended_; }
  [[nodiscard]] const Histogram& latency_sent() const { return latency_sent_; }
  // How much later than intended requests were sent.
  [[nodiscard]] const Histogram& schedule_slip() const { return schedule_slip_; }
  // One kilometre is kept as one millisecond: see distance_km_quantile().
  [[nodiscard]] const Histogram& distance() const { return distance_; }
  [[nodiscard]] double distance_km_quantile(double ratio) const;
  [[nodiscard]] const Histogram& phase(Phase phase) const {
    return phases_.at(static_cast<std::size_t>(phase));
  }

  [[nodiscard]] const std::array<std::uint64_t, kStartKinds>& starts() const { return starts_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& failures() const { return failures_; }
  [[nodiscard]] const std::map<unsigned, std::uint64_t>& statuses() const { return statuses_; }
  [[nodiscard]] const std::map<std::string, PopTally>& pops() const { return pops_; }
  // Where clients were ("lat,lon" to a tenth of a degree) and how many requests came from there.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& places() const { return places_; }
  [[nodiscard]] const Timeline& timeline() const { return timeline_; }
  // "real", "account", "mixed", or "none" when no answer said.
  [[nodiscard]] std::string net_mode() const;

  // Requests a second while sending: as the plan wanted it and as it was. 0 with fewer than two.
  [[nodiscard]] double offered_per_s() const;
  [[nodiscard]] double issued_per_s() const;
  // Whether the issued rate is within 20 % of the offered one: if not, the run says little about
  // the system and much about the sender.
  [[nodiscard]] bool rate_held() const;

 private:
  void add_due(std::chrono::nanoseconds due);

  std::uint64_t issued_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::optional<std::chrono::nanoseconds> first_due_;
  std::chrono::nanoseconds last_due_{};
  std::chrono::nanoseconds last_sent_{};
  Histogram latency_intended_;
  Histogram latency_sent_;
  Histogram schedule_slip_;
  Histogram distance_;
  std::array<Histogram, kPhases> phases_;
  std::array<std::uint64_t, kStartKinds> starts_{};
  std::map<std::string, std::uint64_t> failures_;
  std::map<unsigned, std::uint64_t> statuses_;
  std::map<std::string, PopTally> pops_;
  std::map<std::string, std::uint64_t> places_;
  std::map<std::string, std::uint64_t> net_modes_;
  Timeline timeline_;
};

}  // namespace isopop::sim
