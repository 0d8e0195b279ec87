#include "tests/bench/executor/bench_pop.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "common/units/units.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

constexpr std::chrono::seconds kReadyDeadline{60};

}  // namespace

Result<std::unique_ptr<BenchPop>> BenchPop::start(const std::vector<DeployedWorker>& workers,
                                                  std::vector<std::string> arguments) {
  std::unique_ptr<BenchPop> bench(new BenchPop());
  for (const DeployedWorker& worker : workers) {
    bench->control_.set_live(pop::make_worker(worker.name, 1, worker.source, worker.isolation));
  }
  bench->pop_.emplace(
      bench->control_.address(),
      pop::PopProcessOptions{.arguments = std::move(arguments), .spare_executors = 1});
  pop::PopProcess& pop = *bench->pop_;
  bench->pid_ = pop.child().pid();
  // Ready once it has answered every push of the welcome; the zygote starts beside that, and its
  // first child is the spare one.
  const bool is_ready =
      !pop.address().empty() &&
      wait_until(
          [&] {
            const auto ready = pop::request(pop.address(), "any", "/__isopop/readyz");
            return ready.ok() && ready.value().status == 200 && !pop.executors().empty() &&
                   pop.metric("isopop_pop_workers") == static_cast<double>(workers.size());
          },
          kReadyDeadline);
  if (!is_ready) return internal_error("the PoP does not get ready:\n" + pop.log());
  return bench;
}

std::vector<pid_t> BenchPop::processes() const {
  std::vector<pid_t> pids = pop_->processes();
  pids.push_back(pid_);
  return pids;
}

double BenchPop::processor_time_us() const {
  double sum_us = processor_time_of_ended_children_us(pid_);
  for (const pid_t pid : processes()) sum_us += test::processor_time_us(pid);
  // Executors are the zygote's children.
  if (const std::optional<pid_t> zygote = pop_->zygote()) {
    sum_us += processor_time_of_ended_children_us(*zygote);
  }
  return sum_us;
}

ProcessMemory BenchPop::memory() const {
  return memory_of(processes());
}

Result<TimedClient::Reply> TimedClient::get(const std::string& worker) {
  const std::string request = fmt::format("GET / HTTP/1.1\r\nhost: {}.example\r\n\r\n", worker);
  const Instant start = clock_.now();
  if (!client_.send(request)) return unavailable("the PoP has closed the connection");
  ISOPOP_TRY_ASSIGN(pop::RawResponse response, client_.read_response());
  const double ms = to_ms(clock_.now() - start);
  if (!response.complete) return unavailable("half an answer");
  return Reply{.ms = ms, .response = std::move(response)};
}

}  // namespace isopop::test
