#include "control_plane/access/pki_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "common/files/files.h"
#include "common/text/text.h"
#include "control_plane/access/token.h"

namespace isopop::control {
namespace {

constexpr std::uint64_t kFileBytesMax = 64ULL << 10U;
constexpr std::string_view kAdminToken = "admin.token";
constexpr std::string_view kJoinToken = "join.token";

// Those of a folder with an authority of its own, and those of every folder.
const std::vector<std::string_view>& authority_files() {
  static const std::vector<std::string_view> names = {"ca.crt", "ca.key"};
  return names;
}
const std::vector<std::string_view>& key_files() {
  static const std::vector<std::string_view> names = {"bundle.key", "secrets.key", kAdminToken,
                                                      kJoinToken};
  return names;
}

bool is_there(const std::filesystem::path& file) {
  std::error_code ignored;
  return std::filesystem::exists(file, ignored);
}

bool has_any(const std::filesystem::path& path, const std::vector<std::string_view>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&path](std::string_view name) { return is_there(path / name); });
}

// All of them or none of them.
Result<void> check_whole(const std::filesystem::path& path,
                         const std::vector<std::string_view>& names) {
  const auto missing = std::find_if(names.begin(), names.end(), [&path](std::string_view name) {
    return !is_there(path / name);
  });
  if (missing == names.end() || !has_any(path, names)) return {};
  return Error{ErrorCode::kFailedPrecondition,
               fmt::format("{0} is missing in {1}: put it back, or give an empty folder for a new "
                           "network",
                           *missing, path.string())};
}

Result<pki::CertificateAuthority> create_authority(const std::filesystem::path& path,
                                                   WallTime now) {
  pki::CertificateAuthority ca = pki::CertificateAuthority::create(now);
  ISOPOP_TRY(write_private_file(path / "ca.key", ca.key_pem()));
  ISOPOP_TRY(write_private_file(path / "ca.crt", ca.certificate_pem()));
  return ca;
}

Result<pki::CertificateAuthority> load_authority(const std::filesystem::path& path) {
  ISOPOP_TRY_ASSIGN(const std::string certificate, read_file(path / "ca.crt", kFileBytesMax));
  ISOPOP_TRY_ASSIGN(const std::string key, read_file(path / "ca.key", kFileBytesMax));
  return pki::CertificateAuthority::load(certificate, key).with_context(path.string());
}

Result<std::string> load_or_create_token(const std::filesystem::path& file) {
  if (!is_there(file)) ISOPOP_TRY(write_private_file(file, new_token_text() + "\n"));
  ISOPOP_TRY_ASSIGN(const std::string content, read_file(file, kFileBytesMax));
  const std::string_view text = trim(content);
  if (token_id(text)) return std::string(text);
  return invalid_argument(fmt::format("{} holds no token of isopop", file.string()));
}

}  // namespace

Result<PkiFolder> PkiFolder::open_or_create(const std::filesystem::path& path, Authority authority,
                                            WallTime now) {
  ISOPOP_TRY(check_whole(path, key_files()));
  if (!has_any(path, key_files())) {
    if (has_any(path, authority_files())) {
      return Error{ErrorCode::kFailedPrecondition,
                   fmt::format("bundle.key is missing in {}: put it back, or give an empty folder "
                               "for a new network",
                               path.string())};
    }
    ISOPOP_TRY(create_private_folder(path));
  }
  std::optional<pki::CertificateAuthority> ca;
  if (authority == Authority::kOwn) {
    ISOPOP_TRY(check_whole(path, authority_files()));
    // A folder may have been without, with somebody else's CA or none.
    ISOPOP_TRY_ASSIGN(pki::CertificateAuthority own, has_any(path, authority_files())
                                                         ? load_authority(path)
                                                         : create_authority(path, now));
    ca.emplace(std::move(own));
  }
  ISOPOP_TRY_ASSIGN(pki::SealKey secrets_key, pki::SealKey::load_or_create(path / "secrets.key"));
  ISOPOP_TRY_ASSIGN(std::string admin_token, load_or_create_token(path / kAdminToken));
  ISOPOP_TRY_ASSIGN(std::string join_token, load_or_create_token(path / kJoinToken));
  ISOPOP_TRY_ASSIGN(pki::SigningKey bundle_key,
                    pki::SigningKey::load_or_create(path / "bundle.key"));
  return PkiFolder{.path = path,
                   .ca = std::move(ca),
                   .bundle_key = std::move(bundle_key),
                   .secrets_key = secrets_key,
                   .admin_token = std::move(admin_token),
                   .join_token = std::move(join_token)};
}

Result<void> write_join_folder(const std::filesystem::path& path, const PkiFolder& pki) {
  ISOPOP_TRY(create_folders(path));
  // The token last: who has it has the rest.
  ISOPOP_TRY(write_file_atomically(path / "ca.crt", pki.ca->certificate_pem()));
  return write_private_file(path / kJoinToken, pki.join_token + "\n");
}

}  // namespace isopop::control
