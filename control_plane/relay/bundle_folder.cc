#include "control_plane/relay/bundle_folder.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "common/files/files.h"
#include "common/hash/hash.h"

namespace isopop::control {
namespace {

constexpr std::size_t kNameBytes = 64;

bool is_name(const std::string& text) {
  return text.size() == kNameBytes &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

Result<BundleFolder> BundleFolder::open(const std::filesystem::path& folder,
                                        std::uint64_t bytes_max) {
  ISOPOP_TRY(create_folders(folder));
  BundleFolder self(folder, bytes_max);
  std::error_code error;
  struct Found {
    std::filesystem::file_time_type written;
    std::string name;
    std::uint64_t bytes = 0;
  };
  std::vector<Found> found;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    const std::string name = entry->path().filename().string();
    const auto bytes = entry->file_size(ignored);
    if (ignored || !is_name(name)) continue;
    found.push_back({entry->last_write_time(ignored), name, bytes});
  }
  if (error) return errno_error("read " + folder.string(), error.value());
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.written < b.written; });
  for (const Found& file : found) {
    self.entries_[file.name] = {.bytes = file.bytes, .order = ++self.last_order_};
    self.bytes_ += file.bytes;
  }
  return self;
}

std::optional<std::string> BundleFolder::find(const std::string& sha256) {
  if (!entries_.contains(sha256)) return std::nullopt;
  Result<std::string> bytes = read_file(folder_ / sha256);
  if (bytes.ok() && sha256_hex(bytes.value()) == sha256) return std::move(bytes).value();
  remove(sha256);
  return std::nullopt;
}

Result<void> BundleFolder::put(const std::string& sha256, const std::string& bytes) {
  if (!is_name(sha256) || entries_.contains(sha256) || bytes.size() > bytes_max_) return {};
  while (bytes_ + bytes.size() > bytes_max_) {
    const auto oldest = std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return a.second.order < b.second.order; });
    const std::string name = oldest->first;
    remove(name);
  }
  ISOPOP_TRY(write_file_atomically(folder_ / sha256, bytes, Durability::kProcessCrash));
  entries_[sha256] = {.bytes = bytes.size(), .order = ++last_order_};
  bytes_ += bytes.size();
  return {};
}

void BundleFolder::remove(const std::string& sha256) {
  const auto found = entries_.find(sha256);
  bytes_ -= found->second.bytes;
  entries_.erase(found);
  std::error_code ignored;
  std::filesystem::remove(folder_ / sha256, ignored);
}

}  // namespace isopop::control
