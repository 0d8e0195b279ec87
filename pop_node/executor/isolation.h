#pragma once

#include <memory>
#include <optional>

#include "pop_node/executor/frames.h"
#include "pop_node/executor/realm.h"

namespace isopop::executor {

// How requests and isolates go together: the seam for the isolation modes of isopop.v1.Isolation. A
// strategy owns the Realms; the event loop gives it what comes in and asks it for time. Lives on
// one thread.
class IsolationStrategy {
 public:
  enum class Health {
    kGood,
    kCondemned,  // nothing can run here any more: the requests were told, the process must end
  };

  virtual ~IsolationStrategy() = default;

  // Compiles the worker and runs its top level for the first time; what is wrong with it.
  [[nodiscard]] virtual std::optional<WorkerFault> load(LoadTimes& times) = 0;

  // A request that Traffic has taken in.
  virtual void start(RequestFrame request) = 0;
  virtual void on_body(std::uint32_t id) = 0;
  virtual void on_credit(std::uint32_t id) = 0;
  virtual void cancel(std::uint32_t id) = 0;
  virtual void on_time(Instant now) = 0;
  [[nodiscard]] virtual std::optional<Instant> next_event() const = 0;

  // After each of the calls above: goes on with what can go on.
  [[nodiscard]] virtual Health proceed() = 0;
  // What ran here is over, and nothing else may run here before the process's memory is back at its
  // checkpoint.
  [[nodiscard]] virtual bool spent() const { return false; }
  // Which limit condemned it.
  [[nodiscard]] virtual Realm::Breach breach() const = 0;
};

// The strategy for load.isolation. `environment` is one that was made beforehand; `load` outlives
// the strategy.
[[nodiscard]] std::unique_ptr<IsolationStrategy> make_isolation(
    const Surroundings& surroundings, std::unique_ptr<Environment> environment,
    const LoadFrame& load);

}  // namespace isopop::executor
