#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/replay/replay_speed.h"
#include "sim/report/request_outcome.h"
#include "sim/trace/trace.h"

namespace isopop::sim {

struct PlanOptions {
  ReplaySpeed speed;
  std::uint64_t seed = 1;
  // Requests whose time in the trace is due later than this after the start are left out. At
  // speed max nothing is ever due later, and the sender ends the run by its clock.
  std::optional<std::chrono::nanoseconds> duration;
  std::string default_host;    // for requests whose host the trace does not tell
  bool override_host = false;  // the default host for all of them
  // A trace in whole seconds tells the second of a request, not the moment in it. kWithinSecond
  // draws the moments, uniformly and in the trace's order; kAsWritten sends all at the second's
  // beginning.
  enum class Spread { kWithinSecond, kAsWritten } spread = Spread::kWithinSecond;
  // Who sends the requests of a trace that names no clients: so many, drawn for each request.
  std::uint32_t anonymous_clients = 1000;
};

// Turns a trace into what is to be sent when, one request after another in the order of their due
// times. The same trace and options give the same requests: chance comes from named streams of the
// seed, time from the trace. A client whose last request is more than a minute of the trace's time
// ago opens a new connection, as browsers and servers give idle ones up after about that long.
// Memory: a few bytes a client. The trace outlives the plan. Not thread-safe.
class ReplayPlan final {
 public:
  static constexpr std::chrono::seconds kConnectionIdleMax{60};

  ReplayPlan(const Trace& trace, PlanOptions options);

  // The next request, or nothing at the end. Its texts live as long as the trace and this object.
  [[nodiscard]] std::optional<PlannedRequest> next();
  // How many there are in all, and when the last one is due.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::chrono::nanoseconds length() const { return length_; }
  [[nodiscard]] const PlanOptions& options() const { return options_; }

 private:
  // The time of a request with its place in the second, in the trace's nanoseconds.
  [[nodiscard]] std::int64_t moment(std::size_t index);
  void draw_second(std::size_t first);
  [[nodiscard]] std::chrono::nanoseconds due_at(std::int64_t time_ns) const;
  [[nodiscard]] std::string_view client_of(std::size_t index);
  [[nodiscard]] ConnectionState connection_of(std::string_view client, std::int64_t time_ns);

  const Trace& trace_;
  PlanOptions options_;
  std::uint64_t size_ = 0;
  std::chrono::nanoseconds length_{};
  std::size_t next_ = 0;
  // The drawn moments of the second that is being planned, from request second_first_ on.
  std::size_t second_first_ = 0;
  std::vector<std::int64_t> second_offsets_ns_;
  std::vector<std::string> anonymous_;
  std::unordered_map<std::string_view, std::int64_t> last_seen_ns_;  // looked up, never iterated
};

}  // namespace isopop::sim
