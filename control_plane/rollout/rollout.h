#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/time/clock.h"
#include "control_plane/rollout/plan.h"
#include "control_plane/telemetry/traffic_window.h"
#include "isopop/v1/control.pb.h"
#include "isopop/v1/rollout.pb.h"

namespace isopop::control {

// How the PoPs of a wave answered to what rolls out.
struct WaveAnswers {
  std::uint64_t known = 0;      // PoPs of the wave, connected or not
  std::uint64_t connected = 0;  // the next two are some of these
  std::uint64_t acked = 0;
  std::uint64_t nacked = 0;
  std::string first_nack;  // "AMS: does not compile"
};

// One deployment on its way, wave by wave: what is to be done, as a pure function of what was told
// and the time. A wave is pushed until every connected PoP of it has answered, or for kAnswerMax:
// who is silent that long does not hold it up. Then it is watched ("baking") for as long as the
// plan says; then comes the next. Guards are judged all the time, also while it is paused, and one
// that is broken aborts at once. The last wave is watched only if a guard is about traffic.
//
// It stops by itself, paused, rather than go on with something that was tried nowhere: when nobody
// of a wave took it, and when no PoP at all was selected so far. Resumed, a wave is pushed anew,
// and one without PoPs is passed over. Not thread-safe.
class Rollout final {
 public:
  static constexpr std::chrono::seconds kAnswerMax{30};

  // As the registry has it: also one that was under way when the control plane stopped. Its wave
  // begins anew. `base`: what was live when it was made.
  Rollout(const v1::Deployment& deployment, const std::optional<v1::Deployment>& base, Plan plan,
          Instant now);

  [[nodiscard]] const v1::Deployment& deployment() const { return deployment_; }
  [[nodiscard]] const Plan& plan() const { return plan_; }

  // A PoP's requests, as they are told: those of versions on trial at PoPs that have them, and what
  // the base does.
  void count(const v1::PopIdentity& pop, const v1::WorkerFigures& figures);
  // What the base's version did before.
  void count_base(const TrafficSum& sum);
  [[nodiscard]] const std::set<std::uint64_t>& base_versions() const { return base_versions_; }

  enum class Action { kWait, kNextWave, kLive, kPause, kAbort };
  struct Step {
    Action action = Action::kWait;
    std::string reason;  // of kPause and kAbort
  };
  // What is to be done now; the same again until it was. `answers`: one for each wave.
  [[nodiscard]] Step step(const std::vector<WaveAnswers>& answers, Instant now);

  // It was done, by step() or by people: `deployment` is what it is now.
  void update(const v1::Deployment& deployment, Instant now);

  // For people. `answers` as in step().
  [[nodiscard]] v1::Rollout describe(const std::vector<WaveAnswers>& answers, Instant now) const;

 private:
  enum class Stage { kPushing, kBaking };

  [[nodiscard]] std::optional<std::string> broken_guard(
      const std::vector<WaveAnswers>& answers) const;
  [[nodiscard]] Step push(const std::vector<WaveAnswers>& answers, Instant now);
  [[nodiscard]] Step pass_over_empty(const std::vector<WaveAnswers>& answers, Instant now) const;
  [[nodiscard]] Step advance() const;
  [[nodiscard]] std::chrono::nanoseconds bake() const;
  [[nodiscard]] std::string state_of(std::size_t wave) const;
  [[nodiscard]] bool is_paused() const {
    return deployment_.state() == v1::DEPLOYMENT_STATE_PAUSED;
  }

  v1::Deployment deployment_;
  Plan plan_;
  std::set<std::uint64_t> fresh_versions_;
  std::set<std::uint64_t> base_versions_;
  std::vector<TrafficSum> fresh_;  // by wave
  TrafficSum base_;
  Stage stage_ = Stage::kPushing;
  Instant stage_began_;
  bool resumed_ = false;  // this wave: an empty one is no surprise
};

}  // namespace isopop::control
