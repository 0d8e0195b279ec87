#include "sim/rpc/control_access.h"

#include "common/files/files.h"
#include "common/result/result.h"
#include "common/text/text.h"

namespace isopop::sim {

ControlAccess access_of(const std::filesystem::path& state, const rpc::TlsFiles& given) {
  constexpr std::uint64_t kTokenBytesMax = 4096;
  ControlAccess access{.tls = given, .token = {}};
  std::error_code ignored;
  const std::filesystem::path ca = state / "join" / "ca.crt";
  if (!given.are_given() && std::filesystem::exists(ca, ignored)) access.tls.ca = ca.string();
  const Result<std::string> token = read_file(state / "pki" / "admin.token", kTokenBytesMax);
  if (token.ok()) access.token = trim(token.value());
  return access;
}

}  // namespace isopop::sim
