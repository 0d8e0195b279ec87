#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace isopop {

// Files with errors as values. No function here throws.

// The whole file; RESOURCE_EXHAUSTED when it is larger than `bytes_max`.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::uint64_t bytes_max = 1ULL << 30U);

// What written content survives: the end of this process, or also that of the machine (fsync).
enum class Durability { kProcessCrash, kPowerLoss };

// Writes beside the target, flushes and renames: a reader sees the old content or the new, never
// half. With kProcessCrash it does not flush: for caches whose content is checked when read.
[[nodiscard]] Result<void> write_file_atomically(const std::filesystem::path& path,
                                                 std::string_view content,
                                                 Durability durability = Durability::kPowerLoss);

// The same, for what nobody but its owner may read: mode 0600 from its first byte on.
[[nodiscard]] Result<void> write_private_file(const std::filesystem::path& path,
                                              std::string_view content);

[[nodiscard]] Result<void> create_folders(const std::filesystem::path& path);
// With those above it; the last one is the owner's alone (0700), also when it was there before.
[[nodiscard]] Result<void> create_private_folder(const std::filesystem::path& path);

// Absolute, without "." and "..", links resolved as far as the path exists.
[[nodiscard]] Result<std::filesystem::path> absolute_path(const std::filesystem::path& path);

// The folder this program's own binary lies in; the other programs are beside it.
[[nodiscard]] std::filesystem::path program_folder();

// A folder under $TMPDIR or /tmp that goes away with its object.
class TempFolder final {
 public:
  [[nodiscard]] static Result<TempFolder> create(std::string_view prefix);
  ~TempFolder();
  TempFolder(TempFolder&& other) noexcept;
  TempFolder& operator=(TempFolder&& other) noexcept;
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit TempFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

// A file descriptor with one owner. -1 means none.
class UniqueFd final {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  [[nodiscard]] int release();
  void reset();

 private:
  int fd_ = -1;
};

}  // namespace isopop
