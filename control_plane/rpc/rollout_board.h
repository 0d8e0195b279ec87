#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/time/clock.h"
#include "control_plane/distribution/distributor.h"
#include "control_plane/distribution/telemetry_sink.h"
#include "control_plane/registry/registry.h"
#include "control_plane/rollout/rollout.h"
#include "control_plane/rollout/traffic_history.h"
#include "isopop/v1/rollout.pb.h"

namespace isopop::control {

// The deployments that are on their way: brings what the registry has to the distributor, tells
// each rollout what PoPs answer and do, and carries out what it says is next. First on disk, then
// at the PoPs; but an abort is sent to the PoPs at once, and written until it is written. Lives on
// the control loop.
class RolloutBoard final : public TelemetrySink {
 public:
  // How it reaches the registry. Both answer on the loop, and never before they return.
  struct Ports {
    // Only if the deployment is still under way and, but for an abort, neither paused nor in
    // another wave than the one it was in. The loop hears what the worker is then, too.
    std::function<void(const DeploymentChange&, std::function<void(Result<void>)>)> change;
    std::function<void(const std::string& worker, std::uint64_t number,
                       std::function<void(Result<v1::Deployment>)>)>
        read;
  };
  // Rollouts that ended and are still told of in full.
  static constexpr std::size_t kEndedMax = 64;

  RolloutBoard(const Clock& clock, Distributor& distributor, Ports ports);

  // What the registry has of the worker now. `committed_at`: when what is new in it was; nothing:
  // as its deployments say.
  void worker_is(const CurrentWorker& now, std::optional<Instant> committed_at);

  // Several times a second, once the PoPs that are to be expected are there.
  void tick();

  // Of a deployment that is on its way, is live, or ended not long ago; nothing of others. `done`:
  // it ended, or is live and every connected PoP has answered.
  [[nodiscard]] std::optional<v1::Rollout> rollout(const std::string& worker,
                                                   std::uint64_t number) const;
  [[nodiscard]] v1::Convergence convergence(const std::string& worker, std::uint64_t number) const;
  [[nodiscard]] std::size_t under_way() const { return active_.size(); }
  // How many of them are in this state. One whose abort is still to be written is ABORTED.
  [[nodiscard]] std::size_t under_way(v1::DeploymentState state) const;
  // Since the start, by guards and by people.
  [[nodiscard]] std::uint64_t aborted_total() const { return aborted_total_; }

  void on_heartbeat(const std::string& pop, const v1::Heartbeat& heartbeat) override;
  void on_tail(const std::string& /*pop*/, const v1::TailEvents& /*events*/) override {}

 private:
  struct Active {
    Rollout rollout;
    bool is_asking = false;              // a change is being written
    Instant ask_again;                   // not before
    std::optional<std::string> aborted;  // why; the PoPs have the base again
    // As they were when it was aborted.
    std::vector<WaveAnswers> answers;
    v1::Convergence convergence;
  };
  struct Ended {
    std::string worker;
    Rollout rollout;
    std::vector<WaveAnswers> answers;
    v1::Convergence convergence;
  };

  void begin(const CurrentWorker& now);
  void end(const std::string& worker, const CurrentWorker& now);
  void keep(Ended ended);
  void abort(const std::string& worker, Active& active, const std::string& reason);
  void ask(const std::string& worker, Active& active, const Rollout::Step& step);
  void take_picture(const std::string& worker, Active& active) const;
  [[nodiscard]] std::vector<WaveAnswers> answers_of(const std::string& worker,
                                                    const Rollout& rollout) const;
  [[nodiscard]] const Ended* find_ended(const std::string& worker, std::uint64_t number) const;
  [[nodiscard]] const Release* live(const std::string& worker, std::uint64_t number) const;

  const Clock& clock_;
  Distributor& distributor_;
  Ports ports_;
  TrafficHistory history_;
  std::map<std::string, Active> active_;
  std::deque<Ended> ended_;  // the last one first
  std::uint64_t aborted_total_ = 0;
};

}  // namespace isopop::control
