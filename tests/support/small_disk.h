#pragma once

#include <filesystem>
#include <string>

namespace isopop::test {

// Mounts a disk in memory on `folder`, of `size` as tmpfs takes it ("128k"), where only this
// process and what it starts see it. "" when it is done, else why it cannot be. Only before there
// are threads.
[[nodiscard]] std::string mount_small_disk(const std::filesystem::path& folder,
                                           const std::string& size);

}  // namespace isopop::test
