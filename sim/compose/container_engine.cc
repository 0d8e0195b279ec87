#include "sim/compose/container_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "common/text/text.h"

namespace isopop::sim {
namespace {

constexpr std::chrono::seconds kAskTimeout{20};
constexpr std::size_t kLinesShown = 6;

// Compose 1.29 waits for ever when there are more services than may be worked on at a time.
constexpr const char* kParallelUp = "COMPOSE_PARALLEL_LIMIT=1000";
// And may leave the network with "active endpoints" when too many are taken down at a time.
constexpr const char* kParallelDown = "COMPOSE_PARALLEL_LIMIT=2";
constexpr const char* kPatience = "COMPOSE_HTTP_TIMEOUT=600";

// What parse_containers() reads.
constexpr const char* kContainerFormat =
    "{{.ID}}\t{{.Names}}\t{{.Label \"com.docker.compose.service\"}}\t{{.State}}\t{{.Status}}";

std::string last_lines(std::string_view text, std::size_t count) {
  std::vector<std::string_view> kept;
  for (const std::string_view line : split(text, '\n')) {
    if (!trim(line).empty()) kept.push_back(line);
  }
  if (kept.size() > count) kept.erase(kept.begin(), kept.end() - static_cast<long>(count));
  return fmt::format("{}", fmt::join(kept, "\n"));
}

Result<std::string> output_of(const CommandLine& line, const std::string& what,
                              std::chrono::milliseconds timeout) {
  ISOPOP_TRY_ASSIGN(CommandOutput ran, run_command(line, timeout));
  if (!ran.status.success()) return explain_engine_error(what, ran.errors);
  return std::move(ran.output);
}

struct KnownError {
  std::string_view sign;  // in what was printed
  ErrorCode code;
  std::string_view meaning;
};

constexpr std::array<KnownError, 9> kKnownErrors = {{
    {"Cannot connect to the Docker daemon", ErrorCode::kUnavailable,
     "the container engine does not answer: start it (`sudo systemctl start docker`, or `sudo "
     "dockerd &` where there is no systemd); `isopop doctor --engine compose` tells more"},
    {"Couldn't connect to Docker daemon", ErrorCode::kUnavailable,
     "the container engine does not answer: start it (`sudo systemctl start docker`, or `sudo "
     "dockerd &` where there is no systemd); `isopop doctor --engine compose` tells more"},
    {"error during connect", ErrorCode::kUnavailable,
     "the container engine does not answer; `isopop doctor --engine compose` tells more"},
    {"permission denied while trying to connect", ErrorCode::kPermissionDenied,
     "you may not use the container engine: be root, or join its group (`sudo usermod -aG docker "
     "$USER`, then log in again)"},
    {"no space left on device", ErrorCode::kResourceExhausted,
     "the disk is full where the container engine keeps its data: make room (`docker system df` "
     "tells what lies there)"},
    {"port is already allocated", ErrorCode::kFailedPrecondition,
     "the router's port is taken: give another one with --port"},
    {"address already in use", ErrorCode::kFailedPrecondition,
     "the router's port is taken: give another one with --port"},
    {"Pool overlaps with other one", ErrorCode::kUnavailable,
     "somebody else took the subnet for its network at the same moment: run it again"},
    {"No such image", ErrorCode::kNotFound,
     "the image is missing: build it with `./run image`, or name another one with --image"},
}};

}  // namespace

Error explain_engine_error(const std::string& what, const std::string& printed) {
  const std::string tail = last_lines(printed, kLinesShown);
  for (const KnownError& known : kKnownErrors) {
    if (printed.find(known.sign) == std::string::npos) continue;
    return {known.code, fmt::format("{}: {}\n{}", what, known.meaning, tail)};
  }
  return {ErrorCode::kInternal, fmt::format("{}: the container engine said:\n{}", what, tail)};
}

std::vector<Container> parse_containers(const std::string& printed) {
  constexpr std::size_t kFields = 5;
  std::vector<Container> containers;
  for (const std::string_view line : split(printed, '\n')) {
    const std::vector<std::string_view> fields = split(line, '\t');
    if (fields.size() != kFields) continue;
    containers.push_back({.id = std::string(fields[0]),
                          .name = std::string(fields[1]),
                          .service = std::string(fields[2]),
                          .state = std::string(fields[3]),
                          .status = std::string(fields[4])});
  }
  std::sort(containers.begin(), containers.end(), [](const Container& a, const Container& b) {
    return std::pair(a.service, a.name) < std::pair(b.service, b.name);
  });
  return containers;
}

Result<ContainerEngine> ContainerEngine::find() {
  const std::string install = "install it (`sudo apt-get install docker.io docker-compose`)";
  if (!find_program("docker").ok()) {
    return not_found("there is no Docker on this machine: " + install);
  }
  const Result<std::string> answer =
      output_of({.program = "docker", .arguments = {"version", "--format", "{{.Server.Version}}"}},
                "ask the container engine", kAskTimeout);
  if (!answer.ok()) return answer.error();
  const Result<CommandOutput> plugin = run_command(
      {.program = "docker", .arguments = {"compose", "version", "--short"}}, kAskTimeout);
  if (plugin.ok() && plugin.value().status.success()) return ContainerEngine(true);
  if (!find_program("docker-compose").ok()) {
    return not_found("there is neither `docker compose` nor `docker-compose` on this machine: " +
                     install);
  }
  return ContainerEngine(false);
}

CommandLine ContainerEngine::compose_line(const Project& project,
                                          std::vector<std::string> arguments) const {
  const bool is_down = !arguments.empty() && arguments.front() == "down";
  CommandLine line{.program = has_plugin_ ? "docker" : "docker-compose"};
  line.environment = project.environment;
  line.environment.insert(line.environment.end(),
                          {is_down ? kParallelDown : kParallelUp, kPatience});
  if (has_plugin_) line.arguments = {"compose", "--ansi", "never"};
  if (!has_plugin_) line.arguments = {"--no-ansi"};
  line.arguments.insert(line.arguments.end(), {"-p", project.name, "-f", project.file});
  line.arguments.insert(line.arguments.end(), std::make_move_iterator(arguments.begin()),
                        std::make_move_iterator(arguments.end()));
  return line;
}

Result<std::string> ContainerEngine::docker(std::vector<std::string> arguments,
                                            std::chrono::milliseconds timeout) const {
  const std::string what = "docker " + (arguments.empty() ? std::string() : arguments.front());
  return output_of({.program = "docker", .arguments = std::move(arguments)}, what, timeout);
}

Result<std::string> ContainerEngine::compose(const Project& project,
                                             std::vector<std::string> arguments,
                                             std::chrono::milliseconds timeout) const {
  const std::string what = "compose " + (arguments.empty() ? std::string() : arguments.front());
  return output_of(compose_line(project, std::move(arguments)), what, timeout);
}

Result<RunningCommand> ContainerEngine::start_compose(const Project& project,
                                                      std::vector<std::string> arguments) const {
  return RunningCommand::start(compose_line(project, std::move(arguments)));
}

Result<std::vector<Container>> ContainerEngine::containers(const std::string& project) const {
  ISOPOP_TRY_ASSIGN(const std::string printed,
                    docker({"ps", "--all", "--no-trunc", "--filter", kProjectLabel + project,
                            "--format", kContainerFormat},
                           kAskTimeout));
  return parse_containers(printed);
}

Result<std::string> ContainerEngine::address_of(const Container& container) const {
  ISOPOP_TRY_ASSIGN(
      const std::string printed,
      docker({"inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}",
              container.id},
             kAskTimeout));
  return std::string(split(trim(printed), ' ').front());
}

std::string ContainerEngine::log_tail(const Container& container, int lines) const {
  const Result<CommandOutput> ran = run_command(
      {.program = "docker", .arguments = {"logs", "--tail", std::to_string(lines), container.id}},
      kAskTimeout);
  if (!ran.ok()) return {};
  return std::string(trim(ran.value().output + ran.value().errors));
}

}  // namespace isopop::sim
