#include "tests/unit/doctor/sound_facts.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace isopop::sim::doctor {

HostFacts sound_facts() {
  constexpr std::uint64_t kPlenty = 1'000'000;
  constexpr std::uint64_t kDisk = 1ULL << 40U;
  HostFacts facts;
  facts.kernel = "6.12.1";
  facts.has_systemd = true;
  facts.memory_total_bytes = 64ULL << 30U;
  facts.memory_available_bytes = 60ULL << 30U;
  facts.pid_max = 4'194'304;
  facts.threads_max = kPlenty;
  facts.tasks_now = 500;
  facts.tasks_of_user_now = 100;
  facts.file_max = kPlenty;
  facts.files_now = 1'000;
  facts.nr_open = 1'048'576;
  facts.neighbours_max = 8'192;
  facts.neighbours_now = 3;
  facts.inotify_instances = 8'192;
  facts.inotify_watches = kPlenty;
  facts.somaxconn = 4'096;
  facts.ephemeral_ports = 28'232;
  facts.overcommit_mode = 0;
  facts.huge_pages = "madvise";
  facts.cgroup_version = "2";
  facts.ports_taken = std::set<std::uint16_t>{22};
  facts.state_bytes_free = kDisk;
  facts.engine_bytes_free = kDisk;
  facts.limits = {.open_files_hard = kPlenty,
                  .tasks_of_user = kPlenty,
                  .cgroup_tasks_left = kUnlimited,
                  .cgroup_memory_left_bytes = kUnlimited};
  const Attempt works{.works = true, .reason = {}};
  facts.pagemap_scan = works;
  facts.pagemap_read = works;
  facts.user_namespace = works;
  facts.network_namespace = works;
  facts.landlock = works;
  facts.landlock_version = 6;
  facts.seccomp = works;
  facts.loopback = works;
  facts.engine = EngineFacts{
      .state = EngineFacts::State::kAnswers,
      .client_version = "27.1.0",
      .server_version = "27.1.0",
      .compose_version = "2.29.1",
      .compose_is_plugin = true,
      .kernel = facts.kernel,
      .memory_total_bytes = facts.memory_total_bytes,
      .data_folder = "/var/lib/docker",
      .cgroup_version = "2",
      .limits_memory = true,
      .limits_tasks = true,
      .security = std::vector<std::string>{"name=apparmor", "name=seccomp,profile=builtin"},
      .has_image = true,
      .subnets_taken = std::vector<Subnet>{}};
  return facts;
}

Plan compose_plan(std::size_t pops) {
  return {.engine = Engine::kCompose, .pops = pops};
}

Finding finding_named(const std::vector<Finding>& findings, const std::string& name) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&name](const Finding& finding) { return finding.name == name; });
  if (found != findings.end()) return *found;
  ADD_FAILURE() << "no finding " << name;
  return {};
}

bool has_finding(const std::vector<Finding>& findings, const std::string& name) {
  return std::any_of(findings.begin(), findings.end(),
                     [&name](const Finding& finding) { return finding.name == name; });
}

}  // namespace isopop::sim::doctor
