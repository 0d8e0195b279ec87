#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/event_loop/asio.h"
#include "common/metrics/metrics_registry.h"
#include "common/time/clock.h"
#include "control_plane/distribution/distributor.h"
#include "control_plane/distribution/pop_leases.h"
#include "control_plane/registry/store.h"
#include "control_plane/rpc/pop_link.h"
#include "control_plane/rpc/rollout_board.h"

namespace isopop::control {

// Somebody who watches PoPs or progress.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void pops_changed(const std::set<std::string>& ids) = 0;
  virtual void pops_settled() = 0;
  virtual void worker_changed(const std::string& worker) = 0;
  virtual void ticked() {}  // a few times a second
  virtual void shut_down() = 0;
};

// The one thread on which the control plane's live state is touched: it owns the distributor, gives
// it time, carries out its effects and tells watchers. gRPC's threads only post() here. Everything
// but post() is called on the loop.
class ControlLoop final {
 public:
  ControlLoop(asio::io_context& io, const Clock& clock, Store& store, MetricsRegistry& metrics);

  // Before the servers start: what is live, and which PoPs were connected when the last run ended.
  [[nodiscard]] Result<void> load();
  void start_ticking();
  // Ends all watches and streams. Ticking stops.
  void shut_down();

  // From any thread.
  template <typename Task>
  void post(Task task) {
    asio::post(io_, std::move(task));
  }

  [[nodiscard]] Distributor& distributor() { return distributor_; }
  [[nodiscard]] const RolloutBoard& rollouts() const { return rollouts_; }
  [[nodiscard]] PopLeases& leases() { return leases_; }
  [[nodiscard]] Store& store() { return store_; }
  [[nodiscard]] bool is_shutting_down() const { return shutting_down_; }

  // A PoP's stream, or one that a relay carries: messages go in by distributor().receive() and
  // apply_effects(), and are taken by distributor().next_message() when the link was woken.
  [[nodiscard]] Distributor::SessionId open_stream(const StreamOrigin& origin, PopLink& link);
  void close_stream(Distributor::SessionId id);

  // What the registry has of a worker from now on; `committed_at`: what is new in it. In the order
  // of commits, so posted from the store's thread (publish.h).
  void worker_is(const CurrentWorker& now, Instant committed_at);
  // As the distributor's, carried out at once.
  void set_secrets(const std::string& worker, std::vector<ScopedSecret> secrets);
  void cut_off(const std::string& pop, const std::string& reason);
  [[nodiscard]] bool post_to_pop(const std::string& pop, const v1::ControlMessage& message);
  std::size_t post_to_all(const v1::ControlMessage& message);

  void add_watcher(Watcher& watcher) { watchers_.insert(&watcher); }
  void remove_watcher(Watcher& watcher) { watchers_.erase(&watcher); }

  // Whether the list of PoPs can be taken as complete: after a restart, those that were connected
  // get a moment to come back, so that routers do not forget them meanwhile.
  [[nodiscard]] bool is_settled() const { return settled_; }

  // Addresses of the routers that watch now.
  void add_router(const std::string& address) { routers_.insert(address); }
  void remove_router(const std::string& address);
  [[nodiscard]] const std::multiset<std::string>& routers() const { return routers_; }

  // Names of the relays that are connected now.
  void add_relay(const std::string& name) { relays_.insert(name); }
  void remove_relay(const std::string& name);
  [[nodiscard]] const std::multiset<std::string>& relays() const { return relays_; }

  [[nodiscard]] WallTime started_at() const { return started_at_; }

  // After anything that told the distributor something.
  void apply_effects();
  // Brings the figures that are not counted as they happen up to date; before a scrape.
  void refresh_metrics();

 private:
  void tick();
  void change_rollout(const DeploymentChange& change,
                      const std::function<void(Result<void>)>& done);
  void read_deployment(const std::string& worker, std::uint64_t number,
                       const std::function<void(Result<v1::Deployment>)>& done);
  void tell_leases(const std::set<std::string>& pops);
  void settle_if_complete();
  void remember_pops();

  asio::io_context& io_;
  const Clock& clock_;
  Store& store_;
  MetricsRegistry& metrics_;
  asio::steady_timer timer_;
  Distributor distributor_;
  RolloutBoard rollouts_;
  PopLeases leases_;
  std::map<Distributor::SessionId, PopLink*> links_;
  std::set<Watcher*> watchers_;
  std::multiset<std::string> routers_;
  std::multiset<std::string> relays_;
  std::set<std::string> awaited_pops_;  // connected before the restart, not yet back
  std::set<std::string> remembered_pops_;
  WallTime started_at_;
  Instant settle_deadline_;
  Instant remembered_at_;
  bool settled_ = false;
  bool shutting_down_ = false;
};

}  // namespace isopop::control
