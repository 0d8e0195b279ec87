#include "sim/launch/network_status.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "common/units/units.h"
#include "sim/launch/process_table.h"
#include "sim/launch/sandbox_summary.h"

namespace isopop::sim {
namespace {

constexpr std::chrono::milliseconds kAnswerTimeout{2'000};

void add_process(NetworkStatus& status, const RunningProcess& process) {
  const std::uint64_t memory_bytes = proportional_set_bytes(process.pid);
  switch (process.program) {
    case Program::kControl:
      status.control = NetworkStatus::Process{.pid = process.pid, .memory_bytes = memory_bytes};
      return;
    case Program::kRouter:
      status.router = NetworkStatus::Process{.pid = process.pid, .memory_bytes = memory_bytes};
      return;
    case Program::kPop:
      ++status.pops_running;
      status.pops_memory_bytes += memory_bytes;
      return;
    case Program::kExecutor:
      status.pops_memory_bytes += memory_bytes;
      if (process.name != "executor") return;  // a zygote: it serves nobody
      ++status.executors;
      status.executors_memory_bytes += memory_bytes;
      return;
  }
}

void ask_control(NetworkStatus& status, const Clock& clock, const ControlAccess& access) {
  if (status.control_rpc.empty() || !status.control) return;
  const ControlClient control(status.control_rpc, access);
  const Result<ControlStatus> answer = control.status(kAnswerTimeout);
  if (!answer.ok()) {
    if (answer.error().code == ErrorCode::kUnauthenticated) {
      status.control_refuses = answer.error().message;
    }
    return;
  }
  status.control_answers = true;
  status.uptime = clock.wall_now() - answer.value().started_at;
  status.workers = answer.value().workers;
  status.router_connected = !answer.value().router_addresses.empty();
  status.pops_ready = static_cast<std::size_t>(answer.value().pops_ready);
  status.pops_starting = static_cast<std::size_t>(answer.value().pops_starting);
  status.pops_down = static_cast<std::size_t>(answer.value().pops_down);
  Result<std::vector<PopReport>> reports = control.pops(kAnswerTimeout);
  if (!reports.ok()) return;
  const bool all_ready = status.pops_ready >= status.pops_wanted;
  for (PopReport& report : reports.value()) {
    if (report.condition != PopCondition::kReady && !all_ready) {
      status.pops_not_ready.push_back(report.id);
    }
    if (report.condition != PopCondition::kDown) status.pops.push_back(std::move(report));
  }
}

NetworkStatus::State judge(const NetworkStatus& status, bool is_complete) {
  const bool anything =
      status.control || status.router || status.pops_running > 0 || status.executors > 0;
  if (!anything) return NetworkStatus::State::kStopped;
  if (!is_complete) return NetworkStatus::State::kStarting;
  const bool all = status.control_answers && status.router && status.router_connected &&
                   status.pops_running >= status.pop_units_wanted &&
                   status.pops_ready >= status.pops_wanted;
  return all ? NetworkStatus::State::kReady : NetworkStatus::State::kDegraded;
}

// By PoP.
nlohmann::ordered_json sandbox_json(const std::vector<PopReport>& pops) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const PopReport& pop : pops) {
    nlohmann::ordered_json& measures = json[pop.id] = nlohmann::ordered_json::array();
    for (const SandboxMeasure& measure : pop.sandbox) {
      measures.push_back(
          {{"name", measure.name}, {"active", measure.active}, {"detail", measure.detail}});
    }
  }
  return json;
}

std::string process_line(const std::optional<NetworkStatus::Process>& process,
                         std::string_view address, std::string_view condition) {
  if (!process) return "not running";
  const std::string where = process->container.empty() ? fmt::format("pid {}", process->pid)
                                                       : "container " + process->container;
  return fmt::format("{}  {}  {}  {}", condition, address, where,
                     format_bytes(process->memory_bytes));
}

}  // namespace

std::uint64_t NetworkStatus::total_memory_bytes() const {
  return pops_memory_bytes + (control ? control->memory_bytes : 0) +
         (router ? router->memory_bytes : 0);
}

std::uint64_t NetworkStatus::memory_bytes_per_pop() const {
  // A container may hold several.
  const std::size_t counted = engine == LaunchRecord::Engine::kCompose ? pops_ready : pops_running;
  return counted == 0 ? 0 : pops_memory_bytes / counted;
}

std::string_view to_string(NetworkStatus::State state) {
  switch (state) {
    case NetworkStatus::State::kStopped:
      return "stopped";
    case NetworkStatus::State::kStarting:
      return "starting";
    case NetworkStatus::State::kDegraded:
      return "degraded";
    case NetworkStatus::State::kReady:
      return "ready";
  }
  return "unknown";
}

Result<NetworkStatus> inspect_network(const StateFolder& state, const Clock& clock,
                                      const ControlAccess& access) {
  raise_descriptor_limit();
  NetworkStatus status;
  status.state_folder = state.path().string();
  ISOPOP_TRY_ASSIGN(const std::vector<RunningProcess> processes, find_processes(state.path()));
  const std::optional<LaunchRecord> record = state.read_record();
  if (record) begin_status(status, *record);
  for (const RunningProcess& process : processes) add_process(status, process);
  complete_status(status, record && record->is_complete, clock, access);
  return status;
}

void begin_status(NetworkStatus& status, const LaunchRecord& record) {
  status.topology = record.topology;
  status.isolation = record.isolation;
  status.pops_wanted = record.pops;
  status.pop_units_wanted = record.pops;
  status.engine = record.engine;
  status.project = record.project;
  status.control_rpc = record.control_rpc;
  status.router_address = record.router;
}

void complete_status(NetworkStatus& status, bool is_complete, const Clock& clock,
                     const ControlAccess& access) {
  ask_control(status, clock, access);
  status.state = judge(status, is_complete);
}

std::string format_table(const NetworkStatus& status) {
  if (status.state == NetworkStatus::State::kStopped) {
    return fmt::format("nothing is running in {}\n", status.state_folder);
  }
  const bool is_compose = status.engine == LaunchRecord::Engine::kCompose;
  std::string text = fmt::format("network        {}  {}  up {}\n", status.topology,
                                 to_string(status.state), format_duration(status.uptime));
  if (is_compose) text += fmt::format("engine         compose, project {}\n", status.project);
  text += fmt::format("control plane  {}\n",
                      process_line(status.control, status.control_rpc,
                                   status.control_answers ? "answers" : "gives no answer"));
  if (!status.control_refuses.empty()) {
    text += fmt::format("               {}\n", status.control_refuses);
  }
  text += fmt::format("router         {}\n",
                      process_line(status.router, "http://" + status.router_address,
                                   status.router_connected ? "connected" : "not connected"));
  text += fmt::format("PoPs           {} ready, {} starting, {} down, of {}; {} {}\n",
                      status.pops_ready, status.pops_starting, status.pops_down, status.pops_wanted,
                      status.pops_running, is_compose ? "containers" : "processes");
  if (!status.pops_not_ready.empty()) {
    text += fmt::format("not ready      {}\n", fmt::join(status.pops_not_ready, " "));
  }
  text += fmt::format("isolation      {}, of workers that do not say\n", status.isolation);
  std::string_view label = "sandbox";
  for (const std::string& line : summarize_sandboxes(status.pops)) {
    text += fmt::format("{:<14} {}\n", std::exchange(label, ""), line);
  }
  text += fmt::format("workers        {}\nexecutors      {}{}\n", status.workers, status.executors,
                      is_compose ? "" : "  " + format_bytes(status.executors_memory_bytes));
  text += fmt::format("memory         {} in all, {} a PoP with its executors\n",
                      format_bytes(status.total_memory_bytes()),
                      format_bytes(status.memory_bytes_per_pop()));
  text += fmt::format("state          {}\n", status.state_folder);
  return text;
}

std::string format_json(const NetworkStatus& status) {
  const auto program = [](const std::optional<NetworkStatus::Process>& process,
                          const std::string& address) {
    return nlohmann::ordered_json{{"running", process.has_value()},
                                  {"pid", process ? process->pid : 0},
                                  {"container", process ? process->container : ""},
                                  {"address", address},
                                  {"memory_bytes", process ? process->memory_bytes : 0}};
  };
  nlohmann::ordered_json control = program(status.control, status.control_rpc);
  control["answers"] = status.control_answers;
  nlohmann::ordered_json router = program(status.router, status.router_address);
  router["connected"] = status.router_connected;
  const nlohmann::ordered_json json = {
      {"state", to_string(status.state)},
      {"topology", status.topology},
      {"isolation", status.isolation},
      {"engine", to_string(status.engine)},
      {"project", status.project},
      {"state_folder", status.state_folder},
      {"uptime_s", std::chrono::duration<double>(status.uptime).count()},
      {"control", control},
      {"router", router},
      {"pops",
       {{"wanted", status.pops_wanted},
        {"processes", status.pops_running},
        {"ready", status.pops_ready},
        {"starting", status.pops_starting},
        {"down", status.pops_down},
        {"not_ready", status.pops_not_ready}}},
      {"sandbox", sandbox_json(status.pops)},
      {"workers", status.workers},
      {"executors", status.executors},
      {"memory_bytes",
       {{"total", status.total_memory_bytes()},
        {"pops_with_executors", status.pops_memory_bytes},
        {"executors", status.executors_memory_bytes},
        {"per_pop_with_executors", status.memory_bytes_per_pop()}}},
  };
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace isopop::sim
