#include "common/process/process_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <vector>

#include "common/files/files.h"
#include "common/text/text.h"

namespace isopop {

std::optional<std::uint64_t> anonymous_bytes(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const UniqueFd file(open(fmt::format("/proc/{}/statm", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return std::nullopt;
  std::array<char, 256> text{};
  const ssize_t size = read(file.get(), text.data(), text.size());
  if (size <= 0) return std::nullopt;
  // Pages: size, resident, of these in files and shared memory, ...
  const std::vector<std::string_view> fields =
      split(std::string_view(text.data(), static_cast<std::size_t>(size)), ' ');
  if (fields.size() < 3) return std::nullopt;
  const auto resident = parse_unsigned(fields[1]);
  const auto shared = parse_unsigned(fields[2]);
  if (!resident || !shared || *shared > *resident) return std::nullopt;
  return (*resident - *shared) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace isopop
