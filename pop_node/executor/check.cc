#include "pop_node/executor/check.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "pop_node/executor/exit_codes.h"
#include "pop_node/executor/fault_reader.h"

namespace isopop::executor {
namespace {

std::string verdict(const std::optional<WorkerFault>& fault, LoadTimes times) {
  const WorkerFault shown = fault.value_or(WorkerFault{});
  nlohmann::ordered_json json = {{"ok", !fault.has_value()},
                                 {"module", shown.module},
                                 {"line", shown.line},
                                 {"column", shown.column},
                                 {"message", shown.message},
                                 {"compile_us", times.compile_us},
                                 {"top_level_us", times.top_level_us}};
  // Whatever a module or an error is called, the verdict is valid JSON.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

LastWords::Texts last_verdict(LastWords::Reason reason) {
  return {.top_level = verdict(fault_of(std::string(message_of(reason))), {}),
          .request = {},
          .exit_code = kExitInvalid};
}

int check_worker(const Surroundings& surroundings, Environment& environment,
                 std::string_view bundle_bytes) {
  Result<Bundle> bundle = decode_bundle(bundle_bytes);
  LoadTimes times;
  std::optional<WorkerFault> fault;
  if (bundle.ok()) {
    LoadFrame load;
    load.bundle = std::move(bundle).value();
    Realm realm(surroundings, environment, load);
    fault = realm.run_top_level(times);
  } else {
    fault = fault_of(bundle.error().message);
  }
  const std::string text = verdict(fault, times);
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) return kExitUnexpected;
  return fault ? kExitInvalid : kExitDone;
}

}  // namespace isopop::executor
