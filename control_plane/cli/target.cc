#include "control_plane/cli/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/files/files.h"
#include "common/text/text.h"
#include "control_plane/cli/contexts.h"
#include "control_plane/registry/names.h"

namespace isopop::control::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSmallFileBytesMax = 512;

Result<std::string> checked_address(const std::string& endpoint) {
  const std::size_t colon = endpoint.rfind(':');
  const auto port = colon == std::string::npos
                        ? std::nullopt
                        : parse_unsigned(std::string_view(endpoint).substr(colon + 1));
  if (port && *port > 0 && *port <= 65535 && colon > 0) return endpoint;
  return invalid_argument(fmt::format("endpoint {}: must be HOST:PORT", in_quotes(endpoint)));
}

Result<std::string> address_in(const fs::path& state) {
  const fs::path path = state / "control.endpoint";
  const Result<std::string> text = read_file(path, kSmallFileBytesMax);
  if (text.ok()) return std::string(trim(text.value()));
  return not_found(fmt::format("no control plane runs on the state folder {} (there is no {})",
                               state.string(), path.string()));
}

std::string file_if_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error) ? path.string() : std::string();
}

// A place that was chosen, with what lies beside it.
Result<Context> place_of(const TargetOptions& options, const fs::path& contexts_file) {
  if (options.context && options.state) {
    return invalid_argument("--context and --state: say one of the two");
  }
  if (options.endpoint) ISOPOP_TRY(checked_address(*options.endpoint));
  if (options.endpoint && !options.context) return Context{.endpoint = *options.endpoint};
  if (options.state && !options.context) return Context{.state = *options.state};
  if (!options.context && !options.endpoint_of_environment.empty()) {
    return Context{.endpoint = options.endpoint_of_environment};
  }
  ISOPOP_TRY_ASSIGN(const Contexts contexts, load_contexts(contexts_file));
  const std::string name = options.context.value_or(contexts.current);
  if (name.empty()) return Context{.state = kStateFolder};
  ISOPOP_TRY_ASSIGN(Context context, find_context(contexts, name));
  if (options.endpoint) context.endpoint = *options.endpoint;
  return context;
}

Result<std::string> read_token(const std::string& file) {
  const Result<std::string> text = read_file(file, kSmallFileBytesMax);
  if (!text.ok()) return invalid_argument(fmt::format("token file: {}", text.error().message));
  std::string token(trim(text.value()));
  const bool is_token = !token.empty() && std::all_of(token.begin(), token.end(),
                                                      [](char c) { return c > ' ' && c <= '~'; });
  if (is_token) return token;
  return invalid_argument(fmt::format("token file {}: must hold one token and nothing else", file));
}

}  // namespace

Result<Target> find_target(const TargetOptions& options, const fs::path& contexts_file) {
  ISOPOP_TRY_ASSIGN(Context place, place_of(options, contexts_file));
  Target target{.address = {}, .tls = options.tls, .token = {}};
  if (place.endpoint.empty()) {
    const fs::path state = place.state;
    ISOPOP_TRY_ASSIGN(target.address, address_in(state));
    if (place.ca.empty()) place.ca = file_if_there(state / "join" / "ca.crt");
    if (place.token_file.empty()) place.token_file = file_if_there(state / "pki" / "admin.token");
  } else {
    ISOPOP_TRY_ASSIGN(target.address, checked_address(place.endpoint));
  }
  if (target.tls.ca.empty()) target.tls.ca = options.ca.empty() ? place.ca : options.ca;
  if (options.token_file.empty() && !options.token_of_environment.empty()) {
    target.token = options.token_of_environment;
    return target;
  }
  const std::string& file = options.token_file.empty() ? place.token_file : options.token_file;
  if (!file.empty()) {
    ISOPOP_TRY_ASSIGN(target.token, read_token(file));
  }
  return target;
}

}  // namespace isopop::control::cli
