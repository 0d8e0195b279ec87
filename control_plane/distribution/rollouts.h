#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/time/clock.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control {

// How far each worker's live version has come: which PoP acknowledged it, how long after the
// commit, and which refused it. One rollout a worker, replaced when a newer version goes live. A
// plain value of the distributor's; not thread-safe.
class Rollouts final {
 public:
  void begin(const std::string& worker, std::uint64_t number, Instant committed_at);
  void end(const std::string& worker);

  // Answers for a version that is not the live one (any more) are ignored: true when it counted.
  bool acknowledge(const std::string& pop, const std::string& worker, std::uint64_t number,
                   Instant now);
  bool refuse(const std::string& pop, const std::string& worker, std::uint64_t number,
              const std::string& error);
  // The PoP said it holds the version already; counts, without a time of its own.
  bool found_at(const std::string& pop, const std::string& worker, std::uint64_t number);
  // The PoP no longer holds what it once acknowledged (it lost its state).
  void forget(const std::string& pop, const std::string& worker);

  [[nodiscard]] bool is_live(const std::string& worker, std::uint64_t number) const;
  [[nodiscard]] bool has_acknowledged(const std::string& pop, const std::string& worker) const;

  // Among the PoPs that are connected now. A version that is not live is superseded and done.
  [[nodiscard]] v1::VersionProgress progress(const std::string& worker, std::uint64_t number,
                                             const std::set<std::string>& connected) const;

 private:
  struct Rollout {
    std::uint64_t number = 0;
    Instant committed_at;
    // Commit to acknowledgement; nothing when the PoP held the version before it was asked.
    std::map<std::string, std::optional<std::chrono::nanoseconds>> acknowledged;
    std::map<std::string, std::string> refused;  // PoP to what it said
  };
  [[nodiscard]] Rollout* find(const std::string& worker, std::uint64_t number);

  std::map<std::string, Rollout> by_worker_;
};

}  // namespace isopop::control
