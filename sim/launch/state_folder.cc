#include "sim/launch/state_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

namespace isopop::sim {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kRecordBytesMax = 64 * 1024;
// Files that say where a program of the running network is.
constexpr std::array kRunFiles = {"control.endpoint", "router.endpoint", "launch.json",
                                  "compose.yaml", ".env"};
constexpr std::string_view kComposeWord = "compose";
// What the programs keep from one run to the next.
constexpr std::array kKeptEntries = {"control.lock",
                                     "control.db",
                                     "control.db-wal",
                                     "control.db-shm",
                                     "control.db-journal",
                                     "logs",
                                     "logs.previous",
                                     "pops",
                                     "pki",
                                     "join",
                                     "router",
                                     "control.crt",
                                     "control.key"};

Result<void> remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return internal_error(fmt::format("remove {}: {}", path.string(), error.message()));
  return {};
}

bool is_run_file(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  // write_file_atomically() puts ".NAME.xxxx" beside NAME.
  for (const std::string_view file : kRunFiles) {
    if (name == file || name.starts_with(fmt::format(".{}.", file))) return true;
  }
  std::error_code ignored;
  return entry.is_socket(ignored);
}

}  // namespace

std::string_view to_string(LaunchRecord::Engine engine) {
  return engine == LaunchRecord::Engine::kCompose ? kComposeWord : "processes";
}

Result<StateFolder> StateFolder::at(const std::string& path) {
  if (path.empty()) return invalid_argument("the state folder has no name");
  ISOPOP_TRY_ASSIGN(fs::path absolute, absolute_path(path));
  return StateFolder(std::move(absolute));
}

bool StateFolder::exists() const {
  std::error_code ignored;
  return fs::is_directory(path_, ignored);
}

fs::path StateFolder::log_of(std::string_view name) const {
  return logs() / fmt::format("{}.log", name);
}

Result<void> StateFolder::create() const {
  const Result<void> created = create_folders(path_);
  if (!created.ok() || access(path_.c_str(), R_OK | W_OK | X_OK) != 0) {
    return Error{ErrorCode::kPermissionDenied,
                 fmt::format("cannot write to the state folder {}: give another one with --state",
                             path_.string())};
  }
  return {};
}

Result<void> StateFolder::begin_logs() const {
  std::error_code error;
  if (fs::exists(logs(), error)) {
    const fs::path previous = path_ / "logs.previous";
    ISOPOP_TRY(remove_tree(previous));
    fs::rename(logs(), previous, error);
    if (error) return internal_error(fmt::format("move old logs: {}", error.message()));
  }
  return create_folders(logs());
}

std::optional<LaunchRecord> StateFolder::read_record() const {
  const Result<std::string> text = read_file(path_ / "launch.json", kRecordBytesMax);
  if (!text.ok()) return std::nullopt;
  const nlohmann::json json =
      nlohmann::json::parse(text.value(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  try {
    const bool is_compose = json.at("engine").get<std::string>() == kComposeWord;
    return LaunchRecord{
        .topology = json.at("topology").get<std::string>(),
        .digest = json.at("digest").get<std::string>(),
        .pops = json.at("pops").get<std::size_t>(),
        .isolation = json.at("isolation").get<std::string>(),
        .engine = is_compose ? LaunchRecord::Engine::kCompose : LaunchRecord::Engine::kProcesses,
        .project = json.at("project").get<std::string>(),
        .control_rpc = json.at("control_rpc").get<std::string>(),
        .control_http = json.at("control_http").get<std::string>(),
        .router = json.at("router").get<std::string>(),
        .first_pop = json.at("first_pop").get<std::string>(),
        .is_complete = json.at("complete").get<bool>()};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

Result<void> StateFolder::write_record(const LaunchRecord& record) const {
  const nlohmann::ordered_json json = {
      {"topology", record.topology},
      {"digest", record.digest},
      {"pops", record.pops},
      {"isolation", record.isolation},
      {"engine", to_string(record.engine)},
      {"project", record.project},
      {"control_rpc", record.control_rpc},
      {"control_http", record.control_http},
      {"router", record.router},
      {"first_pop", record.first_pop},
      {"complete", record.is_complete},
  };
  return write_file_atomically(path_ / "launch.json", json.dump(2) + "\n");
}

Result<void> StateFolder::remove_run_files() const {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_, error)) {
    if (is_run_file(entry)) ISOPOP_TRY(remove_tree(entry.path()));
  }
  return {};
}

Result<void> StateFolder::remove_join_folder() const {
  return remove_tree(join());
}

Result<void> StateFolder::purge() const {
  ISOPOP_TRY(remove_run_files());
  for (const char* entry : kKeptEntries) ISOPOP_TRY(remove_tree(path_ / entry));
  // Fails when the user keeps something else in it, which is theirs.
  std::error_code ignored;
  fs::remove(path_, ignored);
  return {};
}

std::string StateFolder::log_tail(std::string_view name, std::size_t lines_max) const {
  const UniqueFd fd(open(log_of(name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return {};
  constexpr off_t kTailBytes = 16 * 1024;
  const off_t size = lseek(fd.get(), 0, SEEK_END);
  const off_t start = size > kTailBytes ? size - kTailBytes : 0;
  std::string text(static_cast<std::size_t>(size - start), '\0');
  const ssize_t got = pread(fd.get(), text.data(), text.size(), start);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::size_t cut = text.size();
  for (std::size_t line = 0; line < lines_max && cut != std::string::npos && cut > 0; ++line) {
    cut = text.rfind('\n', cut - 1);
  }
  return cut == std::string::npos || cut == 0 ? text : text.substr(cut + 1);
}

Result<UniqueFd> lock_state(const StateFolder& state) {
  // The lock is on the folder itself, so no lock file is left behind.
  UniqueFd fd(open(state.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return errno_error(fmt::format("open {}", state.path().string()), errno);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK)
    return errno_error(fmt::format("lock {}", state.path().string()), errno);
  return Error{
      ErrorCode::kFailedPrecondition,
      fmt::format("another `isopop up` or `isopop down` is working on {}; wait until it is done, "
                  "or stop it with Ctrl-C",
                  state.path().string())};
}

}  // namespace isopop::sim
