#pragma once

#include <filesystem>

#include "common/result/result.h"

namespace isopop::control {

// Puts a backup in the place of a state folder's database, while no control plane runs on it. What
// was there stays beside it as control.db.before-restore (with its -wal, where it had one), in
// place of one that was kept before. The backup is looked at first: INVALID_ARGUMENT when it is no
// database, damaged, or not of this program; then nothing was touched. An interrupted restore is
// done again.
[[nodiscard]] Result<void> restore_database(const std::filesystem::path& state_folder,
                                            const std::filesystem::path& backup);

}  // namespace isopop::control
