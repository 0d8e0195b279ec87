#include "control_plane/rpc/control_loop.h"

#include <optional>
#include <utility>

#include "common/log/log.h"
#include "control_plane/rpc/publish.h"

namespace isopop::control {
namespace {

constexpr auto kTickInterval = std::chrono::milliseconds(250);
// PoPs reconnect within 5 s (common/rpc); twice that.
constexpr auto kSettleTimeout = std::chrono::seconds(10);
constexpr auto kRememberInterval = std::chrono::seconds(1);

// On the store's thread. People may have paused, ended or replaced it since it was asked for.
Result<void> carry_out(Registry& registry, const DeploymentChange& change) {
  ISOPOP_TRY_ASSIGN(const CurrentWorker now, registry.current(change.worker));
  const bool is_same = now.rolling && now.rolling->number() == change.number;
  const bool is_abort = change.state == v1::DEPLOYMENT_STATE_ABORTED;
  const bool is_next = change.state != v1::DEPLOYMENT_STATE_ROLLING_OUT ||
                       (is_same && now.rolling->wave() + 1 == change.wave);
  if (!is_same ||
      (!is_abort && (now.rolling->state() != v1::DEPLOYMENT_STATE_ROLLING_OUT || !is_next))) {
    return Error{ErrorCode::kFailedPrecondition, "it was changed meanwhile"};
  }
  ISOPOP_TRY(registry.set_deployment_state(change, control_plane_actor()));
  return {};
}

}  // namespace

ControlLoop::ControlLoop(asio::io_context& io, const Clock& clock, Store& store,
                         MetricsRegistry& metrics)
    : io_(io),
      clock_(clock),
      store_(store),
      metrics_(metrics),
      timer_(io),
      distributor_(clock),
      rollouts_(clock, distributor_,
                {.change = [this](const DeploymentChange& change,
                                  auto done) { change_rollout(change, std::move(done)); },
                 .read = [this](const std::string& worker, std::uint64_t number,
                                auto done) { read_deployment(worker, number, std::move(done)); }}),
      leases_(clock),
      started_at_(clock.wall_now()),
      settle_deadline_(clock.now() + kSettleTimeout),
      remembered_at_(clock.now()) {
  distributor_.add_sink(rollouts_);
}

Result<void> ControlLoop::load() {
  ISOPOP_TRY_ASSIGN(const std::vector<CurrentWorker> workers,
                    store_.call([](Registry& registry) { return registry.all_current(); }));
  for (const CurrentWorker& worker : workers) rollouts_.worker_is(worker, std::nullopt);
  ISOPOP_TRY_ASSIGN(awaited_pops_,
                    store_.call([](Registry& registry) { return registry.known_pops(); }));
  remembered_pops_ = awaited_pops_;
  leases_.expect(awaited_pops_);
  settled_ = awaited_pops_.empty();
  log_info("{} workers live, {} PoPs were connected before", workers.size(), awaited_pops_.size());
  return {};
}

void ControlLoop::start_ticking() {
  timer_.expires_after(kTickInterval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || shutting_down_) return;
    tick();
    start_ticking();
  });
}

void ControlLoop::tick() {
  distributor_.tick();
  // Before that, a PoP that is not back yet would seem to be no part of its wave.
  if (settled_) rollouts_.tick();
  apply_effects();
  for (Watcher* watcher : std::set<Watcher*>(watchers_)) watcher->ticked();
  if (!settled_ && clock_.now() >= settle_deadline_) {
    log_warning("{} PoPs that were connected before the restart did not come back",
                awaited_pops_.size());
    awaited_pops_.clear();
    settle_if_complete();
  }
  if (clock_.now() - remembered_at_ >= kRememberInterval) remember_pops();
}

void ControlLoop::shut_down() {
  shutting_down_ = true;
  timer_.cancel();
  // A copy: a watcher that ends removes itself.
  const std::set<Watcher*> watchers = watchers_;
  for (Watcher* watcher : watchers) watcher->shut_down();
  const std::map<Distributor::SessionId, PopLink*> links = links_;
  for (const auto& [id, link] : links) link->end();
}

Distributor::SessionId ControlLoop::open_stream(const StreamOrigin& origin, PopLink& link) {
  const Distributor::SessionId id = distributor_.open(origin);
  links_[id] = &link;
  return id;
}

void ControlLoop::close_stream(Distributor::SessionId id) {
  links_.erase(id);
  // At shutdown every stream ends; that says nothing about the PoPs.
  if (shutting_down_) return;
  distributor_.disconnected(id);
  apply_effects();
}

void ControlLoop::worker_is(const CurrentWorker& now, Instant committed_at) {
  rollouts_.worker_is(now, committed_at);
  apply_effects();
}

void ControlLoop::change_rollout(const DeploymentChange& change,
                                 const std::function<void(Result<void>)>& done) {
  const bool taken = store_.post([this, change, done](Registry& registry) {
    Result<void> changed = carry_out(registry, change);
    // Also when it was not: what the loop goes by is then not what is on disk.
    publish(*this, registry, change.worker);
    post([done, changed = std::move(changed)] { done(changed); });
  });
  if (!taken) post([done] { done(Store::busy_error()); });
}

void ControlLoop::read_deployment(const std::string& worker, std::uint64_t number,
                                  const std::function<void(Result<v1::Deployment>)>& done) {
  const bool taken = store_.post([this, worker, number, done](Registry& registry) {
    post([done, found = registry.deployment(worker, number)] { done(found); });
  });
  if (!taken) post([done] { done(Store::busy_error()); });
}

void ControlLoop::set_secrets(const std::string& worker, std::vector<ScopedSecret> secrets) {
  distributor_.set_secrets(worker, std::move(secrets));
  apply_effects();
}

void ControlLoop::cut_off(const std::string& pop, const std::string& reason) {
  distributor_.cut_off(pop, reason);
  apply_effects();
}

bool ControlLoop::post_to_pop(const std::string& pop, const v1::ControlMessage& message) {
  const bool taken = distributor_.post_to_pop(pop, message);
  apply_effects();
  return taken;
}

std::size_t ControlLoop::post_to_all(const v1::ControlMessage& message) {
  const std::size_t taken = distributor_.post_to_all(message);
  apply_effects();
  return taken;
}

void ControlLoop::remove_relay(const std::string& name) {
  const auto found = relays_.find(name);
  if (found != relays_.end()) relays_.erase(found);
}

void ControlLoop::remove_router(const std::string& address) {
  const auto found = routers_.find(address);
  if (found != routers_.end()) routers_.erase(found);
}

void ControlLoop::apply_effects() {
  const Distributor::Effects effects = distributor_.take_effects();
  for (const std::string& warning : effects.warnings) log_warning("{}", warning);
  for (const std::string& sha256 : effects.bundles_wanted) {
    const bool taken = store_.post([this, sha256](Registry& registry) {
      Result<std::string> bytes = registry.bundle(sha256);
      post([this, sha256, bytes = std::move(bytes)] {
        if (bytes.ok()) {
          distributor_.provide_bundle(sha256, std::make_shared<const std::string>(bytes.value()));
        } else {
          distributor_.bundle_unavailable(sha256, bytes.error().message);
        }
        apply_effects();
      });
    });
    if (!taken)
      post([this, sha256] {
        distributor_.bundle_unavailable(sha256, Store::busy_error().message);
        apply_effects();
      });
  }
  for (const Distributor::SessionId id : effects.sendable) {
    if (const auto link = links_.find(id); link != links_.end()) link->second->wake();
  }
  for (const Distributor::SessionId id : effects.closed) {
    if (const auto link = links_.find(id); link != links_.end()) link->second->end();
  }
  if (!effects.pops_changed.empty()) {
    for (const std::string& id : effects.pops_changed) awaited_pops_.erase(id);
    tell_leases(effects.pops_changed);
    for (Watcher* watcher : watchers_) watcher->pops_changed(effects.pops_changed);
    settle_if_complete();
  }
  for (const std::string& worker : effects.workers_changed) {
    for (Watcher* watcher : watchers_) watcher->worker_changed(worker);
  }
}

void ControlLoop::tell_leases(const std::set<std::string>& pops) {
  for (const std::string& id : pops) {
    const std::optional<v1::Pop> pop = distributor_.pop(id);
    if (pop && pop->state() != v1::POP_STATE_DOWN) {
      leases_.set_connected(id, pop->host());
    } else {
      leases_.set_disconnected(id);
    }
  }
}

void ControlLoop::settle_if_complete() {
  if (settled_ || !awaited_pops_.empty()) return;
  settled_ = true;
  for (Watcher* watcher : watchers_) watcher->pops_settled();
}

void ControlLoop::remember_pops() {
  remembered_at_ = clock_.now();
  if (!settled_) return;
  std::set<std::string> connected = distributor_.connected();
  if (connected == remembered_pops_) return;
  const bool taken = store_.post([connected](Registry& registry) {
    if (const Result<void> kept = registry.remember_pops(connected); !kept.ok()) {
      log_warning("the list of PoPs could not be kept: {}", kept.error().message);
    }
  });
  if (taken) remembered_pops_ = std::move(connected);
}

void ControlLoop::refresh_metrics() {
  std::map<v1::PopState, std::size_t> by_state = distributor_.pops_by_state();
  const auto set_pops = [&](const char* name, v1::PopState state) {
    metrics_.gauge("isopop_control_pops", "PoPs by state.", {{"state", name}})
        .set(static_cast<double>(by_state[state]));
  };
  set_pops("starting", v1::POP_STATE_STARTING);
  set_pops("ready", v1::POP_STATE_READY);
  set_pops("down", v1::POP_STATE_DOWN);
  metrics_.gauge("isopop_control_workers", "Workers with a live version.")
      .set(static_cast<double>(distributor_.live().size()));
  metrics_.gauge("isopop_control_routers", "Routers that watch the list of PoPs.")
      .set(static_cast<double>(routers_.size()));
  const auto set_rollouts = [&](const char* name, v1::DeploymentState state) {
    metrics_
        .gauge("isopop_control_rollouts", "Deployments on their way, by state.", {{"state", name}})
        .set(static_cast<double>(rollouts_.under_way(state)));
  };
  set_rollouts("rolling_out", v1::DEPLOYMENT_STATE_ROLLING_OUT);
  set_rollouts("paused", v1::DEPLOYMENT_STATE_PAUSED);
  set_rollouts("aborting", v1::DEPLOYMENT_STATE_ABORTED);
  const Distributor::Totals& totals = distributor_.totals();
  const auto count_up = [&](const char* name, const char* help, std::uint64_t total) {
    CounterMetric counter = metrics_.counter(name, help);
    counter.increment(static_cast<double>(total) - counter.value());
  };
  count_up("isopop_control_pushes_total", "Changes sent to PoPs.", totals.pushes);
  count_up("isopop_control_acks_total", "Changes that PoPs acknowledged.", totals.acks);
  count_up("isopop_control_nacks_total", "Changes that PoPs rejected.", totals.nacks);
  count_up("isopop_control_bundle_bytes_total", "Bytes of code sent to PoPs.", totals.bundle_bytes);
  count_up("isopop_control_streams_closed_total",
           "Streams the control plane closed: silent, stuck, replaced or misbehaving PoPs.",
           totals.streams_closed);
  count_up("isopop_control_rollouts_aborted_total",
           "Deployments taken back while they rolled out, by guards or people.",
           rollouts_.aborted_total());
}

}  // namespace isopop::control
