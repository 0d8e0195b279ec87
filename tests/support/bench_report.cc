#include "tests/support/bench_report.h"

#include <sys/utsname.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <thread>

#include "common/files/files.h"
#include "common/text/text.h"
#include "tests/support/command.h"

namespace isopop::test {
namespace {

using Json = nlohmann::ordered_json;

// Of "key : value" lines, as /proc/cpuinfo and /proc/meminfo have them.
std::string proc_value(const std::string& file, std::string_view key) {
  const Result<std::string> text = read_file(file);
  if (!text.ok()) return {};
  for (const std::string_view line : split(text.value(), '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || trim(line.substr(0, colon)) != key) continue;
    return std::string(trim(line.substr(colon + 1)));
  }
  return {};
}

// How many wanted to run in the last minute: other work spoils figures.
double load_average() {
  const Result<std::string> text = read_file("/proc/loadavg");
  if (!text.ok()) return 0;
  return parse_double(std::string_view(text.value()).substr(0, text.value().find(' '))).value_or(0);
}

Json machine() {
  utsname system{};
  uname(&system);
  return {{"processor", proc_value("/proc/cpuinfo", "model name")},
          {"processors", std::thread::hardware_concurrency()},
          {"memory", proc_value("/proc/meminfo", "MemTotal")},
          {"kernel", system.release},
          {"load_average", load_average()}};
}

std::string commit() {
  const CommandOutcome outcome =
      run_command("/usr/bin/git", {"-C", ISOPOP_SOURCE_DIR, "rev-parse", "HEAD"});
  return outcome.success() ? std::string(trim(outcome.output)) : "";
}

}  // namespace

Json bench_report_head(std::string_view bench, const Clock& clock) {
  return {{"schema_version", 1},
          {"bench", bench},
          {"date", format_rfc3339(clock.wall_now())},
          {"commit", commit()},
          {"machine", machine()}};
}

void print_bench_report(const Json& report) {
  const std::string text = report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fputs(text.c_str(), stdout);
}

}  // namespace isopop::test
