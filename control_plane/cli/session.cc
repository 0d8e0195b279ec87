#include "control_plane/cli/session.h"

#include <utility>

namespace isopop::control::cli {
namespace {

constexpr std::string_view kStartHint =
    "start one with `isopop up`, or say where it is: --endpoint HOST:PORT, POPCTL_ENDPOINT or "
    "--state DIR";

}  // namespace

Session open_session(const GlobalOptions& global) {
  Session session;
  const Result<std::string> endpoint = find_endpoint(global.endpoint, global.state);
  if (!endpoint.ok()) {
    const bool is_usage = endpoint.error().code == ErrorCode::kInvalidArgument;
    session.failure =
        session.terminal.fail(is_usage ? ExitCode::kUsage : ExitCode::kUnreachable,
                              endpoint.error().message, is_usage ? std::string_view() : kStartHint);
    return session;
  }
  Result<std::unique_ptr<ControlClient>> client =
      ControlClient::connect(endpoint.value(), global.tls);
  if (client.ok()) {
    session.client = std::move(client).value();
    return session;
  }
  const ErrorCode code = client.error().code;
  const bool is_unreachable =
      code == ErrorCode::kUnavailable || code == ErrorCode::kUnauthenticated;
  session.failure = session.terminal.fail(
      is_unreachable ? ExitCode::kUnreachable : ExitCode::kUnexpected, client.error().message,
      code == ErrorCode::kUnavailable ? kStartHint : std::string_view());
  return session;
}

ExitCode fail_call(const Terminal& terminal, const Error& error) {
  const ExitCode code = exit_code_of(error.code);
  std::string_view hint;
  if (code == ExitCode::kNotFound) hint = "`popctl list` shows what there is";
  return terminal.fail(code, error.message, hint);
}

}  // namespace isopop::control::cli
