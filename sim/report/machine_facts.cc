#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <thread>

#include "common/files/files.h"
#include "common/text/text.h"
#include "sim/report/run_report.h"

namespace isopop::sim {

MachineFacts read_machine_facts() {
  MachineFacts facts;
  facts.cores = std::thread::hardware_concurrency();
  utsname name{};
  if (uname(&name) == 0) {
    facts.system = fmt::format("{} {} {}", name.sysname, name.release, name.machine);
  }
  struct sysinfo memory{};
  if (sysinfo(&memory) == 0) facts.memory_bytes = std::uint64_t{memory.totalram} * memory.mem_unit;
  const Result<std::string> cpuinfo = read_file("/proc/cpuinfo");
  if (cpuinfo.ok()) {
    for (const std::string_view line : split(cpuinfo.value(), '\n')) {
      if (!line.starts_with("model name")) continue;
      facts.processor = trim(line.substr(std::min(line.find(':') + 1, line.size())));
      break;
    }
  }
  return facts;
}

}  // namespace isopop::sim
