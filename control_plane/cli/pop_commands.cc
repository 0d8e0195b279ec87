#include <fmt/format.h>

#include <memory>
#include <optional>

#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/identity_change.h"
#include "control_plane/cli/json.h"
#include "isopop/v1/operations.grpc.pb.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;
using enum Table::Align;
using enum Table::Shown;

// Beyond this its leases and records go wrong: worth a word in the list.
constexpr std::int64_t kSkewShownMs = 1'000;

std::string versions_at(const v1::Pop& pop) {
  std::vector<std::string> workers;
  for (const v1::HeldVersion& held : pop.workers()) {
    workers.push_back(fmt::format("{} v{}", held.worker(), held.number()));
  }
  constexpr std::size_t kShownMax = 3;
  if (workers.size() <= kShownMax) return join(workers, ", ");
  const std::size_t more = workers.size() - kShownMax;
  workers.resize(kShownMax);
  return fmt::format("{} and {} more", join(workers, ", "), more);
}

// "ready", "ready, drained"
std::string state_of(const v1::Pop& pop) {
  const std::string service = service_name(pop.service());
  return pop.service() == v1::POP_SERVICE_UNSPECIFIED
             ? state_name(pop.state())
             : fmt::format("{}, {}", state_name(pop.state()), service);
}

std::vector<std::string> problems_of(const v1::Pop& pop) {
  std::vector<std::string> problems(pop.problems().begin(), pop.problems().end());
  if (std::abs(pop.clock_skew_ms()) >= kSkewShownMs) {
    problems.push_back(
        fmt::format("its clock is {} {}",
                    format_duration(std::chrono::milliseconds(std::abs(pop.clock_skew_ms()))),
                    pop.clock_skew_ms() > 0 ? "ahead" : "behind"));
  }
  return problems;
}

void print_pops(const Session& session, const google::protobuf::RepeatedPtrField<v1::Pop>& pops) {
  Table table({{"POP"},
               {"CITY"},
               {"COUNTRY"},
               {"REGION", kLeft, kWide},
               {"STATE"},
               {"ADDRESS"},
               {"HOST", kLeft, kWide},
               {"RELAY", kLeft, kWide},
               {"MEMORY", kRight, kWide},
               {"REQUESTS", kRight},
               {"ERRORS", kRight},
               {"WORKERS"}});
  Json list = Json::array();
  std::vector<std::string> notes;
  for (const v1::Pop& pop : pops) {
    const v1::PopIdentity& identity = pop.identity();
    table.add({identity.id(), identity.city(), identity.country(), identity.region(), state_of(pop),
               pop.http_address(), pop.host(), pop.relay(),
               pop.memory_bytes() == 0 ? "" : format_bytes(pop.memory_bytes()),
               fmt::format("{}", pop.requests()), fmt::format("{}", pop.errors()),
               versions_at(pop)});
    list.push_back(to_json(pop));
    for (const std::string& problem : problems_of(pop)) {
      notes.push_back(fmt::format("{}: {}", identity.id(), problem));
    }
  }
  session.output.list(table, list);
  constexpr std::size_t kNotesMax = 10;
  for (std::size_t i = 0; i < std::min(notes.size(), kNotesMax); ++i)
    session.terminal.note(notes[i]);
  if (notes.size() > kNotesMax) {
    session.terminal.note(fmt::format("and {} more; `popctl pops -o json` has all of them",
                                      notes.size() - kNotesMax));
  }
}

ExitCode run_list(Session& session) {
  const auto response = session.client->call(&v1::Control::Stub::ListPops, {});
  if (!response.ok()) return fail_call(session.terminal, response.error());
  print_pops(session, response.value().pops());
  return ExitCode::kDone;
}

std::string describe(const v1::Pop& pop) {
  const v1::PopIdentity& identity = pop.identity();
  std::string text = fmt::format("{}  {}, {} ({})\n", identity.id(), identity.city(),
                                 identity.country(), identity.region());
  const auto add = [&text](const char* title, const std::string& value) {
    if (!value.empty()) text += fmt::format("{:9}  {}\n", title, value);
  };
  const auto time = [](std::int64_t ms) {
    return ms == 0 ? std::string() : format_time(ms) + " UTC";
  };
  add("state", state_of(pop));
  add("problems", join(problems_of(pop), "; "));
  add("address", pop.http_address());
  add("host", pop.host());
  add("relay", pop.relay());
  add("program", pop.program_version());
  add("connected", time(pop.connected_at_ms()));
  add("heartbeat", time(pop.last_heartbeat_ms()));
  add("executors", fmt::format("{}", pop.executors()));
  add("memory", pop.memory_bytes() == 0 ? "" : format_bytes(pop.memory_bytes()));
  add("requests", fmt::format("{}, {} answered with 5xx", pop.requests(), pop.errors()));
  const std::uint64_t reads = pop.kv().hits() + pop.kv().misses() + pop.kv().joined();
  if (reads > 0) {
    add("kv", fmt::format("{} reads, {:.1f} % of them from the cache; {} writes", reads,
                          100.0 * static_cast<double>(pop.kv().hits()) / static_cast<double>(reads),
                          pop.kv().writes()));
  }
  for (const v1::HeldVersion& held : pop.workers()) {
    add("runs",
        fmt::format("{} v{} (deployment {})", held.worker(), held.number(), held.deployment()));
  }
  return text;
}

ExitCode run_view(Session& session, const std::string& id) {
  v1::GetPopRequest request;
  request.set_id(id);
  const auto pop = session.client->call(&v1::Operations::Stub::GetPop, request);
  if (!pop.ok()) return fail_about_pop(session, pop.error(), id);
  session.output.one(describe(pop.value()), to_json(pop.value()));
  return ExitCode::kDone;
}

struct PopsOptions {
  std::vector<std::string> given;  // "AMS", "AMS,FRA"
  bool dry_run = false;

  [[nodiscard]] std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    for (const std::string& text : given) {
      for (const std::string_view id : split(text, ',')) ids.emplace_back(trim(id));
    }
    return ids;
  }
};

// Whether the control plane knows them all; if not, said so, and the exit code.
std::optional<ExitCode> fail_if_unknown(Session& session, const std::vector<std::string>& ids) {
  v1::GetPopRequest request;
  for (const std::string& id : ids) {
    request.set_id(id);
    const auto pop = session.client->call(&v1::Operations::Stub::GetPop, request);
    if (!pop.ok()) return fail_about_pop(session, pop.error(), id);
  }
  return std::nullopt;
}

ExitCode change_pops(Session& session, const PopsOptions& options, IdentityChange change) {
  const std::vector<std::string> ids = options.ids();
  // One that may come back has perhaps not been seen since this control plane started.
  if (change == IdentityChange::kRevoke) {
    if (const std::optional<ExitCode> failed = fail_if_unknown(session, ids)) return *failed;
  }
  for (const std::string& id : ids) {
    const ExitCode code = change_identity(session, "pop/" + id, change);
    if (code != ExitCode::kDone) return code;
  }
  return ExitCode::kDone;
}

ExitCode set_service(Session& session, const PopsOptions& options, const std::string& action,
                     v1::PopService service) {
  const std::vector<std::string> ids = options.ids();
  if (options.dry_run) {
    if (const std::optional<ExitCode> failed = fail_if_unknown(session, ids)) return *failed;
    session.output.one(fmt::format("would {} {}\n", action, join(ids, ", ")),
                       {{"action", action}, {"pops", ids}, {"dry_run", true}});
    return ExitCode::kDone;
  }
  v1::SetPopServiceRequest request;
  for (const std::string& id : ids) request.add_ids(id);
  request.set_service(service);
  const auto response = session.client->call(&v1::Operations::Stub::SetPopService, request);
  if (!response.ok()) return fail_about_pop(session, response.error(), request.ids(0));
  print_pops(session, response.value().pops());
  return ExitCode::kDone;
}

}  // namespace

void add_pop_commands(CommandLine& line) {
  CLI::App& pops = line.add_group("pops", "The PoPs and what they run");
  line.on_session(pops, run_list);
  line.on_session(line.add(pops, "list", "All PoPs, as `popctl pops` alone"), run_list);
  CLI::App& view = line.add(pops, "view", "One of them, all that is known");
  auto id = std::make_shared<std::string>();
  view.add_option("id", *id, "As AMS")->required();
  line.on_session(view, [id](Session& session) { return run_view(session, *id); });
  const auto add = [&](const char* name, const char* description, v1::PopService service) {
    CLI::App& command = line.add(pops, name, description);
    auto options = std::make_shared<PopsOptions>();
    command.add_option("ids", options->given, "As AMS FRA, or AMS,FRA")->required();
    add_dry_run(command, options->dry_run);
    line.on_session(command, [options, action = std::string(name), service](Session& session) {
      return set_service(session, *options, action, service);
    });
  };
  add("drain", "Send no new requests there; those that are there go on", v1::POP_SERVICE_DRAINED);
  add("undrain", "Take clients again", v1::POP_SERVICE_UNSPECIFIED);
  add("fail", "Rehearse an outage: it takes no connections, routers find out by themselves",
      v1::POP_SERVICE_FAILED);
  add("restore", "End the outage", v1::POP_SERVICE_UNSPECIFIED);
  const auto add_change = [&](const char* name, const char* text, IdentityChange change) {
    CLI::App& command = line.add(pops, name, text);
    auto options = std::make_shared<PopsOptions>();
    command.add_option("ids", options->given, "As AMS FRA, or AMS,FRA")->required();
    line.on_session(command, [options, change](Session& session) {
      return change_pops(session, *options, change);
    });
  };
  add_change("revoke", "Cut PoPs off at once, for good: their certificates are worth nothing",
             IdentityChange::kRevoke);
  add_change("admit", "Let PoPs that were revoked come back", IdentityChange::kRestore);
}

}  // namespace isopop::control::cli
