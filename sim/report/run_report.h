#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/geo/geo_point.h"
#include "common/time/clock.h"
#include "sim/report/kv_totals.h"
#include "sim/report/run_tally.h"

namespace isopop::sim {

// Where a PoP is.
struct PopPlace {
  std::string city;
  std::string country;  // ISO 3166-1 alpha-2
  GeoPoint point;
};

// The machine a run was made on, as far as it says something about the figures.
struct MachineFacts {
  std::string system;  // "Linux 6.1.0 x86_64"
  std::string processor;
  unsigned cores = 0;
  std::uint64_t memory_bytes = 0;
};
[[nodiscard]] MachineFacts read_machine_facts();

// The trace a run was made from.
struct TraceFacts {
  std::string file;
  std::string sha256;  // of the file; "" if it is too large to be hashed in passing
  std::string format;
  std::uint64_t requests = 0;
  std::uint64_t clients = 0;
  std::uint64_t lines = 0;
  std::uint64_t broken_lines = 0;
  std::uint64_t out_of_order = 0;
  WallTime first;
  WallTime last;
};

// Everything that is told of a run, whoever made it: the figures and what is needed to make them
// again. A plain value; docs/run-json.md describes each field as it is written.
struct RunReport {
  std::uint64_t seed = 0;
  std::string commit;
  std::string program_version;
  std::string config_sha256;
  std::string config_json;  // what the hash is of
  WallTime started_at;
  WallTime ended_at;
  bool aborted = false;
  bool rate_matters = true;  // not at --speed max, where the rate is what comes out
  std::string speed;         // "1x", "max"
  std::string target;        // whom the requests were sent to
  std::string isolation;     // there, of workers that do not say; "": not known
  std::uint64_t in_flight_max = 0;
  double sender_cpu_s = 0.0;  // of this process while sending
  TraceFacts trace;
  MachineFacts machine;
  std::map<std::string, PopPlace> places;  // by PoP id; those that are known
  KvTotals kv;  // of the run; nothing where no worker used a namespace, or nobody could be asked
  RunTally tally;

  [[nodiscard]] bool valid() const { return !aborted && (!rate_matters || tally.rate_held()); }
};

}  // namespace isopop::sim
