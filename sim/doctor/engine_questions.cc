#include "sim/doctor/engine_questions.h"

#include <chrono>
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

}  // namespace

EngineFacts ask_engine(const std::string& image) {
  EngineFacts engine = ask_version();
  if (engine.state == EngineFacts::State::kNotInstalled) return engine;
  if (engine.state != EngineFacts::State::kSilent) engine = with_compose(std::move(engine));
  if (engine.state != EngineFacts::State::kAnswers) return engine;
  const Result<CommandOutput> info = ask("docker", {"info", "--format", "{{json .}}"});
  if (info.ok()) engine = with_info(std::move(engine), info.value().output);
  const Result<CommandOutput> found =
      ask("docker", {"image", "inspect", "--format", "{{.Id}}", "--", image});
  if (found.ok()) engine.has_image = read_image_answer(found.value());
  return engine;
}

}  // namespace isopop::sim::doctor
