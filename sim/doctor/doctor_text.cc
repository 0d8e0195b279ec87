#include "sim/doctor/doctor_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "sim/doctor/rule_parts.h"

namespace isopop::sim::doctor {
namespace {

std::size_t count_of(const std::vector<Finding>& findings, Verdict verdict) {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(),
                    [verdict](const Finding& finding) { return finding.verdict == verdict; }));
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string describe(const Plan& plan) {
  const std::string pops =
      fmt::format("{} PoP{}", count_text(plan.pops), plan.pops == 1 ? "" : "s");
  if (plan.engine == Engine::kProcesses) return pops + " as processes of this machine";
  return fmt::format("{} in {} containers, control plane and router included", pops,
                     count_text(plan.containers()));
}

// The line of a finding; what is needed only where it is not there.
std::string line_of(const Finding& finding, std::size_t name_width) {
  std::string line = fmt::format("  {:<7}  {:<{}}  {}", to_string(finding.verdict), finding.name,
                                 name_width, finding.found);
  const bool is_short =
      finding.verdict == Verdict::kProblem || finding.verdict == Verdict::kWarning;
  if (is_short && !finding.needed.empty()) line += "; needed: " + finding.needed;
  return line + "\n";
}

std::string advice_of(const Finding& finding) {
  std::string text = fmt::format("\n  {} ({})\n", finding.name, to_string(finding.verdict));
  if (!finding.why.empty()) text += fmt::format("    {}\n", finding.why);
  if (!finding.fix.empty()) text += fmt::format("    fix:  {}\n", finding.fix);
  return text;
}

std::string summary_of(const std::vector<Finding>& findings) {
  const std::size_t problems = count_of(findings, Verdict::kProblem);
  std::string summary = problems == 0 ? "no problem" : counted(problems, "problem");
  if (const std::size_t warnings = count_of(findings, Verdict::kWarning); warnings > 0) {
    summary += ", " + counted(warnings, "warning");
  }
  if (const std::size_t unknown = count_of(findings, Verdict::kUnknown); unknown > 0) {
    summary += fmt::format(", {} unknown", unknown);
  }
  return summary;
}

}  // namespace

Verdict overall(const std::vector<Finding>& findings) {
  return count_of(findings, Verdict::kProblem) > 0 ? Verdict::kProblem : Verdict::kOk;
}

std::string format_table(const std::vector<Finding>& findings, const Plan& plan) {
  std::string text = describe(plan) + "\n\n";
  std::size_t width = 0;
  for (const Finding& finding : findings) width = std::max(width, finding.name.size());
  for (const Finding& finding : findings) text += line_of(finding, width);
  text += "\n" + summary_of(findings) + "\n";
  for (const Verdict verdict : {Verdict::kProblem, Verdict::kWarning}) {
    for (const Finding& finding : findings) {
      if (finding.verdict == verdict) text += advice_of(finding);
    }
  }
  return text;
}

std::string format_json(const std::vector<Finding>& findings, const Plan& plan) {
  nlohmann::ordered_json json;
  json["engine"] = plan.engine == Engine::kProcesses ? "processes" : "compose";
  json["pops"] = plan.pops;
  json["containers"] = plan.containers();
  json["verdict"] = to_string(overall(findings));
  for (const Verdict verdict :
       {Verdict::kOk, Verdict::kWarning, Verdict::kProblem, Verdict::kUnknown}) {
    json["counts"][std::string(to_string(verdict))] = count_of(findings, verdict);
  }
  json["findings"] = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    json["findings"].push_back({{"name", finding.name},
                                {"verdict", to_string(finding.verdict)},
                                {"found", finding.found},
                                {"needed", finding.needed},
                                {"why", finding.why},
                                {"fix", finding.fix},
                                {"blocks_start", finding.blocks_start()}});
  }
  // What a program printed may be no UTF-8.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string format_script(const std::vector<Finding>& findings) {
  std::string script = "#!/bin/sh\nset -e\n";
  for (const Finding& finding : findings) {
    // What starts the network is no repair.
    if (finding.fix.empty() || finding.fix.starts_with("isopop ")) continue;
    script += fmt::format("# {}: {}\n{}\n", finding.name, finding.found, finding.fix);
  }
  return script;
}

}  // namespace isopop::sim::doctor
