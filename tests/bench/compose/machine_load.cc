#include "tests/bench/compose/machine_load.h"

#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/files/files.h"
#include "common/text/text.h"

namespace isopop::test {
namespace {

// Words of a line, whatever stands between them.
std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> found;
  for (const std::string_view word : split(line, ' ')) {
    if (!trim(word).empty()) found.push_back(trim(word));
  }
  return found;
}

std::optional<std::uint64_t> kibibytes(std::string_view meminfo, std::string_view name) {
  for (const std::string_view line : split(meminfo, '\n')) {
    const std::vector<std::string_view> fields = words(line);
    if (fields.size() >= 2 && fields[0] == name) return parse_unsigned(fields[1]);
  }
  return std::nullopt;
}

}  // namespace

Result<std::uint64_t> memory_in_use_bytes() {
  ISOPOP_TRY_ASSIGN(const std::string text, read_file("/proc/meminfo"));
  const std::optional<std::uint64_t> total = kibibytes(text, "MemTotal:");
  const std::optional<std::uint64_t> available = kibibytes(text, "MemAvailable:");
  if (!total || !available) return internal_error("/proc/meminfo has another form than expected");
  return (*total - *available) << 10U;
}

Result<std::chrono::duration<double>> cpu_time_used() {
  ISOPOP_TRY_ASSIGN(const std::string text, read_file("/proc/stat"));
  // cpu user nice system idle iowait irq softirq steal …, in ticks
  const std::vector<std::string_view> fields = words(split(text, '\n').front());
  double ticks = 0;
  for (const std::size_t field : {1U, 2U, 3U, 6U, 7U}) {
    if (field >= fields.size()) return internal_error("/proc/stat has another form than expected");
    ticks += parse_double(fields[field]).value_or(0);
  }
  return std::chrono::duration<double>(ticks / static_cast<double>(sysconf(_SC_CLK_TCK)));
}

}  // namespace isopop::test
