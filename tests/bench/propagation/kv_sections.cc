#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/rpc/rpc.h"
#include "sim/launch/http_probe.h"
#include "tests/bench/propagation/sections.h"
#include "tests/bench/propagation/statistics.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

constexpr double kConvergeAimMs = 2'000;
constexpr double kWritesAimPerS = 2'000;
constexpr std::size_t kProbers = 8;
constexpr std::size_t kWriters = 64;
constexpr int kRounds = 5;

// Answers 200 when the key's value is the one in the query.
constexpr const char* kReader = R"(export default {
  async fetch(request, env) {
    const wanted = new URL(request.url).searchParams.get("v");
    return new Response("", { status: (await env.BENCH.get("fresh")) === wanted ? 200 : 404 });
  },
};
)";

Result<void> make_namespace(ControlPlaneClient& client, const std::string& name) {
  v1::KvNamespaceRequest request;
  request.set_name(name);
  v1::KvNamespace response;
  const auto context = client.context();
  const grpc::Status status = client.kv().CreateNamespace(context.get(), request, &response);
  if (status.ok() || status.error_code() == grpc::StatusCode::ALREADY_EXISTS) return {};
  return rpc::to_error(status);
}

Result<void> put(ControlPlaneClient& client, const std::string& value) {
  v1::KvWriteRequest request;
  v1::KvWriteRequest::Write& write = *request.add_writes();
  write.set_namespace_("bench");
  write.set_key("fresh");
  write.set_value(value);
  v1::KvWriteResponse response;
  const auto context = client.context();
  const grpc::Status status = client.kv().Write(context.get(), request, &response);
  return status.ok() ? Result<void>() : rpc::to_error(status);
}

// Until each PoP answers with the value: when it did, from `start`; nothing for those that never
// do.
std::vector<double> seen_ms(const std::vector<v1::Pop>& pops, const std::string& value,
                            Instant start, const Clock& clock) {
  std::vector<double> times(pops.size(), -1);
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> probers;
  for (std::size_t i = 0; i < kProbers; ++i) {
    probers.emplace_back([&] {
      for (std::size_t at = next++; at < pops.size(); at = next++) {
        const bool seen = wait_until([&] {
          const Result<unsigned> status = sim::probe_http({.address = pops[at].http_address(),
                                                           .path = "/?v=" + value,
                                                           .host = "kv-reader.isopop.test",
                                                           .timeout = 10s});
          return status.ok() && status.value() == 200;
        });
        if (!seen) continue;
        times[at] = std::chrono::duration<double, std::milli>(clock.now() - start).count();
      }
    });
  }
  for (std::thread& prober : probers) prober.join();
  std::erase_if(times, [](double time) { return time < 0; });
  return times;
}

// One write after the other, each waited for, until the end.
class Writer final {
 public:
  Writer(ControlPlaneClient& client, std::size_t number, const Clock& clock, Instant end)
      : thread_([this, &client, number, &clock, end] {
          v1::KvWriteRequest request;
          v1::KvWriteRequest::Write& write = *request.add_writes();
          write.set_namespace_("bench");
          write.set_value(std::string(100, 'v'));
          for (std::size_t i = 0; clock.now() < end; ++i) {
            write.set_key(fmt::format("w{}-{}", number, i));
            v1::KvWriteResponse response;
            const auto context = client.context();
            const grpc::Status status = client.kv().Write(context.get(), request, &response);
            ++(status.ok() ? done_ : failed_);
          }
        }) {}
  ~Writer() { thread_.join(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void join() {
    thread_.join();
    thread_ = std::thread([] {});
  }
  [[nodiscard]] std::uint64_t done() const { return done_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  std::thread thread_;  // last: it uses what is above
};

}  // namespace

// Every PoP has read the key and so has a copy; then it changes. How long each may still answer
// with the old value includes the asking: the probers take turns over the PoPs.
Figures measure_kv_readers(BenchNetwork& network) {
  const SystemClock clock;
  ControlPlaneClient& client = network.client();
  ISOPOP_TRY(make_namespace(client, "bench"));
  v1::KvBinding binding;
  binding.set_name("BENCH");
  binding.set_namespace_("bench");
  ISOPOP_TRY_ASSIGN(const v1::DeployResponse deployed,
                    client.deploy("kv-reader", kReader, {binding}));
  ISOPOP_TRY(client.converged("kv-reader", deployed.deployment().number(), network.pops()));
  ISOPOP_TRY_ASSIGN(const std::vector<v1::Pop> pops, client.pops());
  std::vector<double> all_ms;
  std::size_t missing = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string value = fmt::format("r{}", round);
    ISOPOP_TRY(put(client, value));
    std::vector<double> times = seen_ms(pops, value, clock.now(), clock);
    missing += pops.size() - times.size();
    if (round == 0) continue;  // executors start, and copies are made
    all_ms.insert(all_ms.end(), times.begin(), times.end());
  }
  return Json{{"converge_ms", summary(std::move(all_ms))},
              {"converge_p99_aim_ms", kConvergeAimMs},
              {"never_seen", missing},
              {"never_seen_aim", 0}};
}

Figures measure_kv_writes(BenchNetwork& network, const SectionOptions& options) {
  const SystemClock clock;
  ISOPOP_TRY(make_namespace(network.client(), "bench"));
  const Instant start = clock.now();
  std::vector<std::unique_ptr<Writer>> writers;
  for (std::size_t i = 0; i < kWriters; ++i) {
    writers.push_back(
        std::make_unique<Writer>(network.client(), i, clock, start + options.kv_duration));
  }
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  for (const auto& writer : writers) {
    writer->join();
    done += writer->done();
    failed += writer->failed();
  }
  const double seconds = std::chrono::duration<double>(clock.now() - start).count();
  return Json{{"writers", kWriters},
              {"writes", done},
              {"writes_failed", failed},
              {"writes_per_s", static_cast<double>(done) / seconds},
              {"writes_aim_per_s", kWritesAimPerS}};
}

}  // namespace isopop::test
