#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace isopop::sim {

// How the PoP came by the isolate that answered, as `isopop-start` tells it.
enum class StartKind { kFresh, kWarm, kPristine, kCold };
inline constexpr std::size_t kStartKinds = 4;
inline constexpr std::array<std::string_view, kStartKinds> kStartKindNames = {"fresh", "warm",
                                                                              "pristine", "cold"};

// The parts of a request's time that the programs on its way tell in `server-timing`. `pop` holds
// queue, isolate and run; the others stand beside each other.
enum class Phase { kAccess, kNet, kSetup, kRouter, kPop, kQueue, kIsolate, kRun };
inline constexpr std::size_t kPhases = 8;
inline constexpr std::array<std::string_view, kPhases> kPhaseNames = {
    "access", "net", "setup", "router", "pop", "queue", "isolate", "run"};

enum class ConnectionState { kNew, kKept };

// What is asked of whom, and when. The texts live in the trace.
struct PlannedRequest {
  std::uint64_t index = 0;         // from 0, in the order of intended times
  std::int64_t trace_time_ns = 0;  // Unix time, as the trace says
  std::chrono::nanoseconds due{};  // intended send time, from the start of the run
  std::string_view client;
  std::string_view method;
  std::string_view host;
  std::string_view target;
  std::string_view city;      // where the trace says the client is; "" if it does not
  std::string_view location;  // the same as "lat,lon"
  ConnectionState connection = ConnectionState::kNew;  // of the simulated client
};

// What became of one request, live or virtual. Times are from the start of the run.
struct RequestOutcome {
  std::chrono::nanoseconds sent{};
  std::chrono::nanoseconds done{};
  // Modelled network time that nobody waited for (net mode account) and that the user would have
  // felt.
  std::chrono::nanoseconds unwaited_network{};
  // "" for a request that was answered; else the class of its failure: "connect", "timeout",
  // "closed", "protocol", "aborted" or "http_503".
  std::string failure;
  unsigned status = 0;  // 0: no answer
  std::uint64_t body_bytes = 0;
  std::string pop;
  std::string net_mode;         // "real", "account", "" if nobody said
  std::string client_location;  // "lat,lon" as the router placed it, "" if nobody said
  std::optional<StartKind> start;
  std::optional<double> distance_km;
  std::array<std::optional<double>, kPhases> phase_ms;

  [[nodiscard]] bool completed() const { return failure.empty(); }
  // What the client would have felt, from the moment it should have been sent ...
  [[nodiscard]] std::chrono::nanoseconds latency_from(std::chrono::nanoseconds begin) const {
    return done - begin + unwaited_network;
  }
};

}  // namespace isopop::sim
