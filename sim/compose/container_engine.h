#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/process/command.h"
#include "common/result/result.h"

namespace isopop::sim {

// How `--filter` finds what Compose made for a project; its name follows.
inline constexpr const char* kProjectLabel = "label=com.docker.compose.project=";

// One container of a compose project, as the engine tells it.
struct Container {
  std::string id;       // in full
  std::string name;     // "isopop-1a2b3c4d_pop-ams_1"
  std::string service;  // "control", "router", "pop-ams"
  std::string state;    // "running", "exited", "restarting", "created", …
  std::string status;   // for people: "Exited (1) 5 seconds ago"

  [[nodiscard]] bool is_running() const { return state == "running"; }
};

// Docker and Compose by their own command lines, so that contexts, DOCKER_HOST and whatever else
// people have set hold here too. Every error is a sentence for people. A value; thread-safe.
class ContainerEngine final {
 public:
  // Finds `docker` and with it `docker compose` (version 2) or `docker-compose` (1.29), and asks
  // whether the engine answers. NOT_FOUND when one is not installed; UNAVAILABLE when the engine
  // does not run; PERMISSION_DENIED.
  [[nodiscard]] static Result<ContainerEngine> find();

  // Standard output of `docker ARGUMENTS`.
  [[nodiscard]] Result<std::string> docker(std::vector<std::string> arguments,
                                           std::chrono::milliseconds timeout) const;
  struct Project {
    std::string name;
    std::string file;
    std::vector<std::string> environment;  // "NAME=value", for the variables in the file
  };
  // Standard output of `docker compose ARGUMENTS` for that project.
  [[nodiscard]] Result<std::string> compose(const Project& project,
                                            std::vector<std::string> arguments,
                                            std::chrono::milliseconds timeout) const;
  [[nodiscard]] Result<RunningCommand> start_compose(const Project& project,
                                                     std::vector<std::string> arguments) const;

  // All of a project's containers, running or not, by service.
  [[nodiscard]] Result<std::vector<Container>> containers(const std::string& project) const;
  // Its address in the first network it is in; empty when it does not run.
  [[nodiscard]] Result<std::string> address_of(const Container& container) const;
  // The last lines that it printed.
  [[nodiscard]] std::string log_tail(const Container& container, int lines) const;

 private:
  explicit ContainerEngine(bool has_plugin) : has_plugin_(has_plugin) {}
  [[nodiscard]] CommandLine compose_line(const Project& project,
                                         std::vector<std::string> arguments) const;

  bool has_plugin_;  // `docker compose`
};

// What an engine's or Compose's standard error means, and what to do; `what` was to be done.
[[nodiscard]] Error explain_engine_error(const std::string& what, const std::string& printed);

// Reads what `docker ps` printed for containers().
[[nodiscard]] std::vector<Container> parse_containers(const std::string& printed);

}  // namespace isopop::sim
