#include "control_plane/server/state_advice.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cstdint>

#include "common/units/units.h"

namespace isopop::control {
namespace {

// An empty database with its log takes a third of this.
constexpr std::uint64_t kRoomMin = std::uint64_t{1} << 20U;

}  // namespace

Error with_state_advice(Error error, const std::filesystem::path& state) {
  // The folder may not have come to be: what counts is where it would be.
  std::filesystem::path folder = state;
  std::error_code ignored;
  while (!std::filesystem::exists(folder, ignored) && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  struct statvfs room{};
  if (statvfs(folder.c_str(), &room) != 0) return error;
  const std::uint64_t bytes = std::uint64_t{room.f_bavail} * room.f_frsize;
  if ((room.f_flag & ST_RDONLY) != 0) {
    error.message +=
        "; the state folder is on a read-only file system: choose another one with --state";
  } else if (bytes < kRoomMin) {
    error.message += fmt::format(
        "; there is room for {} in the state folder: make more, or choose another one with --state",
        format_bytes(bytes));
  }
  return error;
}

}  // namespace isopop::control
