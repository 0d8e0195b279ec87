#include "pop_node/worker/version_store.h"

#include <algorithm>
#include <system_error>

#include "common/files/files.h"
#include "common/hash/hash.h"
#include "pop_node/worker/live_worker.h"

namespace isopop::pop {
namespace {

constexpr std::uint64_t kAssignmentBytesMax = 16ULL * 1024 * 1024;

// The names of the files in a folder, sorted; empty when it cannot be read.
std::vector<std::string> file_names(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Sealed with the file's name: one worker's cannot be put in another's place.
std::string place_of(std::string_view worker) {
  return "isopop assignment " + std::string(worker);
}

}  // namespace

Result<std::unique_ptr<VersionStore>> VersionStore::create(const std::filesystem::path& folder) {
  ISOPOP_TRY(create_folders(folder));
  ISOPOP_TRY_ASSIGN(const pki::SealKey key, pki::SealKey::load_or_create(folder / "store.key"));
  std::unique_ptr<VersionStore> store(new VersionStore(folder, key));
  ISOPOP_TRY(create_folders(store->bundles_));
  ISOPOP_TRY(create_folders(store->workers_));
  return store;
}

bool VersionStore::has_bundle(std::string_view sha256) const {
  std::error_code error;
  return is_sha256_hex(sha256) && std::filesystem::is_regular_file(bundles_ / sha256, error);
}

Result<std::string> VersionStore::read_bundle(std::string_view sha256) const {
  if (!is_sha256_hex(sha256)) return invalid_argument("a malformed SHA-256");
  const std::filesystem::path path = bundles_ / sha256;
  ISOPOP_TRY_ASSIGN(std::string bytes, read_file(path, kBundleBytesMax));
  if (sha256_hex(bytes) != sha256) {
    std::error_code error;
    std::filesystem::remove(path, error);
    return Error{ErrorCode::kDataLoss, "bundle " + path.string() + " was damaged and is removed"};
  }
  return bytes;
}

Result<void> VersionStore::write_bundle(std::string_view sha256, std::string_view bytes) const {
  if (!is_sha256_hex(sha256)) return invalid_argument("a malformed SHA-256");
  return write_file_atomically(bundles_ / sha256, bytes, Durability::kProcessCrash);
}

std::vector<std::string> VersionStore::bundles() const {
  std::vector<std::string> names = file_names(bundles_);
  std::erase_if(names, [](const std::string& name) { return !is_sha256_hex(name); });
  return names;
}

void VersionStore::keep_only(const std::set<std::string>& sha256s) const {
  for (const std::string& name : file_names(bundles_)) {
    std::error_code error;
    if (!sha256s.contains(name)) std::filesystem::remove(bundles_ / name, error);
  }
}

Result<void> VersionStore::write_assignment(const v1::Assignment& assignment) const {
  const std::string& worker = assignment.worker();
  if (!is_worker_name(worker)) return invalid_argument("not a worker's name");
  return write_file_atomically(workers_ / worker,
                               key_.seal(assignment.SerializeAsString(), place_of(worker)),
                               Durability::kProcessCrash);
}

Result<void> VersionStore::remove_assignment(std::string_view worker) const {
  if (!is_worker_name(worker)) return invalid_argument("not a worker's name");
  std::error_code error;
  std::filesystem::remove(workers_ / worker, error);
  if (error) return errno_error("remove worker " + std::string(worker), error.value());
  return {};
}

std::vector<v1::Assignment> VersionStore::assignments() const {
  std::vector<v1::Assignment> found;
  for (const std::string& name : file_names(workers_)) {
    if (!is_worker_name(name)) continue;
    const Result<std::string> sealed = read_file(workers_ / name, kAssignmentBytesMax);
    if (!sealed.ok()) continue;
    const Result<std::string> bytes = key_.open(sealed.value(), place_of(name));
    v1::Assignment assignment;
    if (!bytes.ok() || !assignment.ParseFromString(bytes.value())) continue;
    if (assignment.worker() == name) found.push_back(std::move(assignment));
  }
  return found;
}

Result<void> VersionStore::probe() const {
  constexpr std::size_t kProbeBytes = 4096;
  return write_file_atomically(folder_ / "probe", std::string(kProbeBytes, '\0'),
                               Durability::kProcessCrash);
}

}  // namespace isopop::pop
