#include "sim/doctor/doctor.h"

#include <unistd.h>

#include <utility>

#include "common/files/files.h"
#include "sim/doctor/engine_answers.h"
#include "sim/doctor/engine_questions.h"
#include "sim/doctor/host_facts.h"
#include "sim/doctor/host_files.h"
#include "sim/doctor/kernel_probe.h"
#include "sim/doctor/rules.h"

namespace isopop::sim::doctor {
namespace {

// The user of the image, whose processes of all containers the kernel counts together.
constexpr uid_t kImageUser = 10'001;

// Free bytes for ordinary users where the path is, or would be.
std::optional<std::uint64_t> bytes_free_at(std::filesystem::path path) {
  std::error_code error;
  while (!std::filesystem::exists(path, error) && path.has_relative_path()) {
    path = path.parent_path();
  }
  const std::filesystem::space_info space = std::filesystem::space(path, error);
  if (error) return std::nullopt;
  return space.available;
}

HostFacts gather_facts(const DoctorOptions& options, const std::filesystem::path& state) {
  const bool has_containers = options.plan.engine == Engine::kCompose;
  const std::filesystem::path root = "/";
  HostFacts facts = read_host_files(root);
  if (has_containers) {
    facts.engine = ask_engine(options.plan.image);
    if (is_elsewhere(*facts.engine, facts)) {
      // Nothing of this machine's kernel tells about the other one.
      facts = {.kernel = facts.kernel, .engine = std::move(facts.engine)};
      facts.engine->is_elsewhere = true;
    }
  }
  facts.state_bytes_free = bytes_free_at(state);
  facts.own_port = read_own_port(state);
  if (facts.engine && facts.engine->is_elsewhere) return facts;

  if (facts.engine && facts.engine->subnets_taken) {
    const Result<std::string> routes = read_file(root / "proc/net/route");
    for (const Subnet& route : parse_routes(routes.ok() ? routes.value() : "")) {
      facts.engine->subnets_taken->push_back(route);
    }
  }
  facts = with_kernel_probes(std::move(facts));
  facts.tasks_of_user_now = count_tasks_of_user(root, has_containers ? kImageUser : getuid());
  const std::optional<std::string> process =
      has_containers ? find_process(root, "dockerd") : std::optional<std::string>("self");
  if (process) facts.limits = read_process_limits(root, *process);
  if (facts.engine && !facts.engine->data_folder.empty()) {
    facts.engine_bytes_free = bytes_free_at(facts.engine->data_folder);
  }
  return facts;
}

}  // namespace

Result<std::vector<Finding>> examine(const DoctorOptions& options) {
  if (options.plan.pops == 0) return invalid_argument("a network has at least one PoP");
  if (options.plan.pops_per_container == 0) {
    return invalid_argument("a container has at least one PoP");
  }
  if (options.plan.port == 0) return invalid_argument("the router's port must not be 0");
  if (options.plan.image.empty()) return invalid_argument("the image has no name");
  ISOPOP_TRY_ASSIGN(const std::filesystem::path state, absolute_path(options.state));
  return judge(gather_facts(options, state), options.plan);
}

}  // namespace isopop::sim::doctor
