#include "sim/topology/program_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace isopop::sim {

std::vector<ProgramOption> pop_options(const PopSettings& pop) {
  std::vector<ProgramOption> options = {{"isolation", pop.isolation}};
  const auto add = [&options](std::string name, std::string value) {
    options.push_back({std::move(name), std::move(value)});
  };
  const auto add_count = [&add](std::string name, std::optional<std::int64_t> value) {
    if (value) add(std::move(name), std::to_string(*value));
  };
  const auto add_bytes = [&add](std::string name, std::optional<std::uint64_t> value) {
    if (value) add(std::move(name), fmt::format("{} B", *value));
  };
  const auto add_duration = [&add](std::string name,
                                   std::optional<std::chrono::nanoseconds> value) {
    if (value) add(std::move(name), fmt::format("{} ns", value->count()));
  };
  add_bytes("memory-budget", pop.memory_budget_bytes);
  add_count("executors-max", pop.executors_max);
  add_count("executors-per-worker-max", pop.executors_per_worker_max);
  add_count("queue-max", pop.queue_max);
  add_duration("queue-deadline", pop.queue_deadline);
  add_duration("executor-idle-timeout", pop.executor_idle_timeout);
  add_duration("wall-limit", pop.wall_limit);
  add_bytes("body-max", pop.body_bytes_max);
  return options;
}

std::vector<ProgramOption> router_options(const Topology& topology) {
  return {{"net", topology.router.net},
          {"seed", std::to_string(topology.seed)},
          {"policy", topology.router.policy},
          {"access-profile", topology.router.access_profile}};
}

std::vector<std::string> as_flags(const std::vector<ProgramOption>& options) {
  std::vector<std::string> flags;
  for (const ProgramOption& option : options) {
    flags.push_back("--" + option.name);
    flags.push_back(option.value);
  }
  return flags;
}

std::vector<std::string> identity_flags(const PopSite& pop) {
  // "--lat=-33.9": a bare "-33.9" behind "--lat" would look like another option, and so might a
  // name.
  return {"--id",
          pop.id,
          fmt::format("--city={}", pop.city),
          "--country",
          pop.country,
          fmt::format("--region={}", pop.region),
          fmt::format("--lat={}", pop.place.latitude_deg),
          fmt::format("--lon={}", pop.place.longitude_deg)};
}

std::string environment_name(std::string_view program, std::string_view option) {
  std::string name = fmt::format("{}_{}", program, option);
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    if (c == '-') return '_';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return name;
}

}  // namespace isopop::sim
