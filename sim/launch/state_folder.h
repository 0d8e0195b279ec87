#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "common/files/files.h"
#include "common/result/result.h"

namespace isopop::sim {

// What `isopop up` notes about the network it starts, for people and for the next up, status and
// down. Only a note: which processes run is always asked of the kernel.
struct LaunchRecord {
  enum class Engine { kProcesses, kCompose };

  std::string topology;  // its name
  std::string digest;    // of all that decides what runs
  std::size_t pops = 0;
  std::string isolation;  // of workers that do not say
  Engine engine = Engine::kProcesses;
  std::string project;  // kCompose: the name that Compose has for it
  // Where its programs are asked, "127.20.0.1:7070"; in containers not known before it is complete.
  std::string control_rpc;
  std::string control_http;
  std::string router;
  std::string first_pop;     // processes only
  bool is_complete = false;  // every program was ready; false while starting, and after a start was
                             // killed
};
[[nodiscard]] std::string_view to_string(LaunchRecord::Engine engine);

// The folder in which all that belongs to one network lies: DIR/control.db, DIR/control.endpoint,
// DIR/router.endpoint, DIR/logs/NAME.log, DIR/pops/…, DIR/launch.json. Its absolute path is in the
// arguments of every process of the network and tells networks apart. A value; functions are safe
// to call from several processes.
class StateFolder {
 public:
  // Makes the path absolute; touches nothing.
  [[nodiscard]] static Result<StateFolder> at(const std::string& path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] bool exists() const;
  [[nodiscard]] std::filesystem::path logs() const { return path_ / "logs"; }
  [[nodiscard]] std::filesystem::path log_of(std::string_view name) const;

  // Where the control plane keeps its keys, and where those get theirs who may join.
  [[nodiscard]] std::filesystem::path pki() const { return path_ / "pki"; }
  [[nodiscard]] std::filesystem::path join() const { return path_ / "join"; }

  // Creates the folder; the error says what to do when it cannot be written to.
  [[nodiscard]] Result<void> create() const;
  // An empty folder for logs; the logs of the last run move to logs.previous.
  [[nodiscard]] Result<void> begin_logs() const;

  [[nodiscard]] std::optional<LaunchRecord> read_record()
      const;  // nothing also if it cannot be read
  [[nodiscard]] Result<void> write_record(const LaunchRecord& record) const;

  // What the programs leave when they were killed: endpoint files, sockets, half-written files, the
  // record. Keeps the database, the PoPs' stores and the logs.
  [[nodiscard]] Result<void> remove_run_files() const;
  [[nodiscard]] Result<void> remove_join_folder() const;
  // Everything that is known to be ours; the folder itself when nothing else is in it.
  [[nodiscard]] Result<void> purge() const;

  // The last lines of a log, for error messages; empty when there is none.
  [[nodiscard]] std::string log_tail(std::string_view name, std::size_t lines_max) const;

 private:
  explicit StateFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

// Only one up or down at a time works on a folder: a lock on it that the kernel frees with its
// owner. FAILED_PRECONDITION while another process has it. The folder must exist.
[[nodiscard]] Result<UniqueFd> lock_state(const StateFolder& state);

}  // namespace isopop::sim
