#include "tests/bench/executor/process_figures.h"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "common/files/files.h"
#include "common/text/text.h"

namespace isopop::test {
namespace {

// Of lines as "VmPTE:     128 kB".
double kib_after(std::string_view text, std::string_view key) {
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with(key) || line.substr(key.size(), 1) != ":") continue;
    const std::string_view value = trim(line.substr(key.size() + 1));
    return static_cast<double>(parse_unsigned(value.substr(0, value.find(' '))).value_or(0));
  }
  return 0;
}

}  // namespace

double processor_time_us(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

double processor_time_of_ended_children_us(pid_t pid) {
  const Result<std::string> stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat.ok()) return 0;
  // Behind the name in parentheses comes field 3; cutime and cstime are 16 and 17.
  const std::string_view text = stat.value();
  const std::vector<std::string_view> fields = split(text.substr(text.rfind(')') + 2), ' ');
  if (fields.size() < 15) return 0;
  const auto ticks = static_cast<double>(parse_unsigned(fields[13]).value_or(0) +
                                         parse_unsigned(fields[14]).value_or(0));
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK)) * 1e6;
}

ProcessMemory& ProcessMemory::operator+=(const ProcessMemory& other) {
  private_kib += other.private_kib;
  proportional_kib += other.proportional_kib;
  proportional_anonymous_kib += other.proportional_anonymous_kib;
  page_tables_kib += other.page_tables_kib;
  is_exact = is_exact && other.is_exact;
  return *this;
}

Result<ProcessMemory> memory_of(pid_t pid) {
  ISOPOP_TRY_ASSIGN(const std::string status, read_file(fmt::format("/proc/{}/status", pid)));
  ProcessMemory memory{.page_tables_kib = kib_after(status, "VmPTE")};
  const Result<std::string> rollup = read_file(fmt::format("/proc/{}/smaps_rollup", pid));
  memory.is_exact = rollup.ok();
  if (rollup.ok()) {
    const std::string& text = rollup.value();
    memory.private_kib = kib_after(text, "Private_Clean") + kib_after(text, "Private_Dirty");
    memory.proportional_kib = kib_after(text, "Pss");
    memory.proportional_anonymous_kib = kib_after(text, "Pss_Anon");
  } else {
    memory.private_kib = kib_after(status, "RssAnon");
    memory.proportional_kib = memory.private_kib;
    memory.proportional_anonymous_kib = memory.private_kib;
  }
  return memory;
}

ProcessMemory memory_of(const std::vector<pid_t>& pids) {
  ProcessMemory sum;
  for (const pid_t pid : pids) {
    const Result<ProcessMemory> one = memory_of(pid);
    if (one.ok()) sum += one.value();
  }
  return sum;
}

double shared_memory_kib() {
  const Result<std::string> text = read_file("/proc/meminfo");
  return text.ok() ? kib_after(text.value(), "Shmem") : 0;
}

}  // namespace isopop::test
