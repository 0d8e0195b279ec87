#include "sim/doctor/engine_questions.h"

#include <chrono>
#include <cstdlib>
#include <utility>
#include <vector>

#include "common/process/command.h"
#include "common/text/text.h"
#include "sim/doctor/engine_answers.h"

namespace isopop::sim::doctor {
namespace {

constexpr std::chrono::seconds kQuestionTimeout{5};

Result<CommandOutput> ask(const std::string& program, std::vector<std::string> arguments) {
  return run_command({.program = program, .arguments = std::move(arguments)}, kQuestionTimeout);
}

EngineFacts ask_version() {
  if (!find_program("docker").ok()) return {.state = EngineFacts::State::kNotInstalled};
  const Result<CommandOutput> answer = ask("docker", {"version", "--format", "{{json .}}"});
  if (answer.ok()) return read_version_answer(answer.value());
  const bool is_silent = answer.error().code == ErrorCode::kDeadlineExceeded;
  return {.state = is_silent ? EngineFacts::State::kSilent : EngineFacts::State::kFailed,
          .message = answer.error().message};
}

// The plugin comes first, as `isopop up` does it.
EngineFacts with_compose(EngineFacts engine) {
  const Result<CommandOutput> plugin = ask("docker", {"compose", "version", "--short"});
  if (plugin.ok() && plugin.value().status.success()) {
    engine.compose_version = std::string(trim(plugin.value().output));
    engine.compose_is_plugin = true;
    return engine;
  }
  if (!find_program("docker-compose").ok()) {
    engine.compose_version = "";
    return engine;
  }
  const Result<CommandOutput> standalone = ask("docker-compose", {"version", "--short"});
  if (standalone.ok() && standalone.value().status.success()) {
    engine.compose_version = std::string(trim(standalone.value().output));
  }
  return engine;
}

std::optional<std::vector<Subnet>> ask_subnets() {
  const Result<CommandOutput> listed = ask("docker", {"network", "ls", "--quiet"});
  if (!listed.ok() || !listed.value().status.success()) return std::nullopt;
  std::vector<std::string> question = {"network", "inspect", "--format",
                                       "{{range .IPAM.Config}}{{.Subnet}}\n{{end}}", "--"};
  for (const std::string_view id : split(trim(listed.value().output), '\n')) {
    question.emplace_back(id);
  }
  const Result<CommandOutput> told = ask("docker", std::move(question));
  if (!told.ok() || !told.value().status.success()) return std::nullopt;
  std::vector<Subnet> taken;
  for (const std::string_view line : split(told.value().output, '\n')) {
    if (const std::optional<Subnet> subnet = parse_subnet(trim(line))) taken.push_back(*subnet);
  }
  return taken;
}

}  // namespace

EngineFacts ask_engine(const std::string& image) {
  EngineFacts engine = ask_version();
  engine.has_host_variable =
      std::getenv("DOCKER_HOST") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  if (engine.state == EngineFacts::State::kNotInstalled) return engine;
  if (engine.state != EngineFacts::State::kSilent) engine = with_compose(std::move(engine));
  if (engine.state != EngineFacts::State::kAnswers) return engine;
  const Result<CommandOutput> info = ask("docker", {"info", "--format", "{{json .}}"});
  if (info.ok()) engine = with_info(std::move(engine), info.value().output);
  const Result<CommandOutput> found =
      ask("docker", {"image", "inspect", "--format", "{{.Id}}", "--", image});
  if (found.ok()) engine.has_image = read_image_answer(found.value());
  engine.subnets_taken = ask_subnets();
  return engine;
}

}  // namespace isopop::sim::doctor
