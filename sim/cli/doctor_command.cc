#include "sim/cli/doctor_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "sim/cli/bundled_files.h"
#include "sim/doctor/doctor.h"
#include "sim/doctor/doctor_text.h"
#include "sim/topology/topology.h"

namespace isopop::sim {
namespace {

struct DoctorCommandOptions {
  std::string engine = "processes";
  std::string topology = "world";
  std::optional<std::size_t> pops;
  std::string output = "table";
  doctor::DoctorOptions doctor;
  std::string state;
};

Result<std::size_t> pops_of(const std::string& name) {
  ISOPOP_TRY_ASSIGN(const std::filesystem::path file, find_topology(name));
  ISOPOP_TRY_ASSIGN(const Topology topology, load_topology(file.string()));
  return topology.pops.size();
}

std::string text_of(const std::vector<doctor::Finding>& findings,
                    const DoctorCommandOptions& options) {
  if (options.output == "json") return format_json(findings, options.doctor.plan);
  if (options.output == "script") return format_script(findings);
  return format_table(findings, options.doctor.plan);
}

int run_doctor(DoctorCommandOptions options) {
  doctor::Plan& plan = options.doctor.plan;
  plan.engine = options.engine == "compose" ? doctor::Engine::kCompose : doctor::Engine::kProcesses;
  if (options.pops) {
    plan.pops = *options.pops;  // any number: also of networks that no file describes yet
  } else {
    const Result<std::size_t> pops = pops_of(options.topology);
    if (!pops.ok()) return fail(pops.error(), kExitBadInput);
    plan.pops = pops.value();
  }
  options.doctor.state = options.state;
  const Result<std::vector<doctor::Finding>> findings = doctor::examine(options.doctor);
  if (!findings.ok()) return fail(findings.error(), kExitUsage);
  std::fputs(text_of(findings.value(), options).c_str(), stdout);
  return overall(findings.value()) == doctor::Verdict::kProblem ? kExitFailed : kExitDone;
}

}  // namespace

void add_doctor_command(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("doctor", "Look whether this machine is ready for a network");
  const auto options = std::make_shared<DoctorCommandOptions>();
  doctor::Plan& plan = options->doctor.plan;
  command->add_option("--engine", options->engine, "What is to run the programs")
      ->check(CLI::IsMember({"processes", "compose"}))
      ->capture_default_str();
  command->add_option("--topology", options->topology, "As for `isopop up`; its number of PoPs")
      ->capture_default_str();
  command->add_option("--pops", options->pops, "So many PoPs, whatever the topology")
      ->check(CLI::Range(std::size_t{1}, kPopsMax));
  command
      ->add_option("--pops-per-container", plan.pops_per_container,
                   "Of the engine compose: so many PoPs in each container")
      ->check(CLI::Range(std::size_t{1}, kPopsMax))
      ->capture_default_str();
  command->add_option("--image", plan.image, "Of the engine compose")
      ->envname("ISOPOP_IMAGE")
      ->capture_default_str();
  command->add_option("--port", plan.port, "Of the engine compose: the router's")
      ->envname("ISOPOP_PORT")
      ->check(CLI::Range(1, 65'535))
      ->capture_default_str();
  add_state_option(*command, options->state);
  command
      ->add_option("-o,--output", options->output,
                   "table; json; script: the commands that mend what is short")
      ->check(CLI::IsMember({"table", "json", "script"}))
      ->capture_default_str();
  command->callback(
      [options, &chosen] { chosen.run = [options] { return run_doctor(*options); }; });
}

}  // namespace isopop::sim
