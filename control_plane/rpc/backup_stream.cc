#include "control_plane/rpc/backup_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "common/files/files.h"
#include "common/random/random.h"
#include "common/rpc/rpc.h"
#include "control_plane/rpc/pull_stream.h"

namespace isopop::control {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr std::size_t kNameBytes = 8;

// A file without a name.
struct Copy {
  UniqueFd file;
  std::uint64_t bytes = 0;
};

Result<Copy> copy_of(Registry& registry, const std::filesystem::path& path) {
  const Result<void> made = registry.backup(path);
  UniqueFd file(made.ok() ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC) : -1);
  const int open_error = errno;
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  if (!made.ok()) return made.error();
  if (!file.valid()) return errno_error("open " + path.string(), open_error);
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return errno_error("look at the backup", errno);
  return Copy{.file = std::move(file), .bytes = static_cast<std::uint64_t>(facts.st_size)};
}

class BackupStream final : public PullStream<v1::BackupPiece> {
 public:
  BackupStream(ControlLoop& loop, const std::filesystem::path& state)
      : PullStream(loop), path_(state / fmt::format("backup-{}.part", random_hex(kNameBytes))) {}

 private:
  void opened() override {
    on_store([this](Registry& registry) -> Result<v1::BackupPiece> {
      ISOPOP_TRY_ASSIGN(copy_, copy_of(registry, path_));
      return read_piece();
    });
  }

  // Reads there too: the disk is nothing the loop could wait for.
  template <typename Read>
  void on_store(Read read) {
    is_reading_ = true;
    const bool taken = loop_.store().post(
        [this, keep = shared_from_this(), read = std::move(read)](Registry& registry) {
          Result<v1::BackupPiece> piece = read(registry);
          loop_.post([this, keep, piece = std::move(piece)]() mutable { arrived(piece); });
        });
    if (!taken) finish(rpc::to_status(Store::busy_error()));
  }

  void arrived(Result<v1::BackupPiece>& piece) {
    is_reading_ = false;
    if (!piece.ok()) return finish(rpc::to_status(piece.error()));
    if (offset_ >= copy_->bytes) return finish_with(std::move(piece).value());
    ready_ = std::move(piece).value();
    pump();
  }

  // On the store's thread, which alone has the copy while a read is under way.
  Result<v1::BackupPiece> read_piece() {
    std::string bytes(kPieceBytes, '\0');
    const ssize_t got =
        ::pread(copy_->file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset_));
    if (got < 0) return errno_error("read the backup", errno);
    if (got == 0 && offset_ < copy_->bytes) return internal_error("the backup became shorter");
    bytes.resize(static_cast<std::size_t>(got));
    offset_ += bytes.size();
    v1::BackupPiece piece;
    piece.set_data(std::move(bytes));
    piece.set_total_bytes(copy_->bytes);
    return piece;
  }

  std::optional<v1::BackupPiece> next() override {
    if (ready_) return std::exchange(ready_, std::nullopt);
    if (!is_reading_ && copy_) on_store([this](Registry& /*registry*/) { return read_piece(); });
    return std::nullopt;
  }

  std::filesystem::path path_;
  std::optional<Copy> copy_;
  std::uint64_t offset_ = 0;
  std::optional<v1::BackupPiece> ready_;
  bool is_reading_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::BackupPiece>* start_backup_stream(ControlLoop& loop,
                                                               const std::filesystem::path& state) {
  const auto stream = std::make_shared<BackupStream>(loop, state);
  stream->start();
  return stream.get();
}

}  // namespace isopop::control
