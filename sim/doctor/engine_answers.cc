#include "sim/doctor/engine_answers.h"

#include <fmt/format.h>

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/text/text.h"

namespace isopop::sim::doctor {
namespace {

using nlohmann::json;

// The value under these keys; null when one is not there or no object.
const json& value_at(const json& root, std::initializer_list<const char*> keys) {
  static const json nothing;
  const json* at = &root;
  for (const char* key : keys) {
    if (!at->is_object()) return nothing;
    const auto found = at->find(key);
    if (found == at->end()) return nothing;
    at = &*found;
  }
  return *at;
}

std::string text_at(const json& root, std::initializer_list<const char*> keys) {
  const json& value = value_at(root, keys);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::optional<bool> flag_at(const json& root, std::initializer_list<const char*> keys) {
  const json& value = value_at(root, keys);
  if (!value.is_boolean()) return std::nullopt;
  return value.get<bool>();
}

// One line, and not without end: it is printed in a table.
std::string one_line(std::string_view text) {
  constexpr std::size_t kBytesMax = 300;
  std::string line(truncate_utf8(trim(text), kBytesMax));
  for (char& c : line) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
  return line;
}

bool says(std::string_view text, std::string_view words) {
  return to_lower(text).find(words) != std::string::npos;
}

}  // namespace

EngineFacts read_version_answer(const CommandOutput& answer) {
  EngineFacts engine{.state = EngineFacts::State::kFailed};
  const json printed = json::parse(answer.output, nullptr, false);
  engine.client_version = text_at(printed, {"Client", "Version"});
  engine.server_version = text_at(printed, {"Server", "Version"});
  if (answer.status.success() && !engine.server_version.empty()) {
    engine.state = EngineFacts::State::kAnswers;
    return engine;
  }
  engine.message = one_line(answer.errors);
  if (says(answer.errors, "permission denied")) {
    engine.state = EngineFacts::State::kPermissionDenied;
  } else if (says(answer.errors, "cannot connect") || says(answer.errors, "is the docker daemon") ||
             says(answer.errors, "failed to connect")) {
    engine.state = EngineFacts::State::kNotRunning;
  }
  if (engine.message.empty()) {
    engine.message =
        fmt::format("`docker version` ended with {} and did not say why", answer.status.describe());
  }
  return engine;
}

EngineFacts with_info(EngineFacts engine, std::string_view printed) {
  const json info = json::parse(printed, nullptr, false);
  engine.kernel = text_at(info, {"KernelVersion"});
  const json& memory = value_at(info, {"MemTotal"});
  if (memory.is_number_unsigned()) engine.memory_total_bytes = memory.get<std::uint64_t>();
  engine.data_folder = text_at(info, {"DockerRootDir"});
  engine.cgroup_version = text_at(info, {"CgroupVersion"});
  engine.limits_memory = flag_at(info, {"MemoryLimit"});
  engine.limits_tasks = flag_at(info, {"PidsLimit"});
  const json& security = value_at(info, {"SecurityOptions"});
  if (security.is_array()) {
    engine.security.emplace();
    for (const json& option : security) {
      if (option.is_string()) engine.security->push_back(option.get<std::string>());
    }
  }
  return engine;
}

std::optional<bool> read_image_answer(const CommandOutput& answer) {
  if (answer.status.success()) return true;
  if (says(answer.errors, "no such image")) return false;
  return std::nullopt;
}

bool is_elsewhere(const EngineFacts& engine, const HostFacts& facts) {
  if (!engine.kernel.empty() && engine.kernel != facts.kernel) return true;
  return engine.memory_total_bytes && facts.memory_total_bytes &&
         *engine.memory_total_bytes != *facts.memory_total_bytes;
}

}  // namespace isopop::sim::doctor
