#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "common/files/files.h"
#include "common/units/units.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "isopop/v1/operations.grpc.pb.h"

namespace isopop::control::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kBackupTimeout{30};
constexpr std::string_view kMagic("SQLite format 3\0", 16);  // what every database begins with

// A file that takes its name only when it is whole and on disk. Its owner alone may read it.
class NewFile final {
 public:
  static Result<NewFile> create(const fs::path& path) {
    NewFile file(path);
    file.fd_ = UniqueFd(open(file.part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file.fd_.valid()) return errno_error(fmt::format("create {}", file.part_.string()), errno);
    return file;
  }
  ~NewFile() {
    std::error_code error;
    if (fd_.valid()) fs::remove(part_, error);
  }
  NewFile(NewFile&&) noexcept = default;
  NewFile& operator=(NewFile&&) = delete;
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  Result<void> append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno_error(fmt::format("write {}", part_.string()), errno);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  Result<void> finish() {
    if (fsync(fd_.get()) != 0) return errno_error(fmt::format("flush {}", part_.string()), errno);
    std::error_code error;
    fs::rename(part_, path_, error);
    if (error) return errno_error(fmt::format("name {}", path_.string()), error.value());
    fd_.reset();
    return {};
  }

 private:
  explicit NewFile(const fs::path& path) : path_(path), part_(path.string() + ".part") {}

  fs::path path_;
  fs::path part_;
  UniqueFd fd_;
};

Result<std::uint64_t> back_up(Session& session, const fs::path& path) {
  ISOPOP_TRY_ASSIGN(NewFile file, NewFile::create(path));
  std::uint64_t bytes = 0;
  std::uint64_t total_bytes = 0;
  std::string beginning;
  Result<void> written;
  ISOPOP_TRY(session.client->stream(
      &v1::Operations::Stub::Backup, {}, kBackupTimeout, [&](const v1::BackupPiece& piece) {
        bytes += piece.data().size();
        total_bytes = piece.total_bytes();
        beginning +=
            piece.data().substr(0, kMagic.size() - std::min(kMagic.size(), beginning.size()));
        session.terminal.progress(
            fmt::format("{} of {}", format_bytes(bytes), format_bytes(total_bytes)));
        written = file.append(piece.data());
        return written.ok() ? Next::kGoOn : Next::kStop;
      }));
  session.terminal.progress("");
  ISOPOP_TRY(written);
  if (bytes != total_bytes || beginning != kMagic) {
    return Error{
        ErrorCode::kDataLoss,
        fmt::format("the backup came incomplete: {} of {} bytes; try again", bytes, total_bytes)};
  }
  ISOPOP_TRY(file.finish());
  return bytes;
}

ExitCode run_backup(Session& session, const std::string& path) {
  std::error_code error;
  if (fs::exists(path, error) &&
      !is_confirmed(session, fmt::format("{} is there; replace it?", path))) {
    return ExitCode::kDone;
  }
  const Result<std::uint64_t> bytes = back_up(session, path);
  if (!bytes.ok()) return fail_call(session.terminal, bytes.error());
  session.output.one(fmt::format("{} in {}\n", format_bytes(bytes.value()), path),
                     {{"file", path}, {"bytes", bytes.value()}});
  return ExitCode::kDone;
}

// The control plane's own program does it: it knows when a database is good and when one runs.
ExitCode run_restore(const GlobalOptions& global, const std::string& path) {
  const Terminal terminal(global.notes);
  if (!global.target.state) {
    return terminal.fail(ExitCode::kUsage,
                         "restore needs --state DIR, the state folder of a control plane that does "
                         "not run");
  }
  const std::string program = (program_folder() / "isopop-control").string();
  execl(program.c_str(), program.c_str(), "--restore", path.c_str(), "--state",
        global.target.state->c_str(), nullptr);
  const Error failed = errno_error(fmt::format("run {}", program), errno);
  return terminal.fail(ExitCode::kUnexpected, failed.message);
}

}  // namespace

void add_backup_commands(CommandLine& line) {
  CLI::App& backup = line.add("backup", "The control plane's database as it is now, in a file");
  auto path = std::make_shared<std::string>();
  backup.add_option("file", *path, "File to write")->required();
  line.on_session(backup, [path](Session& session) { return run_backup(session, *path); });

  CLI::App& restore =
      line.add("restore", "A backup as the database of a control plane that does not run");
  auto from = std::make_shared<std::string>();
  restore.add_option("file", *from, "Written by popctl backup")->required();
  line.on_run(restore, [from](const GlobalOptions& global) { return run_restore(global, *from); });
}

}  // namespace isopop::control::cli
