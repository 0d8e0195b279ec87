#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "common/text/text.h"
#include "common/units/units.h"
#include "sim/doctor/rule_parts.h"
#include "sim/doctor/rules.h"

namespace isopop::sim::doctor {
namespace {

using std::uint64_t;

// net/bridge/br_private.h: BR_MAX_PORTS is 1,024, and number 0 is not given out.
constexpr uint64_t kBridgePorts = 1'023;

// The oldest that this was tried with (Debian 12's and 11's): older ones refuse Landlock and the
// newer system calls with the wrong error.
constexpr int kEngineMajor = 20;
constexpr int kEngineMinor = 10;
// The first that takes a file without `version:` (release notes of Compose 1.27.0).
constexpr int kComposeMajor = 1;
constexpr int kComposeMinor = 27;

// Debian's package is docker-compose 1.29; the plugin comes from Docker's own packages.
constexpr std::string_view kInstallEngine = "apt-get install -y docker.io";
constexpr std::string_view kInstallCompose = "apt-get install -y docker-compose";

struct Version {
  int major = 0;
  int minor = 0;
  auto operator<=>(const Version&) const = default;
};

// "20.10.24+dfsg1", "v2.29.1".
std::optional<Version> parse_version(std::string_view text) {
  text = trim(text);
  if (text.starts_with('v')) text.remove_prefix(1);
  const std::vector<std::string_view> parts = split(text, '.');
  if (parts.size() < 2) return std::nullopt;
  const auto major = parse_unsigned(parts[0]);
  const auto minor = parse_unsigned(parts[1].substr(0, parts[1].find_first_not_of("0123456789")));
  constexpr unsigned long long kNumberMax = 100'000;
  if (!major || !minor || *major > kNumberMax || *minor > kNumberMax) return std::nullopt;
  return Version{static_cast<int>(*major), static_cast<int>(*minor)};
}

std::string start_command(const HostFacts& facts) {
  if (facts.has_systemd) return as_root(facts, "systemctl start docker");
  return as_root(facts, "dockerd &");
}

Finding judge_answer(const HostFacts& facts, const EngineFacts& engine) {
  Finding finding{.name = "docker",
                  .verdict = Verdict::kProblem,
                  .found = "installed, does not answer",
                  .needed = "Docker, running",
                  .launch = Launch::kIsBlocked};
  switch (engine.state) {
    case EngineFacts::State::kAnswers:
      return {.name = "docker",
              .found = fmt::format("client {}, server {}", engine.client_version,
                                   engine.server_version)};
    case EngineFacts::State::kNotInstalled:
      finding.found = "not installed";
      finding.why = "There is no program `docker` on the PATH.";
      finding.fix = as_root(facts, kInstallEngine);
      break;
    case EngineFacts::State::kNotRunning:
      finding.found = "installed, not running";
      finding.why = engine.message;
      // Its own message names the address, not where that was set.
      finding.fix = engine.has_host_variable ? "unset DOCKER_HOST" : start_command(facts);
      if (engine.has_host_variable) finding.why += " That address is what DOCKER_HOST says.";
      break;
    case EngineFacts::State::kPermissionDenied:
      finding.found = "this user may not speak to it";
      finding.why =
          "Only root and the group docker may; whoever is in that group is as good as "
          "root on this machine.";
      finding.fix = "sudo usermod -aG docker \"$USER\" && newgrp docker";
      break;
    case EngineFacts::State::kSilent:
      finding.found = "no answer within 5 s";
      finding.why = "The Docker daemon hangs.";
      finding.fix = facts.has_systemd ? as_root(facts, "systemctl restart docker") : "";
      break;
    case EngineFacts::State::kFailed:
      finding.why = engine.message;
      break;
  }
  return finding;
}

Finding judge_version(const HostFacts& facts, const EngineFacts& engine) {
  const std::optional<Version> version = parse_version(engine.server_version);
  if (!version) return unknown("docker-version", "the answer of `docker version`");
  Finding finding{.name = "docker-version",
                  .found = engine.server_version,
                  .needed = fmt::format("{}.{}", kEngineMajor, kEngineMinor)};
  if (*version < Version{kEngineMajor, kEngineMinor}) {
    finding.verdict = Verdict::kProblem;
    finding.why = "Its seccomp profile refuses what executors are confined by.";
    finding.fix = as_root(facts, kInstallEngine);
  }
  return finding;
}

Finding judge_compose(const HostFacts& facts, const EngineFacts& engine) {
  Finding finding{.name = "compose",
                  .needed = fmt::format("`docker compose`, or docker-compose {}.{}", kComposeMajor,
                                        kComposeMinor)};
  if (!engine.compose_version) return unknown("compose", "its own --version");
  if (engine.compose_version->empty()) {
    finding.verdict = Verdict::kProblem;
    finding.found = "not installed";
    finding.why = "Neither `docker compose` nor `docker-compose` is there.";
    finding.fix = as_root(facts, kInstallCompose);
    finding.launch = Launch::kIsBlocked;
    return finding;
  }
  const std::string_view name = engine.compose_is_plugin ? "docker compose" : "docker-compose";
  finding.found = fmt::format("`{}` {}", name, *engine.compose_version);
  const std::optional<Version> version = parse_version(*engine.compose_version);
  if (!version) return unknown("compose", fmt::format("`{} version`", name));
  if (*version < Version{kComposeMajor, kComposeMinor}) {
    finding.verdict = Verdict::kProblem;
    finding.why = "It does not understand a compose file without `version:`.";
    finding.fix = as_root(facts, kInstallCompose);
    finding.launch = Launch::kIsBlocked;
  }
  return finding;
}

Finding judge_image(const EngineFacts& engine, const Plan& plan) {
  if (!engine.has_image) return unknown("image", "Docker");
  if (*engine.has_image) return {.name = "image", .found = plan.image + " is there"};
  const bool is_ours = plan.image == Plan().image;
  return {.name = "image",
          .verdict = Verdict::kProblem,
          .found = plan.image + " is not there",
          .needed = "the image of every container",
          .why = is_ours ? "It is built from this source tree." : "It has to be pulled or built.",
          .fix = is_ours ? "./run image" : "docker pull " + plan.image,
          .launch = Launch::kIsBlocked};
}

// What is read of the kernel below would be another's.
Finding judge_place(const HostFacts& facts, const EngineFacts& engine) {
  if (engine.kernel.empty()) return unknown("docker-host", "the answer of `docker info`");
  if (!engine.is_elsewhere) return {.name = "docker-host", .found = "this machine"};
  return {
      .name = "docker-host",
      .verdict = Verdict::kWarning,
      .found = fmt::format("another or a virtual machine (kernel {}; here {})", engine.kernel,
                           facts.kernel),
      .needed = "this machine, to look at its kernel",
      .why = "What is said to be unknown has to be looked at there: run `isopop doctor` on it."};
}

Finding judge_port(const HostFacts& facts, const Plan& plan) {
  if (!facts.ports_taken) return unknown("port", "/proc/net/tcp");
  if (!facts.ports_taken->contains(plan.port)) {
    return {.name = "port", .found = fmt::format("{} is free", plan.port)};
  }
  if (facts.own_port == plan.port) {
    return {.name = "port",
            .found = fmt::format("{} is this network's own, which runs already", plan.port)};
  }
  constexpr std::uint32_t kLastPort = 65'535;
  std::uint32_t free = plan.port;
  while (free <= kLastPort && facts.ports_taken->contains(static_cast<std::uint16_t>(free))) ++free;
  return {.name = "port",
          .verdict = Verdict::kProblem,
          .found = fmt::format("{} is in use", plan.port),
          .needed = "a free one for the router",
          .why = fmt::format("Another program listens on it; `ss -ltnp 'sport = :{}'` tells which.",
                             plan.port),
          .fix = free <= kLastPort ? up_command(plan, fmt::format("--port {}", free)) : "",
          .launch = Launch::kIsBlocked};
}

Finding judge_subnet(const EngineFacts& engine) {
  if (!engine.subnets_taken) return unknown("subnet", "Docker and /proc/net/route");
  if (const std::optional<Subnet> free = free_subnet(*engine.subnets_taken)) {
    return {.name = "subnet", .found = free->text() + " is free"};
  }
  return {.name = "subnet",
          .verdict = Verdict::kProblem,
          .found = "every network from 10.220.0.0 to 10.251.255.255 is taken",
          .needed = "a private network of 4,094 addresses",
          .why = "Docker's networks, or routes of this machine (of a VPN?), cover all of them.",
          .fix = "docker network prune",
          .launch = Launch::kIsBlocked};
}

Finding judge_bridge(const Plan& plan) {
  const uint64_t needed = plan.containers();
  const uint64_t dense = (plan.pops + kBridgePorts - 3) / (kBridgePorts - 2);
  return at_least({.name = "bridge-ports",
                   .found = kBridgePorts,
                   .needed = needed,
                   .found_text = fmt::format("{} on one bridge", count_text(kBridgePorts)),
                   .needed_text = fmt::format("{} containers", count_text(needed))},
                  {.why = "A Linux bridge takes no more; put several PoPs into a container.",
                   .fix = up_command(plan, fmt::format("--pops-per-container {}", dense)),
                   .launch = Launch::kIsBlocked});
}

// ip-sysctl.rst: gc_thresh3 is the most entries there may be, over all network namespaces. When it
// is reached the kernel throws out what is older than 5 s and asks again (net/core/neighbour.c);
// what finds no room then is dropped, which with half of them must be expected all the time.
Finding judge_neighbours(const HostFacts& facts, const Plan& plan) {
  const uint64_t needed = needs_of(plan).neighbours;
  const std::optional<uint64_t> left = left_of(facts.neighbours_max, facts.neighbours_now);
  const uint64_t raised = with_room(facts.neighbours_now.value_or(0) + needed);
  const bool is_far_off = left && *left < needed / 2;
  return at_least(
      {.name = "neighbours",
       .found = left,
       .needed = needed,
       .found_text =
           fmt::format("gc_thresh3 is {}, {} in use", count_text(facts.neighbours_max.value_or(0)),
                       count_text(facts.neighbours_now.value_or(0))),
       .needed_text = fmt::format("{} more", count_text(needed)),
       .source = "/proc/sys/net/ipv4/neigh/default/gc_thresh3"},
      {.verdict = is_far_off ? Verdict::kProblem : Verdict::kWarning,
       .why = is_far_off
                  ? "The table of addresses on the bridge would overflow, and packets be dropped."
                  : "The kernel would throw out addresses on the bridge that are in use, "
                    "and ask for them again.",
       .fix = as_root(facts, fmt::format("sysctl -w net.ipv4.neigh.default.gc_thresh1={} "
                                         "net.ipv4.neigh.default.gc_thresh2={} "
                                         "net.ipv4.neigh.default.gc_thresh3={}",
                                         raised / 4, raised / 2, raised))});
}

std::vector<Finding> judge_inotify(const HostFacts& facts, const EngineFacts& engine,
                                   const Plan& plan) {
  const std::string& version =
      engine.cgroup_version.empty() ? facts.cgroup_version : engine.cgroup_version;
  if (version == "1") {
    return {{.name = "inotify", .found = "not needed with cgroup v1"}};
  }
  const Needs needs = needs_of(plan);
  constexpr std::string_view kWhy =
      "Docker could not tell when a container ran out of memory; other programs of root's that "
      "watch files would fail.";
  const auto judge_one = [&facts, kWhy](std::string_view name, std::string_view setting,
                                        std::optional<uint64_t> found, uint64_t needed) {
    return at_least({.name = std::string(name),
                     .found = found,
                     .needed = needed,
                     .found_text = fmt::format("{} is {}", setting, count_text(found.value_or(0))),
                     .needed_text = fmt::format("{} for root", count_text(needed)),
                     .source = fmt::format("/proc/sys/fs/inotify/{}", setting)},
                    {.verdict = Verdict::kWarning,
                     .why = std::string(kWhy),
                     .fix = as_root(facts, fmt::format("sysctl -w fs.inotify.{}={}", setting,
                                                       with_room(needed)))});
  };
  return {judge_one("inotify-instances", "max_user_instances", facts.inotify_instances,
                    needs.inotify_instances),
          judge_one("inotify-watches", "max_user_watches", facts.inotify_watches,
                    needs.inotify_watches)};
}

Finding judge_cgroup(const HostFacts& facts, const EngineFacts& engine) {
  if (!engine.limits_memory || !engine.limits_tasks || engine.cgroup_version.empty()) {
    return unknown("cgroup", "the answer of `docker info`");
  }
  Finding finding{.name = "cgroup", .needed = "control of memory and tasks"};
  const bool has_memory = *engine.limits_memory;
  const bool has_tasks = *engine.limits_tasks;
  finding.found = fmt::format("v{}, {} memory, {} tasks", engine.cgroup_version,
                              has_memory ? "limits" : "does not limit",
                              has_tasks ? "limits" : "does not limit");
  if (has_memory && has_tasks) return finding;
  finding.verdict = Verdict::kWarning;
  finding.why =
      fmt::format("A container's limit of {} is not kept.{}", has_memory ? "tasks" : "memory",
                  has_memory ? "" : " The change takes effect at the next boot.");
  if (!has_memory) {
    // Debian's kernels up to 10 and those of small boards have it off.
    finding.fix = fmt::format(
        "echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX cgroup_enable=memory swapaccount=1\"' | {} "
        "&& {}",
        as_root(facts, "tee /etc/default/grub.d/isopop.cfg"), as_root(facts, "update-grub"));
  }
  return finding;
}

// For information: tried with Docker 20.10's default profile as the image's user.
Finding judge_container_sandbox(const EngineFacts& engine) {
  if (!engine.security) return unknown("container-sandbox", "the answer of `docker info`");
  const bool has_seccomp =
      std::any_of(engine.security->begin(), engine.security->end(),
                  [](const std::string& option) { return option.starts_with("name=seccomp"); });
  if (!has_seccomp) {
    return {.name = "container-sandbox",
            .verdict = Verdict::kWarning,
            .found = "Docker runs containers without a seccomp profile",
            .needed = "its default profile",
            .why =
                "Executors still confine themselves by seccomp and Landlock; the other programs "
                "of a container are not confined."};
  }
  return {.name = "container-sandbox",
          .found = "seccomp, Landlock and limits, within Docker's profile; no namespaces"};
}

Finding judge_engine_disk(const HostFacts& facts, const EngineFacts& engine, const Plan& plan) {
  const uint64_t needed = needs_of(plan).engine_bytes;
  return at_least(
      {.name = "docker-disk",
       .found = facts.engine_bytes_free,
       .needed = needed,
       .found_text = fmt::format("{} free in {}", format_bytes(facts.engine_bytes_free.value_or(0)),
                                 engine.data_folder),
       .needed_text = format_bytes(needed),
       .source = "Docker's data folder"},
      {.why = "Containers could not be made; `docker system df` tells what takes the "
              "room.",
       .launch = Launch::kIsBlocked});
}

}  // namespace

std::vector<Finding> judge_engine(const HostFacts& facts, const Plan& plan) {
  if (!facts.engine) return {unknown("docker", "the PATH")};
  const EngineFacts& engine = *facts.engine;
  std::vector<Finding> findings = {judge_answer(facts, engine)};
  if (engine.state == EngineFacts::State::kAnswers) {
    findings.push_back(judge_version(facts, engine));
    findings.push_back(judge_place(facts, engine));
  }
  if (engine.state != EngineFacts::State::kNotInstalled) {
    findings.push_back(judge_compose(facts, engine));
  }
  if (engine.state == EngineFacts::State::kAnswers) {
    findings.push_back(judge_image(engine, plan));
    findings.push_back(judge_cgroup(facts, engine));
    findings.push_back(judge_container_sandbox(engine));
    findings.push_back(judge_engine_disk(facts, engine, plan));
  }
  findings.push_back(judge_port(facts, plan));
  if (engine.state == EngineFacts::State::kAnswers) findings.push_back(judge_subnet(engine));
  findings.push_back(judge_bridge(plan));
  findings.push_back(judge_neighbours(facts, plan));
  for (Finding& finding : judge_inotify(facts, engine, plan)) {
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace isopop::sim::doctor
