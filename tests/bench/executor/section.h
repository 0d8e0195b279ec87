#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"

namespace isopop::test {

struct BenchOptions {
  std::size_t requests = 10'000;
  bool quick = false;
  std::string only;
  bool json = false;

  // So many of something in a full run; a tenth of it in a quick one.
  [[nodiscard]] std::size_t scaled(std::size_t count) const { return quick ? count / 10 : count; }
};

// What every section is given.
struct BenchRun {
  const BenchOptions& options;
  const Clock& clock;
};

// A figure and the bound it is held against. The unit stands in the name.
struct Target {
  enum class Kind { kAtMost, kAtLeast };

  std::string name;
  double value = 0;
  Kind kind = Kind::kAtMost;
  double bound = 0;

  [[nodiscard]] bool is_reached() const {
    return kind == Kind::kAtMost ? value <= bound : value >= bound;
  }
};

// The figures of one section. A row is a flat object of words and numbers; the rows of a section
// need not have the same keys.
struct SectionReport {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  std::vector<Target> targets;
  std::vector<std::string> notes;  // what must be known to read the figures

  [[nodiscard]] nlohmann::ordered_json to_json() const;
  // A table for people, on standard output.
  void print() const;
};

// To three decimals: more is noise.
[[nodiscard]] double rounded(double value);

// To people who wait: on standard error, so that standard output stays data.
void say(const std::string& what);

}  // namespace isopop::test
