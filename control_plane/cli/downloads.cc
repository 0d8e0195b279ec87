#include "control_plane/cli/downloads.h"

#include <fmt/format.h>

#include "common/files/files.h"
#include "common/hash/hash.h"
#include "control_plane/cli/worker_config.h"
#include "control_plane/cli/worker_yaml.h"
#include "control_plane/registry/bundle.h"

namespace isopop::control::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kDownloadTimeout{60};

}  // namespace

Result<Download> download_version(ControlClient& client, const std::string& worker,
                                  std::uint64_t number) {
  v1::GetVersionRequest request;
  request.set_worker(worker);
  request.set_number(number);
  Download download;
  ISOPOP_TRY_ASSIGN(download.version, client.call(&v1::Control::Stub::GetVersion, request));
  // The one whose description this is, also if another went live in between.
  request.set_number(download.version.number());
  std::string bytes;
  ISOPOP_TRY(client.stream(&v1::Control::Stub::DownloadVersion, request, kDownloadTimeout,
                           [&bytes](const v1::BundlePiece& piece) {
                             bytes += piece.data();
                             return Next::kGoOn;
                           }));
  const std::string sha256 = sha256_hex(bytes);
  if (sha256 != download.version.bundle_sha256() || !download.bundle.ParseFromString(bytes)) {
    return Error{ErrorCode::kDataLoss,
                 fmt::format("the code of {} v{} came damaged: its SHA-256 is {}, not {}", worker,
                             download.version.number(), sha256, download.version.bundle_sha256())};
  }
  return download;
}

Result<void> write_worker_folder(const Download& download, const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    return Error{ErrorCode::kAlreadyExists,
                 fmt::format("{} is not empty; say where to write with --out", folder.string())};
  }
  const BundleLimits limits = limits_for(download.version.settings(), {});
  for (const v1::Module& module : download.bundle.modules()) {
    ISOPOP_TRY(check_module_name(module.name(), limits));
    const fs::path path = folder / module.name();
    ISOPOP_TRY(create_folders(path.parent_path()));
    ISOPOP_TRY(write_file_atomically(path, module.content(), Durability::kProcessCrash));
  }
  return write_file_atomically(folder / kWorkerConfigName,
                               worker_yaml(download.version, download.bundle.main_module()));
}

}  // namespace isopop::control::cli
