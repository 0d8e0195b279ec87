#include "sim/doctor/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/units/units.h"
#include "sim/doctor/rule_parts.h"

namespace isopop::sim::doctor {
namespace {

using std::uint64_t;

std::optional<uint64_t> least_of(std::optional<uint64_t> a, std::optional<uint64_t> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// How many of the plan's PoPs that much memory is enough for.
std::size_t pops_that_fit(Plan plan, uint64_t memory_bytes) {
  while (plan.pops > 0 && needs_of(plan).memory_bytes > memory_bytes) --plan.pops;
  return plan.pops;
}

// The command that starts a network for which so much memory is enough: all PoPs in fewer
// containers where that helps, else fewer PoPs. Empty when not even one PoP fits.
std::string smaller_network(const Plan& plan, uint64_t memory_bytes) {
  constexpr std::size_t kDensest = 50;
  Plan denser = plan;
  while (plan.engine == Engine::kCompose && ++denser.pops_per_container <= kDensest) {
    if (needs_of(denser).memory_bytes > memory_bytes) continue;
    return up_command(plan, fmt::format("--pops-per-container {}", denser.pops_per_container));
  }
  const std::size_t fitting = pops_that_fit(plan, memory_bytes);
  return fitting == 0 ? "" : up_command(plan, fmt::format("--pops {}", fitting));
}

Finding judge_memory(const HostFacts& facts, const Plan& plan) {
  const uint64_t needed = needs_of(plan).memory_bytes;
  // Containers stand in control groups of their own; processes stand in ours.
  const bool is_ours = plan.engine == Engine::kProcesses;
  const std::optional<uint64_t> group =
      is_ours ? facts.limits.cgroup_memory_left_bytes : std::nullopt;
  const std::optional<uint64_t> left =
      facts.memory_available_bytes ? least_of(facts.memory_available_bytes, group) : std::nullopt;
  const bool by_group = left && group && *left == *group && *group != facts.memory_available_bytes;
  return at_least(
      {.name = "memory",
       .found = left,
       .needed = needed,
       .found_text = fmt::format("{} available{}", format_bytes(left.value_or(0)),
                                 by_group ? " to this control group" : ""),
       .needed_text = fmt::format("{} for {} PoPs", format_bytes(needed), count_text(plan.pops)),
       .source = "/proc/meminfo"},
      {.why = fmt::format("The kernel would end some of the programs for want of memory; it is "
                          "enough for {} of the PoPs.",
                          count_text(left ? pops_that_fit(plan, *left) : 0)),
       .fix = left ? smaller_network(plan, *left) : "",
       .launch = Launch::kIsBlocked});
}

Finding judge_tasks(const HostFacts& facts, const Plan& plan) {
  const uint64_t needed = needs_of(plan).tasks;
  const uint64_t raised = with_room(facts.tasks_now.value_or(0) + needed);
  std::string settings;
  for (const auto& [name, limit] : {std::pair("kernel.pid_max", facts.pid_max),
                                    std::pair("kernel.threads-max", facts.threads_max)}) {
    if (limit && *left_of(limit, facts.tasks_now) < needed) {
      settings += fmt::format(" {}={}", name, raised);
    }
  }
  const std::optional<uint64_t> limit = facts.pid_max && facts.threads_max
                                            ? least_of(facts.pid_max, facts.threads_max)
                                            : std::nullopt;
  return at_least({.name = "tasks",
                   .found = left_of(limit, facts.tasks_now),
                   .needed = needed,
                   .found_text = fmt::format("{} at most, {} in use", count_text(limit.value_or(0)),
                                             facts.tasks_now ? count_text(*facts.tasks_now)
                                                             : std::string("an unknown number")),
                   .needed_text = fmt::format("{} more", count_text(needed)),
                   .source = "/proc/sys/kernel/pid_max and threads-max"},
                  {.why = "Processes and threads share these numbers; when they run out, no "
                          "program of this machine can start another.",
                   .fix = as_root(facts, "sysctl -w" + settings)});
}

Finding judge_group_tasks(const HostFacts& facts, const Plan& plan) {
  const bool is_ours = plan.engine == Engine::kProcesses;
  // What runs inside a container counts in the container's own group, its shim in Docker's.
  const uint64_t needed = needs_of(plan).tasks - (is_ours ? 0 : needs_of(plan).tasks_of_one_user);
  std::string fix;
  if (facts.has_systemd) {
    fix = as_root(facts, is_ours ? "systemctl set-property user-$(id -u).slice TasksMax=infinity"
                                 : "systemctl set-property docker.service TasksMax=infinity");
  }
  const std::optional<uint64_t> left = facts.limits.cgroup_tasks_left;
  return at_least(
      {.name = "cgroup-tasks",
       .found = left,
       .needed = needed,
       .found_text =
           left == kUnlimited ? "no limit" : fmt::format("{} left", count_text(left.value_or(0))),
       .needed_text = fmt::format("{} more", count_text(needed)),
       .source = "pids.max of the control group"},
      {.why = fmt::format("The control group of {} allows no more processes and threads; whoever "
                          "made it must raise its pids limit.",
                          is_ours ? "this shell" : "the Docker daemon"),
       .fix = std::move(fix)});
}

// For a limit that Docker's containers inherit from its daemon.
std::string daemon_limit_fix(const HostFacts& facts, std::string_view setting) {
  if (!facts.has_systemd) return {};
  return fmt::format("{} && printf '[Service]\\n{}\\n' | {} && {} && {}",
                     as_root(facts, "mkdir -p /etc/systemd/system/docker.service.d"), setting,
                     as_root(facts, "tee /etc/systemd/system/docker.service.d/isopop.conf"),
                     as_root(facts, "systemctl daemon-reload"),
                     as_root(facts, "systemctl restart docker"));
}

Finding judge_user_tasks(const HostFacts& facts, const Plan& plan) {
  const bool is_ours = plan.engine == Engine::kProcesses;
  const uint64_t needed = needs_of(plan).tasks_of_one_user;
  // setrlimit(2): RLIMIT_NPROC is not enforced for root. In the image all run as an ordinary user.
  if (is_ours && facts.is_root) {
    return {.name = "user-tasks", .found = "no limit for root"};
  }
  const std::optional<uint64_t> limit = facts.limits.tasks_of_user;
  const uint64_t raised = with_room(facts.tasks_of_user_now.value_or(0) + needed);
  return at_least(
      {.name = "user-tasks",
       .found = left_of(limit, facts.tasks_of_user_now),
       .needed = needed,
       .found_text =
           limit == kUnlimited
               ? "no limit"
               : fmt::format("{} at most, {} in use", count_text(limit.value_or(0)),
                             facts.tasks_of_user_now ? count_text(*facts.tasks_of_user_now)
                                                     : std::string("an unknown number")),
       .needed_text = fmt::format("{} more", count_text(needed)),
       .source = is_ours ? "/proc/self/limits" : "the limits of the Docker daemon"},
      {.why = is_ours ? "The kernel refuses this user further processes and threads."
                      : "All containers run as one user, whose processes the kernel counts "
                        "together; they inherit the Docker daemon's limit.",
       .fix = is_ours ? as_root(facts, fmt::format("prlimit --pid $$ --nproc={0}:{0}", raised))
                      : daemon_limit_fix(facts, "LimitNPROC=infinity")});
}

Finding judge_open_files(const HostFacts& facts, const Plan& plan) {
  const bool is_ours = plan.engine == Engine::kProcesses;
  const uint64_t needed = needs_of(plan).files_of_one_process;
  const uint64_t raised = std::max<uint64_t>(with_room(needed), 65'536);
  std::string fix;
  if (is_ours) {
    fix = as_root(facts, fmt::format("prlimit --pid $$ --nofile={0}:{0}", raised));
    if (facts.nr_open && *facts.nr_open < raised) {
      fix = as_root(facts, fmt::format("sysctl -w fs.nr_open={}", raised)) + " && " + fix;
    }
  } else {
    fix = daemon_limit_fix(facts, fmt::format("LimitNOFILE={}", raised));
  }
  const std::optional<uint64_t> limit = facts.limits.open_files_hard;
  return at_least(
      {.name = "open-files",
       .found = limit,
       .needed = needed,
       .found_text = fmt::format("{} for each process", count_text(limit.value_or(0))),
       .needed_text = fmt::format("{} for the router", count_text(needed)),
       .source = is_ours ? "/proc/self/limits" : "the limits of the Docker daemon"},
      {.why = is_ours ? "The router could not connect to every PoP and client."
                      : "Containers inherit the Docker daemon's limit; the router could not "
                        "connect to every PoP and client.",
       .fix = std::move(fix)});
}

Finding judge_system_files(const HostFacts& facts, const Plan& plan) {
  const uint64_t needed = needs_of(plan).files_of_all;
  return at_least(
      {.name = "system-files",
       .found = left_of(facts.file_max, facts.files_now),
       .needed = needed,
       .found_text = fmt::format("{} at most, {} in use", count_text(facts.file_max.value_or(0)),
                                 count_text(facts.files_now.value_or(0))),
       .needed_text = fmt::format("{} more", count_text(needed)),
       .source = "/proc/sys/fs/file-nr"},
      {.why = "All programs of the machine share this many open files and sockets.",
       .fix = as_root(facts, fmt::format("sysctl -w fs.file-max={}",
                                         with_room(facts.files_now.value_or(0) + needed)))});
}

Finding judge_state_disk(const HostFacts& facts, const Plan& plan) {
  const uint64_t needed = needs_of(plan).state_bytes;
  return at_least({.name = "state-disk",
                   .found = facts.state_bytes_free,
                   .needed = needed,
                   .found_text = fmt::format("{} free where the state folder is",
                                             format_bytes(facts.state_bytes_free.value_or(0))),
                   .needed_text = format_bytes(needed),
                   .source = "the file system of the state folder"},
                  {.why = "Database and logs would fill the disk; make room, or take a folder on "
                          "another one with --state DIR."});
}

// Every client of a replay has a connection of its own, kept for 60 s when idle
// (sim/replay/replay_plan.h), and all of them go to one address and port of the router.
Finding judge_ephemeral_ports(const HostFacts& facts) {
  constexpr uint64_t kNeeded = 10'000;
  return at_least(
      {.name = "ephemeral-ports",
       .found = facts.ephemeral_ports,
       .needed = kNeeded,
       .found_text = fmt::format("{} ports", count_text(facts.ephemeral_ports.value_or(0))),
       .needed_text = fmt::format("{} for a large replay", count_text(kNeeded)),
       .source = "/proc/sys/net/ipv4/ip_local_port_range"},
      {.verdict = Verdict::kWarning,
       .why = "A replay of a trace with many clients would run out of connections to the router.",
       .fix = as_root(facts, "sysctl -w net.ipv4.ip_local_port_range='32768 60999'")});
}

// Listeners ask for 4,096 (common/http/server_core.cc), which the kernel caps at this; it has been
// its default since Linux 5.4. Each container has a value of its own, 4,096 again.
Finding judge_backlog(const HostFacts& facts) {
  constexpr uint64_t kNeeded = 4'096;
  return at_least({.name = "somaxconn",
                   .found = facts.somaxconn,
                   .needed = kNeeded,
                   .found_text = count_text(facts.somaxconn.value_or(0)),
                   .needed_text = count_text(kNeeded),
                   .source = "/proc/sys/net/core/somaxconn"},
                  {.verdict = Verdict::kWarning,
                   .why = "Bursts of new connections would wait a second or more for a retry.",
                   .fix = as_root(facts, "sysctl -w net.core.somaxconn=4096")});
}

Finding judge_loopback(const HostFacts& facts) {
  if (!facts.loopback) return unknown("loopback", "an attempt to bind an address of it");
  if (facts.loopback->works) {
    return {.name = "loopback", .found = "every address of 127.0.0.0/8 can be bound"};
  }
  return {.name = "loopback",
          .verdict = Verdict::kProblem,
          .found = facts.loopback->reason,
          .needed = "an address of 127.0.0.0/8 for each PoP",
          .why = "No program of the network could listen.",
          .fix = as_root(facts, "ip link set lo up"),
          .launch = Launch::kIsBlocked};
}

}  // namespace

std::vector<Finding> judge_resources(const HostFacts& facts, const Plan& plan) {
  std::vector<Finding> findings = {judge_memory(facts, plan),      judge_tasks(facts, plan),
                                   judge_group_tasks(facts, plan), judge_user_tasks(facts, plan),
                                   judge_open_files(facts, plan),  judge_system_files(facts, plan),
                                   judge_state_disk(facts, plan),  judge_ephemeral_ports(facts)};
  if (plan.engine == Engine::kProcesses) {
    findings.push_back(judge_backlog(facts));
    findings.push_back(judge_loopback(facts));
  }
  return findings;
}

std::vector<Finding> judge(const HostFacts& facts, const Plan& plan) {
  std::vector<Finding> findings;
  if (plan.engine == Engine::kCompose) findings = judge_engine(facts, plan);
  for (std::vector<Finding> group : {judge_resources(facts, plan), judge_kernel(facts, plan)}) {
    std::move(group.begin(), group.end(), std::back_inserter(findings));
  }
  return findings;
}

}  // namespace isopop::sim::doctor
