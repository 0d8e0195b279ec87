#pragma once

#include <functional>
#include <map>
#include <string>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "sim/replay/replay_plan.h"
#include "sim/replay/replay_progress.h"
#include "sim/replay/replay_sender.h"
#include "sim/report/run_report.h"
#include "sim/trace/trace.h"

namespace isopop::sim {

// All that decides what a replay sends and writes.
struct ReplayRunOptions {
  PlanOptions plan;
  SendOptions send;
  std::string report_folder;  // "": nothing is written
  std::string
      network_digest;     // what runs at the other end, if it is known: part of the config hash
  std::string isolation;  // there, of workers that do not say; "": not known
  std::map<std::string, PopPlace> places;
  // What the PoPs have counted of namespaces so far; asked before and after the run, and complete
  // up to the moment of asking. Empty: nobody can be asked.
  std::function<KvByPop()> read_kv;
  ReplayProgress::Style progress = ReplayProgress::Style::kSilent;
};

// Replays a trace and writes requests.csv as it goes, then run.json and report.html, also when it
// was interrupted. The error: the folder cannot be written to, or the target is no address; an
// unreachable target is no error but so many failed requests.
[[nodiscard]] Result<RunReport> run_replay(const Trace& trace, const ReplayRunOptions& options,
                                           const Clock& clock);

}  // namespace isopop::sim
