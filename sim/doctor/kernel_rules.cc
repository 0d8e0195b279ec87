#include <fmt/format.h>

#include <string_view>

#include "sim/doctor/rule_parts.h"
#include "sim/doctor/rules.h"

namespace isopop::sim::doctor {
namespace {

// What pristine mode finds written pages by, best first (pop_node/checkpoint/dirty_pages.h).
Finding judge_pagemap(const HostFacts& facts) {
  if (!facts.pagemap_scan || !facts.pagemap_read) {
    return unknown("pagemap-scan", "/proc/self/pagemap");
  }
  if (facts.pagemap_scan->works) return {.name = "pagemap-scan", .found = "works"};
  Finding finding{.name = "pagemap-scan",
                  .verdict = Verdict::kWarning,
                  .found = facts.pagemap_scan->reason,
                  .needed = "Linux 6.7",
                  .why = fmt::format("This is Linux {}: pristine mode reads the list of written "
                                     "pages instead, which takes longer after each request.",
                                     facts.kernel)};
  if (!facts.pagemap_read->works) {
    finding.why = "Pristine mode cannot see which pages were written (" +
                  facts.pagemap_read->reason +
                  "): it drops all of a worker's memory after each request, the slowest way.";
  }
  return finding;
}

// The setting that refuses user namespaces, if one of the known ones does.
std::string namespace_fix(const HostFacts& facts) {
  if (facts.user_namespaces_max == 0U) {
    return as_root(facts, "sysctl -w user.max_user_namespaces=65536");
  }
  if (facts.is_root) return {};               // what follows holds for ordinary users only
  if (facts.user_namespaces_for_all == 0U) {  // Debian's own setting
    return as_root(facts, "sysctl -w kernel.unprivileged_userns_clone=1");
  }
  if (facts.user_namespaces_by_apparmor == 1U) {  // Ubuntu since 23.10
    return as_root(facts, "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
  }
  return {};
}

Finding judge_namespaces(const HostFacts& facts) {
  if (!facts.user_namespace || !facts.network_namespace) {
    return unknown("user-namespaces", "an attempt to make one");
  }
  const bool has_both = facts.user_namespace->works && facts.network_namespace->works;
  if (has_both) return {.name = "user-namespaces", .found = "work"};
  return {.name = "user-namespaces",
          .verdict = Verdict::kWarning,
          .found = facts.user_namespace->works
                       ? "work, but none of the network: " + facts.network_namespace->reason
                       : "refused: " + facts.user_namespace->reason,
          .needed = "a network, file system and processes of an executor's own",
          .why =
              "Executors are confined by seccomp, Landlock and limits alone. In a container that "
              "is so by Docker's default profile.",
          .fix = namespace_fix(facts)};
}

Finding judge_landlock(const HostFacts& facts) {
  if (!facts.landlock) return unknown("landlock", "an attempt to make rules");
  if (facts.landlock->works) {
    return {.name = "landlock", .found = fmt::format("version {}", facts.landlock_version)};
  }
  return {.name = "landlock",
          .verdict = Verdict::kWarning,
          .found = facts.landlock->reason,
          .needed = "Linux 5.13 with Landlock among its security modules",
          .why =
              "Executors are kept from files by seccomp and namespaces alone; `cat "
              "/sys/kernel/security/lsm` must list landlock (kernel parameter lsm=landlock,…)."};
}

Finding judge_seccomp(const HostFacts& facts) {
  if (!facts.seccomp) return unknown("seccomp", "an attempt to install a filter");
  if (facts.seccomp->works) return {.name = "seccomp", .found = "filters can be installed"};
  return {.name = "seccomp",
          .verdict = Verdict::kWarning,
          .found = facts.seccomp->reason,
          .needed = "filters of system calls",
          .why = "Executors could make any system call: run only workers that you trust."};
}

// The figures of docs/performance.md were measured with madvise.
Finding judge_huge_pages(const HostFacts& facts) {
  constexpr std::string_view kFile = "/sys/kernel/mm/transparent_hugepage/enabled";
  if (!facts.huge_pages) return unknown("huge-pages", kFile);
  Finding finding{.name = "huge-pages", .found = *facts.huge_pages, .needed = "madvise or never"};
  if (*facts.huge_pages == "always") {
    finding.verdict = Verdict::kWarning;
    finding.why =
        "Memory that is touched once may take 2 MiB: more of it for each worker, and more "
        "to put back after each request.";
    finding.fix = fmt::format("echo madvise | {}", as_root(facts, fmt::format("tee {}", kFile)));
  }
  return finding;
}

// Documentation/mm/overcommit-accounting.rst: 2 counts what is mapped, used or not.
Finding judge_overcommit(const HostFacts& facts) {
  if (!facts.overcommit_mode) return unknown("overcommit", "/proc/sys/vm/overcommit_memory");
  Finding finding{.name = "overcommit",
                  .found = fmt::format("mode {}", *facts.overcommit_mode),
                  .needed = "mode 0 or 1"};
  if (*facts.overcommit_mode == 2) {
    finding.verdict = Verdict::kWarning;
    finding.why =
        "The kernel counts each fork of a zygote as a whole copy of it: executors are "
        "refused while memory is free.";
    finding.fix = as_root(facts, "sysctl -w vm.overcommit_memory=0");
  }
  return finding;
}

}  // namespace

std::vector<Finding> judge_kernel(const HostFacts& facts, const Plan& plan) {
  std::vector<Finding> findings = {judge_pagemap(facts), judge_landlock(facts),
                                   judge_seccomp(facts)};
  // In containers they are refused whatever this machine allows; see judge_engine().
  if (plan.engine == Engine::kProcesses) findings.push_back(judge_namespaces(facts));
  findings.push_back(judge_huge_pages(facts));
  findings.push_back(judge_overcommit(facts));
  return findings;
}

}  // namespace isopop::sim::doctor
