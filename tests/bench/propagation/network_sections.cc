#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sim/launch/http_probe.h"
#include "tests/bench/propagation/sections.h"
#include "tests/bench/propagation/statistics.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

constexpr std::size_t kSmallWorkerBytes = 10'000;
constexpr int kDeploysPerSecond = 10;
constexpr int kRateWorkers = 10;
constexpr int kClients = 4;
constexpr double kMemoryAimBytes = 300e6;
constexpr double kBackInSyncAimMs = 5'000;

double to_ms(std::chrono::nanoseconds value) {
  return std::chrono::duration<double, std::milli>(value).count();
}

// What each connected PoP holds under each name, by digest.
using Held = std::map<std::string, std::string>;
Held held_of(const v1::Pop& pop) {
  Held held;
  for (const v1::HeldVersion& version : pop.workers()) held[version.worker()] = version.digest();
  return held;
}

// Clients that send GETs through the router as fast as they are answered.
class Load final {
 public:
  explicit Load(const std::string& router) {
    for (int i = 0; i < kClients; ++i) {
      threads_.emplace_back([this, router] {
        while (!stop_) {
          const Result<unsigned> status = sim::probe_http(
              {.address = router, .path = "/", .host = "load.isopop.test", .timeout = 10s});
          ++(status.ok() && status.value() == 200 ? good_ : failed_);
        }
      });
    }
  }
  ~Load() { finish(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void finish() {
    stop_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  [[nodiscard]] std::uint64_t good() const { return good_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> good_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace

Figures measure_deploys(BenchNetwork& network, std::size_t bytes, std::size_t repetitions) {
  std::vector<double> acks_ms;
  std::vector<double> last_ms;
  for (std::size_t i = 0; i < repetitions; ++i) {
    ISOPOP_TRY_ASSIGN(const v1::DeployResponse deployed,
                      network.client().deploy("propagation", worker_code(bytes)));
    ISOPOP_TRY_ASSIGN(
        const v1::Convergence convergence,
        network.client().converged("propagation", deployed.deployment().number(), network.pops()));
    double last = 0;
    for (const v1::Convergence::Pop& pop : convergence.acked()) {
      acks_ms.push_back(pop.ack_ms());
      last = std::max(last, pop.ack_ms());
    }
    last_ms.push_back(last);
  }
  return Json{{"worker_bytes", bytes},
              {"ack_ms", summary(std::move(acks_ms))},
              {"last_ack_ms", summary(std::move(last_ms))}};
}

// Deploys at a fixed rate, however long each takes; afterwards every PoP must hold the same.
Figures measure_rate(BenchNetwork& network, const SectionOptions& options) {
  const SystemClock clock;
  const auto total = static_cast<int>(options.rate_duration.count()) * kDeploysPerSecond;
  std::map<std::string, std::uint64_t> newest;
  std::vector<double> late_ms;
  const Instant start = clock.now();
  for (int i = 0; i < total; ++i) {
    const Instant due = start + i * std::chrono::nanoseconds(1s) / kDeploysPerSecond;
    static_cast<void>(wait_until([&] { return clock.now() >= due; }));
    late_ms.push_back(to_ms(clock.now() - due));
    const std::string worker = fmt::format("rate-{}", i % kRateWorkers);
    ISOPOP_TRY_ASSIGN(const v1::DeployResponse deployed,
                      network.client().deploy(worker, worker_code(kSmallWorkerBytes)));
    newest[worker] = deployed.deployment().number();
  }
  const double took_ms = to_ms(clock.now() - start);
  std::uint64_t kept = 0;
  for (const auto& [worker, number] : newest) {
    ISOPOP_TRY(network.client().converged(worker, number, network.pops()));
    ISOPOP_TRY_ASSIGN(const std::uint64_t versions, network.client().versions(worker));
    kept += versions;
  }
  ISOPOP_TRY_ASSIGN(const std::vector<v1::Pop> pops, network.client().pops());
  std::set<Held> states;
  for (const v1::Pop& pop : pops) states.insert(held_of(pop));
  return Json{{"deploys", total},
              {"deploys_per_s", total / (took_ms / 1000)},
              {"deploys_per_s_aim", kDeploysPerSecond},
              {"begun_late_ms", summary(std::move(late_ms))},
              {"versions_lost", static_cast<std::uint64_t>(total) - kept},
              {"versions_lost_aim", 0},
              {"different_states", states.size()},
              {"different_states_aim", 1}};
}

Figures measure_restart(BenchNetwork& network) {
  ISOPOP_TRY_ASSIGN(const v1::DeployResponse deployed,
                    network.client().deploy("load", worker_code(kSmallWorkerBytes)));
  ISOPOP_TRY(network.client().converged("load", deployed.deployment().number(), network.pops()));
  Load load(network.router());
  if (!wait_until([&] { return load.good() + load.failed() > 20; })) {
    return internal_error("the router answers nothing");
  }
  ISOPOP_TRY(network.kill_control_plane());
  ISOPOP_TRY(network.start_control_plane());
  ISOPOP_TRY_ASSIGN(const std::chrono::nanoseconds back,
                    network.client().until_ready(network.pops()));
  load.finish();
  return Json{{"back_in_sync_ms", to_ms(back)},
              {"back_in_sync_aim_ms", kBackInSyncAimMs},
              {"requests", load.good() + load.failed()},
              {"requests_failed", load.failed()},
              {"requests_failed_aim", 0}};
}

Figures measure_memory(BenchNetwork& network, const SectionOptions& options) {
  ISOPOP_TRY_ASSIGN(const std::uint64_t before, network.control_plane_memory_bytes());
  std::map<std::string, std::uint64_t> newest;
  for (std::size_t i = 0; i < options.workers; ++i) {
    const std::string worker = fmt::format("many-{}", i);
    ISOPOP_TRY_ASSIGN(const v1::DeployResponse deployed,
                      network.client().deploy(worker, worker_code(kSmallWorkerBytes)));
    newest[worker] = deployed.deployment().number();
  }
  for (const auto& [worker, number] : newest) {
    ISOPOP_TRY(network.client().converged(worker, number, network.pops()));
  }
  ISOPOP_TRY_ASSIGN(const std::uint64_t after, network.control_plane_memory_bytes());
  return Json{{"workers", options.workers},
              {"before_bytes", before},
              {"resident_bytes", after},
              {"resident_aim_bytes", kMemoryAimBytes}};
}

}  // namespace isopop::test
