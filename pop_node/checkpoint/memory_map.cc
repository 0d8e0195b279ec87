#include "pop_node/checkpoint/memory_map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>

namespace isopop::checkpoint {
namespace {

// Takes the text up to the separator off the front.
std::string_view take_until(std::string_view& line, char separator) {
  const std::size_t at = line.find(separator);
  const std::string_view part = line.substr(0, at);
  line.remove_prefix(at == std::string_view::npos ? line.size() : at + 1);
  return part;
}

std::uintptr_t parse_hex(std::string_view text) {
  std::uintptr_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  ISOPOP_ASSERT(error == std::errc{} && end == text.data() + text.size(),
                "a hexadecimal address in /proc/self/maps");
  return value;
}

Mapping::Backing backing_of(std::string_view inode, std::string_view name) {
  if (name == "[stack]") return Mapping::Backing::kMainStack;
  if (name.starts_with("[v"))
    return Mapping::Backing::kKernel;  // vdso, vvar, vvar_vclock, vsyscall
  if (name.starts_with("/memfd:") && name.substr(7).starts_with(kSavedPagesName)) {
    return Mapping::Backing::kSaved;
  }
  return inode == "0" ? Mapping::Backing::kAnonymous : Mapping::Backing::kFile;
}

// "7f12-7f34 rw-p 00000000 00:00 0     [heap]"
Mapping parse_line(std::string_view line) {
  Mapping mapping;
  mapping.range.begin = parse_hex(take_until(line, '-'));
  mapping.range.end = parse_hex(take_until(line, ' '));
  const std::string_view flags = take_until(line, ' ');
  ISOPOP_ASSERT(flags.size() == 4, "four permission letters in /proc/self/maps");
  if (flags[0] == 'r') mapping.protection |= PROT_READ;
  if (flags[1] == 'w') mapping.protection |= PROT_WRITE;
  if (flags[2] == 'x') mapping.protection |= PROT_EXEC;
  mapping.shared = flags[3] == 's';
  take_until(line, ' ');  // offset
  take_until(line, ' ');  // device
  const std::string_view inode = take_until(line, ' ');
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  mapping.backing = backing_of(inode, line);
  return mapping;
}

Result<std::size_t> read_whole(int maps, std::span<char> text) {
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t part =
        pread(maps, text.data() + size, text.size() - size, static_cast<off_t>(size));
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return errno_error("read /proc/self/maps", errno);
    if (part == 0) break;
    size += static_cast<std::size_t>(part);
  }
  if (size == text.size()) {
    return Error{ErrorCode::kResourceExhausted, "the process has more mappings than fit the table"};
  }
  return size;
}

}  // namespace

Result<int> open_proc_self(int proc, const char* name) {
  const std::string path = std::string(proc < 0 ? "/proc/self/" : "self/") + name;
  const int fd = openat(proc < 0 ? AT_FDCWD : proc, path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno_error("open " + path, errno);
  return fd;
}

Result<void> read_memory_map(int maps, std::span<char> text, FixedVector<Mapping>& mappings) {
  ISOPOP_TRY_ASSIGN(const std::size_t size, read_whole(maps, text));
  mappings.clear();
  std::string_view rest(text.data(), size);
  while (!rest.empty()) {
    if (!mappings.push_back(parse_line(take_until(rest, '\n')))) {
      return Error{ErrorCode::kResourceExhausted,
                   "the process has more mappings than fit the table"};
    }
  }
  return {};
}

bool is_restorable(const Mapping& mapping) {
  if (mapping.shared) return false;
  switch (mapping.backing) {
    case Mapping::Backing::kAnonymous:
    case Mapping::Backing::kSaved:
      return true;
    case Mapping::Backing::kFile:
      return (mapping.protection & PROT_WRITE) != 0;
    case Mapping::Backing::kMainStack:
    case Mapping::Backing::kKernel:
      return false;
  }
  return false;
}

}  // namespace isopop::checkpoint
