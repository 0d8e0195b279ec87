#include "pop_node/executor/isolation.h"

#include <chrono>
#include <cstddef>
#include <deque>
#include <utility>

namespace isopop::executor {
namespace {

// One isolate, kept; requests share it and may be in flight together.
class WarmIsolation : public IsolationStrategy {
 public:
  WarmIsolation(const Surroundings& surroundings, std::unique_ptr<Environment> environment,
                const LoadFrame& load)
      : surroundings_(surroundings),
        environment_(std::move(environment)),
        realm_(surroundings, *environment_, load) {}

  std::optional<WorkerFault> load(LoadTimes& times) override { return realm_.run_top_level(times); }

  void start(RequestFrame request) override {
    surroundings_.frozen_clock.arrive(request.wall_time_us);
    surroundings_.traffic.started(request.id, 0);
    realm_.start(request);
  }
  void on_body(std::uint32_t id) override { realm_.on_body(id); }
  void on_credit(std::uint32_t id) override { realm_.on_credit(id); }
  void cancel(std::uint32_t id) override { realm_.cancel(id); }
  void on_time(Instant now) override { realm_.on_time(now); }
  std::optional<Instant> next_event() const override { return realm_.next_event(); }

  Health proceed() override {
    if (realm_.breach() == Realm::Breach::kNone) return Health::kGood;
    realm_.end_all_after_breach();
    return Health::kCondemned;
  }
  Realm::Breach breach() const override { return realm_.breach(); }

 protected:
  [[nodiscard]] Realm& realm() { return realm_; }
  [[nodiscard]] const Realm& realm() const { return realm_; }

 private:
  const Surroundings& surroundings_;
  std::unique_ptr<Environment> environment_;
  Realm realm_;
};

// One isolate, and one request at a time in it, after which the event loop takes the process's
// memory back to the checkpoint, this object's too. So each request finds what load() left.
class PristineIsolation final : public WarmIsolation {
 public:
  using WarmIsolation::WarmIsolation;

  std::optional<WorkerFault> load(LoadTimes& times) override {
    V8System::compile_eagerly();
    std::optional<WorkerFault> fault = WarmIsolation::load(times);
    realm().random().forget();
    V8System::start_counting_anew();
    return fault;
  }
  void start(RequestFrame request) override {
    started_ = true;
    WarmIsolation::start(std::move(request));
  }
  bool spent() const override { return started_ && realm().idle(); }

 private:
  bool started_ = false;
};

// A new isolate for each request, thrown away after it; one at a time, the others wait in line.
class FreshIsolation final : public IsolationStrategy {
 public:
  FreshIsolation(const Surroundings& surroundings, std::unique_ptr<Environment> environment,
                 const LoadFrame& load)
      : surroundings_(surroundings), load_(load), environment_(std::move(environment)) {}

  std::optional<WorkerFault> load(LoadTimes& times) override {
    std::optional<WorkerFault> fault;
    {
      Realm trial(surroundings_, *environment_, load_);
      fault = trial.run_top_level(times);
    }
    environment_.reset();
    return fault;
  }

  void start(RequestFrame request) override { waiting_.push_back(std::move(request)); }

  void on_body(std::uint32_t id) override {
    if (realm_) realm_->on_body(id);
  }
  void on_credit(std::uint32_t id) override {
    if (realm_) realm_->on_credit(id);
  }
  void cancel(std::uint32_t id) override {
    if (realm_ && running_ == id) {
      realm_->cancel(id);
      return;
    }
    std::erase_if(waiting_, [id](const RequestFrame& each) { return each.id == id; });
    surroundings_.traffic.finish(id, 0);
  }
  void on_time(Instant now) override {
    if (realm_) realm_->on_time(now);
  }
  std::optional<Instant> next_event() const override {
    return realm_ ? realm_->next_event() : std::nullopt;
  }

  Health proceed() override {
    while (true) {
      if (realm_ && realm_->breach() != Realm::Breach::kNone) {
        breach_ = realm_->breach();
        realm_->end_all_after_breach();
        // The heap is thrown away whatever was done to it; but what filled it may have taken memory
        // outside of it too.
        if (breach_ == Realm::Breach::kMemory) return Health::kCondemned;
      } else if (realm_ && !realm_->idle()) {
        return Health::kGood;
      }
      realm_.reset();
      environment_.reset();
      if (waiting_.empty()) return Health::kGood;
      const RequestFrame request = std::move(waiting_.front());
      waiting_.pop_front();
      run(request);
    }
  }
  Realm::Breach breach() const override { return breach_; }

 private:
  void run(const RequestFrame& request) {
    const Instant before = surroundings_.clock.now();
    running_ = request.id;
    surroundings_.frozen_clock.forget();
    environment_ = std::make_unique<Environment>(surroundings_.v8_system, surroundings_.snapshot,
                                                 std::size_t{load_.limits.heap_mib} << 20U);
    realm_ = std::make_unique<Realm>(surroundings_, *environment_, load_);
    LoadTimes times;
    if (const std::optional<WorkerFault> fault = realm_->run_top_level(times)) {
      surroundings_.traffic.fail(request.id, FailureKind::kLoad, *fault);
      surroundings_.traffic.finish(request.id, times.compile_us + times.top_level_us);
      return;
    }
    surroundings_.frozen_clock.arrive(request.wall_time_us);
    surroundings_.traffic.started(request.id, microseconds(surroundings_.clock.now() - before));
    realm_->start(request);
  }

  const Surroundings& surroundings_;
  const LoadFrame& load_;
  std::deque<RequestFrame> waiting_;  // bounded by Traffic
  std::unique_ptr<Environment> environment_;
  std::unique_ptr<Realm> realm_;
  std::uint32_t running_ = 0;
  Realm::Breach breach_ = Realm::Breach::kNone;
};

}  // namespace

std::unique_ptr<IsolationStrategy> make_isolation(const Surroundings& surroundings,
                                                  std::unique_ptr<Environment> environment,
                                                  const LoadFrame& load) {
  switch (load.isolation) {
    case Isolation::kFresh:
      return std::make_unique<FreshIsolation>(surroundings, std::move(environment), load);
    case Isolation::kWarm:
    // The PoP gives it one request at a time; what it keeps between them is as in warm.
    case Isolation::kContainer:
      return std::make_unique<WarmIsolation>(surroundings, std::move(environment), load);
    case Isolation::kUnspecified:
    case Isolation::kPristine:
      break;
  }
  return std::make_unique<PristineIsolation>(surroundings, std::move(environment), load);
}

}  // namespace isopop::executor
