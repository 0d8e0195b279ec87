#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/random/random.h"
#include "common/time/clock.h"

namespace isopop::router {

struct HealthOptions {
  std::chrono::milliseconds backoff_first{500};  // doubles with each further failure
  std::chrono::milliseconds backoff_max{15'000};
  double jitter_ratio = 0.2;  // each back-off is 1 ± this much, so that probes do not come in step
};

// What requests have found out about PoPs, faster than any heartbeat: one that could not be reached
// is left out for a while, then one request may try it, and if that works it is back. A core: time
// comes in as an argument. Lives on the router's event loop; memory only for PoPs that are out.
class PopHealth {
 public:
  PopHealth(const HealthOptions& options, std::uint64_t seed);

  // Whether a request may go there now. If the back-off is over this is true once, for the probe; a
  // probe that is never reported counts as lost after another back-off.
  [[nodiscard]] bool may_try(std::string_view pop, Instant now);
  // It answered, whatever it said.
  void report_success(std::string_view pop);
  // It refused, broke off, or said nothing in time.
  void report_failure(std::string_view pop, Instant now);
  // It came back under another address or started anew: what was known is of no use.
  void forget(std::string_view pop);

  [[nodiscard]] std::size_t out_count() const { return out_.size(); }

 private:
  struct Out {
    std::uint32_t failures = 0;
    Instant until;
    bool probing = false;  // a request was let through and has not come back
  };

  [[nodiscard]] std::chrono::nanoseconds backoff(std::uint32_t failures);

  HealthOptions options_;
  RandomStream jitter_;
  std::map<std::string, Out, std::less<>> out_;
};

}  // namespace isopop::router
