#include "control_plane/registry/restore.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

#include "common/files/files.h"
#include "control_plane/registry/schema.h"
#include "control_plane/registry/sqlite.h"
#include "control_plane/registry/state_lock.h"

namespace isopop::control {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kBackupBytesMax = 16ULL << 30U;

fs::path with(const fs::path& path, const char* ending) {
  return path.string() + ending;
}

Result<void> check_backup(const fs::path& copy) {
  ISOPOP_TRY_ASSIGN(const std::unique_ptr<Database> database, Database::open_read_only(copy, ""));
  ISOPOP_TRY(check_origin(*database));
  ISOPOP_TRY_ASSIGN(Statement check, database->prepare("PRAGMA integrity_check(1)"));
  ISOPOP_TRY_ASSIGN(const bool row, check.step());
  if (row && check.text(0) == "ok") return {};
  return Error{ErrorCode::kDataLoss, row ? check.text(0) : "integrity_check gave no answer"};
}

Result<void> remove_file(const fs::path& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return errno_error(fmt::format("remove {}", path.string()), errno);
}

// A rename is on disk only when its folder is.
Result<void> flush_folder(const fs::path& folder) {
  const UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.valid() && fsync(fd.get()) == 0) return {};
  return errno_error(fmt::format("flush {}", folder.string()), errno);
}

// A second name for it, so that at no moment it has none.
Result<void> keep_beside(const fs::path& path, const fs::path& kept) {
  ISOPOP_TRY(remove_file(kept));
  if (link(path.c_str(), kept.c_str()) == 0 || errno == ENOENT) return {};
  return errno_error(fmt::format("keep {} as {}", path.string(), kept.string()), errno);
}

}  // namespace

Result<void> restore_database(const fs::path& state_folder, const fs::path& backup) {
  ISOPOP_TRY_ASSIGN(const StateLock lock, StateLock::acquire(state_folder));
  const fs::path database = state_folder / "control.db";
  const fs::path copy = state_folder / "control.db.restoring";
  ISOPOP_TRY_ASSIGN(const std::string bytes, read_file(backup, kBackupBytesMax));
  ISOPOP_TRY(remove_file(copy));
  ISOPOP_TRY(write_private_file(copy, bytes));
  const Result<void> checked = check_backup(copy);
  // What looking at it may have left.
  for (const char* ending : {"-wal", "-shm"}) ISOPOP_TRY(remove_file(with(copy, ending)));
  if (!checked.ok()) {
    ISOPOP_TRY(remove_file(copy));
    return invalid_argument(
        fmt::format("{} is no backup that can be restored: {}; nothing was "
                    "changed",
                    backup.string(), checked.error().message));
  }
  const fs::path kept = with(database, ".before-restore");
  for (const char* ending : {"", "-wal"}) {
    ISOPOP_TRY(keep_beside(with(database, ending), with(kept, ending)));
  }
  ISOPOP_TRY(flush_folder(state_folder));
  // A log that is left would be played into the new database.
  for (const char* ending : {"-wal", "-shm"}) ISOPOP_TRY(remove_file(with(database, ending)));
  std::error_code error;
  fs::rename(copy, database, error);
  if (error) return errno_error(fmt::format("rename {}", copy.string()), error.value());
  return flush_folder(state_folder);
}

}  // namespace isopop::control
