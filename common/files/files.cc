#include "common/files/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "common/random/random.h"

namespace isopop {
namespace {

Result<void> write_all(int fd, std::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_error(fmt::format("write {}", path.string()), errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> write_beside_and_rename(const std::filesystem::path& path, std::string_view content,
                                     Durability durability, mode_t mode) {
  const std::filesystem::path beside =
      path.parent_path() / fmt::format(".{}.{}", path.filename().string(), random_hex(4));
  {
    const UniqueFd fd(open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!fd.valid()) return errno_error(fmt::format("create {}", beside.string()), errno);
    Result<void> written = write_all(fd.get(), content, beside);
    if (written.ok() && durability == Durability::kPowerLoss && fsync(fd.get()) != 0) {
      written = errno_error(fmt::format("flush {}", beside.string()), errno);
    }
    if (!written.ok()) {
      unlink(beside.c_str());
      return written;
    }
  }
  if (rename(beside.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    unlink(beside.c_str());
    return errno_error(fmt::format("rename to {}", path.string()), reason);
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error(fmt::format("open {}", path.string()), errno);
  struct stat status{};
  if (fstat(fd.get(), &status) != 0)
    return errno_error(fmt::format("stat {}", path.string()), errno);
  if (S_ISDIR(status.st_mode)) {
    return invalid_argument(fmt::format("{} is a folder, not a file", path.string()));
  }
  std::string content;
  std::string buffer(64 * 1024, '\0');
  while (true) {
    const ssize_t size = read(fd.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno_error(fmt::format("read {}", path.string()), errno);
    if (size == 0) return content;
    content.append(buffer, 0, static_cast<std::size_t>(size));
    if (content.size() > bytes_max) {
      return Error{ErrorCode::kResourceExhausted,
                   fmt::format("{} is larger than {} bytes", path.string(), bytes_max)};
    }
  }
}

Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content,
                                   Durability durability) {
  return write_beside_and_rename(path, content, durability, 0644);
}

Result<void> write_private_file(const std::filesystem::path& path, std::string_view content) {
  return write_beside_and_rename(path, content, Durability::kPowerLoss, 0600);
}

Result<void> create_folders(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return errno_error(fmt::format("create folder {}", path.string()), error.value());
  return {};
}

Result<void> create_private_folder(const std::filesystem::path& path) {
  ISOPOP_TRY(create_folders(path));
  if (chmod(path.c_str(), 0700) == 0) return {};
  return errno_error(fmt::format("make {} private", path.string()), errno);
}

Result<std::filesystem::path> absolute_path(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path result = std::filesystem::absolute(path, error);
  if (!error) result = std::filesystem::weakly_canonical(result, error);
  if (error) return errno_error(fmt::format("resolve {}", path.string()), error.value());
  // "folder/" and "folder" are one place and must be one text.
  if (!result.has_filename() && result.has_parent_path() && result != result.root_path()) {
    result = result.parent_path();
  }
  return result;
}

std::filesystem::path program_folder() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  ISOPOP_ASSERT(!error, "/proc to be mounted");
  return program.parent_path();
}

Result<TempFolder> TempFolder::create(std::string_view prefix) {
  const char* base = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe)
  std::string pattern = fmt::format("{}/{}XXXXXX", base != nullptr ? base : "/tmp", prefix);
  if (mkdtemp(pattern.data()) == nullptr) {
    return errno_error(fmt::format("create a temporary folder {}", pattern), errno);
  }
  return TempFolder(std::filesystem::path(pattern));
}

TempFolder::~TempFolder() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

TempFolder::TempFolder(TempFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TempFolder& TempFolder::operator=(TempFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int UniqueFd::release() {
  return std::exchange(fd_, -1);
}

void UniqueFd::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace isopop
