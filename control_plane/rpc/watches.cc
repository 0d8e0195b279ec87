#include "control_plane/rpc/watches.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "common/log/log.h"
#include "common/rpc/rpc.h"
#include "control_plane/distribution/convergence.h"
#include "control_plane/registry/names.h"
#include "control_plane/rpc/pull_stream.h"

namespace isopop::control {
namespace {

class VersionWatch final : public PullStream<v1::VersionProgress> {
 public:
  VersionWatch(ControlLoop& loop, const v1::WatchVersionRequest& request)
      : PullStream(loop), worker_(request.worker()), number_(request.number()) {}

  void worker_changed(const std::string& worker) override {
    if (worker == worker_) changed();
  }
  // Each of them is one to wait for, or one that is not waited for any more.
  void pops_changed(const std::set<std::string>& /*ids*/) override { changed(); }

 private:
  void opened() override {
    if (!progress().superseded()) return begin();
    // Superseded, or never made: the registry knows.
    const bool taken = loop_.store().post([this, keep = shared_from_this()](Registry& registry) {
      const Result<Registry::History> history = registry.versions(worker_);
      const bool exists =
          history.ok() &&
          std::any_of(history.value().versions.begin(), history.value().versions.end(),
                      [this](const auto& it) { return it.number() == number_; });
      loop_.post([this, keep, exists] {
        if (exists) return begin();
        finish(rpc::to_status(
            not_found(fmt::format("there is no worker {} v{}", in_quotes(worker_), number_))));
      });
    });
    if (!taken) finish(rpc::to_status(Store::busy_error()));
  }

  void begin() {
    known_ = true;
    changed();
  }

  void changed() {
    if (!known_) return;
    changed_ = true;
    pump_or_finish();
  }

  [[nodiscard]] v1::VersionProgress progress() const {
    const Distributor& distributor = loop_.distributor();
    const std::optional<WorkerIndex> worker = distributor.catalog().find(worker_);
    if (worker) {
      return progress_of(distributor.catalog(), distributor.pop_table(), *worker, number_);
    }
    v1::VersionProgress gone;
    gone.set_superseded(true);
    gone.set_done(true);
    return gone;
  }

  // The last message goes out together with the status.
  void pump_or_finish() {
    if (is_writing()) return;
    v1::VersionProgress now = progress();
    if (now.done()) return finish_with(std::move(now));
    pump();
  }

  std::optional<v1::VersionProgress> next() override {
    if (!known_ || !std::exchange(changed_, false)) return std::nullopt;
    v1::VersionProgress now = progress();
    if (!now.done()) return now;
    finish_with(std::move(now));
    return std::nullopt;
  }

  std::string worker_;
  std::uint64_t number_;
  bool known_ = false;
  bool changed_ = false;
};

class PopsWatch final : public PullStream<v1::PopsUpdate> {
 public:
  PopsWatch(ControlLoop& loop, const v1::WatchPopsRequest& request)
      : PullStream(loop), router_(request.router_http_address()) {}

  void pops_changed(const std::set<std::string>& ids) override {
    changed_.insert(ids.begin(), ids.end());
    pump();
  }
  void pops_settled() override {
    snapshot_due_ = true;
    pump();
  }

 private:
  void opened() override {
    if (!router_.empty()) {
      log_info("router {} watches", router_);
      loop_.add_router(router_);
    }
    snapshot_due_ = loop_.is_settled();
    for (const std::string& id : loop_.distributor().connected()) changed_.insert(id);
    pump();
  }

  void closed() override {
    if (router_.empty()) return;
    log_info("router {} is gone", router_);
    loop_.remove_router(router_);
  }

  std::optional<v1::PopsUpdate> next() override {
    if (!snapshot_due_ && changed_.empty()) return std::nullopt;
    v1::PopsUpdate update;
    if (std::exchange(snapshot_due_, false)) {
      update.set_snapshot(true);
      for (v1::Pop& pop : loop_.distributor().pops()) *update.add_pops() = std::move(pop);
    } else {
      for (const std::string& id : changed_) {
        if (std::optional<v1::Pop> pop = loop_.distributor().pop(id)) {
          *update.add_pops() = *std::move(pop);
        }
      }
    }
    changed_.clear();
    return update;
  }

  std::string router_;
  std::set<std::string> changed_;
  bool snapshot_due_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::VersionProgress>* start_version_watch(
    ControlLoop& loop, const v1::WatchVersionRequest& request) {
  const auto watch = std::make_shared<VersionWatch>(loop, request);
  watch->start();
  return watch.get();
}

grpc::ServerWriteReactor<v1::PopsUpdate>* start_pops_watch(ControlLoop& loop,
                                                           const v1::WatchPopsRequest& request) {
  const auto watch = std::make_shared<PopsWatch>(loop, request);
  watch->start();
  return watch.get();
}

}  // namespace isopop::control
