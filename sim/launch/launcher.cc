#include "sim/launch/launcher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "common/http/header_names.h"
#include "common/process/child.h"
#include "sim/launch/http_probe.h"
#include "sim/launch/not_ready.h"
#include "sim/launch/process_table.h"
#include "sim/launch/stopper.h"
#include "sim/rpc/control_client.h"

namespace isopop::sim {
namespace {

constexpr std::chrono::milliseconds kPollEvery{50};
// Measured on two processors, 330 PoPs: 22 s with 4 starting at once, 11 with 8, 8 with 16 and
// with 40.
constexpr std::size_t kStartingPerProcessor = 8;
constexpr std::chrono::milliseconds kAnswerTimeout{2'000};
constexpr std::size_t kLogLinesShown = 8;

std::vector<std::string> own_environment() {
  std::vector<std::string> environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    environment.emplace_back(*entry);
  }
  return environment;
}

// One start of one network: the processes it has started, until all are ready or all are stopped.
class Launch final {
 public:
  Launch(const LaunchOptions& options, const AddressBlock& block, Interrupt& interrupt,
         const Clock& clock)
      : options_(options),
        plan_(make_launch_plan(options.topology, block, options.state, options.settings)),
        block_(block),
        interrupt_(interrupt),
        clock_(clock),
        deadline_(clock.now() + options.timeout),
        progress_(fmt::format("starting '{}', PoPs ready", options.topology.name),
                  options.topology.pops.size(), options.progress, clock),
        environment_(own_environment()) {}

  // Returns when all is ready; otherwise the caller stops what was started.
  Result<void> run() {
    ISOPOP_TRY(start(plan_.control));
    ISOPOP_TRY(start(plan_.router));
    const std::size_t starting_max =
        options_.starting_max > 0
            ? options_.starting_max
            : kStartingPerProcessor * std::max(1U, std::thread::hardware_concurrency());
    std::size_t ready = 0;
    std::size_t started = 0;
    while (true) {
      while (started < plan_.pops.size() && started < ready + starting_max) {
        if (interrupt_.has_come()) break;
        ISOPOP_TRY(start(plan_.pops[started]));
        ++started;
      }
      ISOPOP_TRY(check_all_run());
      const Result<ControlStatus> status = ask_control();
      if (status.ok()) ready = static_cast<std::size_t>(status.value().pops_ready);
      progress_.update(ready);
      if (status.ok() && ready >= plan_.pops.size() && router_is_ready(status.value())) return {};
      if (clock_.now() >= deadline_) return too_late();
      if (interrupt_.wait(kPollEvery)) return Error{ErrorCode::kCancelled, "interrupted"};
    }
  }

  // A client that nobody polls keeps the control plane waiting when it wants to end.
  void disconnect() { control_.reset(); }

  // From here on the processes live without this one.
  void release() {
    for (Started& process : started_) process.child.release();
  }

 private:
  struct Started {
    std::string name;
    Child child;
  };

  Result<void> start(const ProcessSpec& spec) {
    const std::filesystem::path log = options_.state.log_of(spec.name);
    // Appending, so that the log can be cut while the program writes to it.
    const UniqueFd output(
        open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644));
    if (!output.valid()) return errno_error(fmt::format("create {}", log.string()), errno);
    ISOPOP_TRY_ASSIGN(Child child, Child::start({
                                       .program = spec.program,
                                       .arguments = spec.arguments,
                                       .environment = environment_,
                                       .channel = -1,
                                       .standard_input = -1,
                                       .standard_output = output.get(),
                                       .standard_error = output.get(),
                                       .lifetime = ChildOptions::Lifetime::kOutlivesParent,
                                   }));
    started_.push_back({.name = spec.name, .child = std::move(child)});
    return {};
  }

  // Asking before it listens would only make gRPC back off and learn of it late.
  Result<ControlStatus> ask_control() {
    std::error_code ignored;
    if (!control_ && std::filesystem::exists(options_.state.path() / "control.endpoint", ignored)) {
      control_.emplace(block_.control_rpc(), access_of(options_.state.path()));
    }
    if (!control_) return unavailable("the control plane does not listen yet");
    return control_->status(kAnswerTimeout);
  }

  // A program that ends while it should start will not become ready, so nobody waits for it.
  Result<void> check_all_run() {
    for (Started& process : started_) {
      const std::optional<ExitStatus> status = process.child.poll_exit();
      if (!status) continue;
      return Error{ErrorCode::kUnavailable,
                   fmt::format("{} ended while starting, with {}{}", described(process.name),
                               status->describe(), log_of(process.name))};
    }
    return {};
  }

  // It has the PoPs when it listens, is connected and answers that it is ready.
  [[nodiscard]] bool router_is_ready(const ControlStatus& status) const {
    if (status.router_addresses.empty()) return false;
    const Result<unsigned> answer = probe_http({.address = block_.router(),
                                                .path = std::string(http::own_paths::kReady),
                                                .host = {},
                                                .timeout = kAnswerTimeout});
    return answer.ok() && answer.value() == 200;
  }

  [[nodiscard]] Error too_late() const {
    std::vector<std::string> pops;
    pops.reserve(plan_.pops.size());
    for (const ProcessSpec& pop : plan_.pops) pops.push_back(pop.name);
    const NotReady reason = find_not_ready(control_ ? &*control_ : nullptr, pops, options_.timeout);
    return {ErrorCode::kDeadlineExceeded, reason.message + log_of(reason.culprit)};
  }

  [[nodiscard]] static std::string described(const std::string& name) {
    if (name == "control") return "the control plane";
    if (name == "router") return "the router";
    return "PoP " + name;
  }

  [[nodiscard]] std::string log_of(const std::string& name) const {
    const std::string tail = options_.state.log_tail(name, kLogLinesShown);
    const std::string path = options_.state.log_of(name).string();
    if (tail.empty()) return fmt::format("; its log {} is empty", path);
    return fmt::format("; the log {} ends with:\n{}", path, tail);
  }

  const LaunchOptions& options_;
  LaunchPlan plan_;
  AddressBlock block_;
  Interrupt& interrupt_;
  const Clock& clock_;
  Instant deadline_;
  std::optional<ControlClient> control_;  // once it listens
  Progress progress_;
  std::vector<std::string> environment_;
  std::vector<Started> started_;
};

// What runs in the folder already: nothing (go on), the wanted network (return its record), or
// something in the way.
Result<std::optional<LaunchRecord>> look_for_running(const LaunchOptions& options,
                                                     const std::string& digest) {
  ISOPOP_TRY_ASSIGN(const std::vector<RunningProcess> processes,
                    find_processes(options.state.path()));
  const std::optional<LaunchRecord> record = options.state.read_record();
  if (record && record->engine == LaunchRecord::Engine::kCompose) {
    return Error{ErrorCode::kFailedPrecondition,
                 fmt::format("a network of containers runs in {0}: stop it first with `isopop down "
                             "--state {0}`, or give another folder with --state",
                             options.state.path().string())};
  }
  // No note that all was ready: an earlier launcher was killed.
  if (processes.empty() || !record || !record->is_complete) return std::optional<LaunchRecord>();
  const std::string how_to_stop =
      fmt::format("stop it first with `isopop down --state {}`", options.state.path().string());
  if (record->digest != digest) {
    return Error{
        ErrorCode::kFailedPrecondition,
        fmt::format("another network ('{}', {} PoPs) is running in {}: {}", record->topology,
                    record->pops, options.state.path().string(), how_to_stop)};
  }
  const ControlClient control(record->control_rpc, access_of(options.state.path()));
  const Result<ControlStatus> status = control.status(kAnswerTimeout);
  if (!status.ok() || status.value().pops_ready < record->pops ||
      status.value().router_addresses.empty()) {
    return Error{ErrorCode::kFailedPrecondition,
                 fmt::format("this network is already running in {}, but not all of it is well "
                             "(`isopop status` tells more): {}",
                             options.state.path().string(), how_to_stop)};
  }
  return record;
}

Result<void> clear_up(const StateFolder& state, const Clock& clock) {
  ISOPOP_TRY(stop_network(state, {}, clock));
  return state.remove_run_files();
}

}  // namespace

Result<LaunchOutcome> launch_network(const LaunchOptions& options, Interrupt& interrupt,
                                     const Clock& clock) {
  const Instant begin = clock.now();
  ISOPOP_TRY(check_files_exist(options.settings));
  raise_descriptor_limit();
  const std::string digest = launch_digest(options.topology, options.settings);
  ISOPOP_TRY(options.state.create());
  ISOPOP_TRY_ASSIGN(const UniqueFd lock, lock_state(options.state));
  ISOPOP_TRY_ASSIGN(const std::optional<LaunchRecord> running, look_for_running(options, digest));
  if (running) {
    return LaunchOutcome{.record = *running, .took = clock.now() - begin, .was_running = true};
  }
  ISOPOP_TRY(clear_up(options.state, clock));
  // Of an earlier network in this folder: the programs must not take it for the new one's.
  if (options.settings.insecure) ISOPOP_TRY(options.state.remove_join_folder());
  ISOPOP_TRY(options.state.begin_logs());
  ISOPOP_TRY_ASSIGN(const ClaimedBlock claimed, claim_address_block());
  LaunchRecord record{.topology = options.topology.name,
                      .digest = digest,
                      .pops = options.topology.pops.size(),
                      .isolation = options.topology.pop.isolation,
                      .control_rpc = claimed.block.control_rpc(),
                      .control_http = claimed.block.control_http(),
                      .router = claimed.block.router(),
                      .first_pop = claimed.block.pop(0),
                      .is_complete = false};
  ISOPOP_TRY(options.state.write_record(record));

  Launch launch(options, claimed.block, interrupt, clock);
  Result<void> outcome = launch.run();
  record.is_complete = true;
  if (outcome.ok()) outcome = options.state.write_record(record);
  launch.disconnect();
  if (!outcome.ok()) {
    const Result<void> cleared = clear_up(options.state, clock);
    if (!cleared.ok()) return outcome.error().with_context(cleared.error().message);
    return outcome.error();
  }
  launch.release();
  return LaunchOutcome{.record = record, .took = clock.now() - begin, .was_running = false};
}

}  // namespace isopop::sim
