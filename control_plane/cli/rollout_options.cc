#include "control_plane/cli/rollout_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/registry/names.h"
#include "control_plane/rollout/plan.h"

namespace isopop::control::cli {
namespace {

constexpr std::string_view kNoGuards = "none";

Result<v1::RolloutPlan::Wave> parse_wave(std::string_view text) {
  const std::size_t equals = text.find('=');
  v1::RolloutPlan::Wave wave;
  wave.set_name(std::string(trim(text.substr(0, equals))));
  if (equals != std::string_view::npos) {
    wave.set_selector(std::string(trim(text.substr(equals + 1))));
  }
  if (wave.name().empty() || wave.selector().empty()) {
    return invalid_argument(fmt::format(
        "--wave {}: must be NAME=SELECTOR, as canary=AMS,FRA or eu=region=eu", in_quotes(text)));
  }
  return wave;
}

Result<v1::RolloutPlan::Wave> named_wave(std::string_view name, const v1::RolloutPlan& file) {
  std::vector<std::string> known;
  for (const v1::RolloutPlan::Wave& wave : file.waves()) {
    if (wave.name() == name) return wave;
    known.push_back(wave.name());
  }
  if (name == "all") {
    v1::RolloutPlan::Wave all;
    all.set_name("all");
    all.set_selector("all");
    return all;
  }
  const std::string meant = did_you_mean(name, known);
  return invalid_argument(
      fmt::format("--waves: worker.yaml has no wave {} under rollout.waves; {}", in_quotes(name),
                  meant.empty() ? fmt::format("say which PoPs it is: --wave {}=AMS,FRA", name)
                                : fmt::format("did you mean {}?", meant)));
}

// With ';' or '=' in it: waves, with or without a selector of their own. Without: names.
Result<void> add_waves(const std::string& text, const v1::RolloutPlan& file,
                       v1::RolloutPlan& plan) {
  const bool is_names = text.find_first_of(";=") == std::string::npos;
  for (const std::string_view part : split(text, is_names ? ',' : ';')) {
    const std::string_view wave = trim(part);
    if (wave.find('=') == std::string_view::npos) {
      ISOPOP_TRY_ASSIGN(*plan.add_waves(), named_wave(wave, file));
    } else {
      ISOPOP_TRY_ASSIGN(*plan.add_waves(), parse_wave(wave));
    }
  }
  return {};
}

Result<void> add_conditions(const std::string& text, v1::RolloutPlan& plan) {
  const bool has_bars = text.find('|') != std::string::npos;
  for (const std::string_view condition : split(text, has_bars ? '|' : ',')) {
    if (trim(condition) == kNoGuards) return invalid_argument("--abort-on none: goes alone");
    plan.add_abort_on(std::string(trim(condition)));
  }
  return {};
}

// The flags', or the file's; the defaults for waves about which neither says anything.
Result<void> set_guards(const RolloutOptions& options, const v1::RolloutPlan& file,
                        v1::RolloutPlan& plan) {
  if (!options.abort_on.empty()) {
    plan.clear_abort_on();
    if (options.abort_on.size() == 1 && trim(options.abort_on.front()) == kNoGuards) return {};
    for (const std::string& text : options.abort_on) ISOPOP_TRY(add_conditions(text, plan));
    return {};
  }
  // A file with waves has said what takes them back, were it nothing.
  const bool file_says = !file.abort_on().empty() || !file.waves().empty();
  if (!file_says && !plan.waves().empty()) add_default_guards(plan);
  return {};
}

}  // namespace

void add_default_guards(v1::RolloutPlan& plan) {
  plan.add_abort_on("nack");
  plan.add_abort_on("crashes>0");
}

Result<v1::RolloutPlan> plan_of(const RolloutOptions& options, const v1::RolloutPlan& file) {
  const bool has_waves = !options.waves.empty() || !options.wave.empty();
  if (options.at_once) {
    if (has_waves || !options.abort_on.empty() || !options.bake.empty()) {
      return invalid_argument("--at-once goes with no --waves, --wave, --abort-on or --bake");
    }
    return v1::RolloutPlan();
  }
  v1::RolloutPlan plan = file;
  if (has_waves) {
    plan.clear_waves();
    if (!options.waves.empty()) ISOPOP_TRY(add_waves(options.waves, file, plan));
    for (const std::string& text : options.wave) {
      ISOPOP_TRY_ASSIGN(*plan.add_waves(), parse_wave(text));
    }
  }
  ISOPOP_TRY(set_guards(options, file, plan));
  if (!options.bake.empty()) {
    ISOPOP_TRY_ASSIGN(const std::chrono::nanoseconds bake,
                      parse_duration(options.bake).with_context("--bake"));
    const auto bake_ms = std::chrono::duration_cast<std::chrono::milliseconds>(bake);
    if (bake_ms < std::chrono::milliseconds(1) || bake_ms > Plan::kBakeMax) {
      return invalid_argument("--bake: must be between 1 ms and 24 h");
    }
    plan.set_bake_ms(static_cast<std::uint32_t>(bake_ms.count()));
  }
  ISOPOP_TRY(Plan::parse(plan));
  return plan;
}

}  // namespace isopop::control::cli
