#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "isopop/v1/worker.pb.h"

namespace isopop::hostile {

// What a hostile worker tries, as data: which requests it is sent and what the client must be told.

// An answer: the status, and how the body begins; `body` of a 200 is the whole of it.
struct Expected {
  unsigned status = 200;
  std::string body;
  std::string limit;  // the one that was reached, as the PoP's metrics call it
};

[[nodiscard]] inline Expected answers(const std::string& body) {
  return {.status = 200, .body = body};
}
// And behind it a limit is reached, of which the client hears nothing.
[[nodiscard]] inline Expected answers_before(const std::string& limit, const std::string& body) {
  return {.status = 200, .body = body, .limit = limit};
}
// The errors of a PoP that a worker can bring about, up to the ray.
[[nodiscard]] Expected cpu_limit();
[[nodiscard]] Expected memory_limit();
[[nodiscard]] Expected wall_limit();
[[nodiscard]] Expected exception();
[[nodiscard]] Expected not_started();   // its top level failed
[[nodiscard]] Expected cannot_start();  // nor will it soon
[[nodiscard]] Expected invalid();       // what it answered is no answer
[[nodiscard]] Expected lost();          // its executor ended without a word
[[nodiscard]] Expected any();           // an answer, or an error of 1101 or 1102
[[nodiscard]] Expected broken_off();    // a 200 whose body ends before its end

struct Step {
  std::string path;
  Expected expected;
};

struct HostileCase {
  std::string family;  // the folder
  std::string name;    // the file, without .js
  std::vector<Step> steps;
  std::vector<Step> steps_unless_warm;  // after these; when warm, any answer will do
  std::vector<v1::Isolation> modes;
  v1::WorkerLimits limits;
  std::vector<std::string> modules;  // files that it imports, beside support/attack.js
  std::string program;               // the executor; empty: the real one
  // state: a worker whose environment is kept finds what it left.
  bool is_found_when_warm = false;

  [[nodiscard]] std::string title() const { return family + "_" + name; }
};

// The modes in which a request finds nothing of earlier ones, and these with `warm`.
[[nodiscard]] std::vector<v1::Isolation> sealing_modes();
[[nodiscard]] std::vector<v1::Isolation> every_mode();

// One table a family, each in the file of that name.
[[nodiscard]] std::vector<HostileCase> state_cases();
[[nodiscard]] std::vector<HostileCase> loop_cases();
[[nodiscard]] std::vector<HostileCase> memory_cases();
[[nodiscard]] std::vector<HostileCase> runtime_cases();
[[nodiscard]] std::vector<HostileCase> clock_cases();
[[nodiscard]] std::vector<HostileCase> flood_cases();
[[nodiscard]] std::vector<HostileCase> native_cases();
[[nodiscard]] std::vector<HostileCase> subrequest_cases();

}  // namespace isopop::hostile
