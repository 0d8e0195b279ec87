#include "control_plane/registry/state_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "common/text/text.h"

namespace isopop::control {

Result<StateLock> StateLock::acquire(const std::filesystem::path& state_folder) {
  ISOPOP_TRY(create_folders(state_folder));
  const std::filesystem::path path = state_folder / "control.lock";
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file.valid()) return errno_error(fmt::format("open {}", path.string()), errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_error(fmt::format("lock {}", path.string()), errno);
    constexpr std::uint64_t kPidBytesMax = 64;
    const Result<std::string> holder = read_file(path, kPidBytesMax);
    return Error{
        ErrorCode::kFailedPrecondition,
        fmt::format("the state folder {} is in use by another isopop-control (process {}); "
                    "stop it, or give this one its own --state",
                    state_folder.string(),
                    holder.ok() ? trim(holder.value()) : std::string_view("unknown"))};
  }
  const std::string pid = fmt::format("{}\n", getpid());
  // Only for the message above; the lock itself does not depend on it.
  if (ftruncate(file.get(), 0) != 0 ||
      pwrite(file.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return errno_error(fmt::format("write {}", path.string()), errno);
  }
  return StateLock(std::move(file));
}

}  // namespace isopop::control
