#include "control_plane/cli/session.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "common/text/text.h"
#include "control_plane/cli/contexts.h"

namespace isopop::control::cli {
namespace {

constexpr std::string_view kStartHint =
    "start one with `isopop up`, or say where it is: --endpoint HOST:PORT, POPCTL_ENDPOINT, "
    "--state DIR or --context NAME";

ExitCode fail_named(const Session& session, const Error& error, const std::string& name,
                    const std::vector<std::string>& known, std::string_view hint) {
  const std::string meant = did_you_mean(name, known);
  return session.terminal.fail(
      ExitCode::kNotFound, error.message,
      meant.empty() ? std::string(hint) : fmt::format("did you mean {}?", meant));
}

}  // namespace

Session open_session(const GlobalOptions& global) {
  Session session{.terminal = Terminal(global.notes),
                  .output = Output(global.output),
                  .confirmation = global.confirmation,
                  .client = nullptr};
  Result<Target> target = find_target(global.target, contexts_file());
  if (!target.ok()) {
    const bool is_usage = target.error().code == ErrorCode::kInvalidArgument;
    session.failure =
        session.terminal.fail(is_usage ? ExitCode::kUsage : ExitCode::kUnreachable,
                              target.error().message, is_usage ? std::string_view() : kStartHint);
    return session;
  }
  Result<std::unique_ptr<ControlClient>> client = ControlClient::connect(
      target.value().address, target.value().tls, std::move(target.value().token));
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
  return terminal.fail(exit_code_of(error.code), error.message);
}

ExitCode fail_about_worker(const Session& session, const Error& error, const std::string& worker) {
  if (error.code != ErrorCode::kNotFound) return fail_call(session.terminal, error);
  std::vector<std::string> known;
  const auto list = session.client->call(&v1::Control::Stub::ListWorkers, {});
  if (list.ok()) {
    for (const auto& entry : list.value().workers()) {
      // It is there: what was not found is something of it.
      if (entry.live().worker() == worker) return fail_call(session.terminal, error);
      known.push_back(entry.live().worker());
    }
  }
  return fail_named(session, error, worker, known, "`popctl list` shows what there is");
}

ExitCode fail_about_pop(const Session& session, const Error& error, const std::string& pop) {
  if (error.code != ErrorCode::kNotFound) return fail_call(session.terminal, error);
  std::vector<std::string> known;
  const auto list = session.client->call(&v1::Control::Stub::ListPops, {});
  if (list.ok()) {
    for (const v1::Pop& entry : list.value().pops()) known.push_back(entry.identity().id());
  }
  return fail_named(session, error, pop, known, "`popctl pops` shows what there is");
}

bool is_confirmed(const Session& session, std::string_view question) {
  if (session.confirmation == Confirmation::kGiven || !session.terminal.can_ask()) return true;
  if (session.terminal.asks(question)) return true;
  session.terminal.note("left as it is");
  return false;
}

}  // namespace isopop::control::cli
