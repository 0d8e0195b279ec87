#pragma once

#include <filesystem>

#include "common/files/files.h"
#include "common/result/result.h"

namespace isopop::control {

// The right to be the one control plane of a state folder, held as an flock(2) on DIR/control.lock
// as long as the object lives; the kernel gives it back however the process ends.
class StateLock final {
 public:
  // Creates the folder if need be. FAILED_PRECONDITION names the process that holds the lock.
  [[nodiscard]] static Result<StateLock> acquire(const std::filesystem::path& state_folder);

 private:
  explicit StateLock(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

}  // namespace isopop::control
