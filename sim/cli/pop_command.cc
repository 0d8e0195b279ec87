#include "sim/cli/pop_command.h"

#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "common/files/files.h"
#include "common/log/log.h"
#include "common/random/random.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "sim/cli/bundled_files.h"
#include "sim/host/hosted_pops.h"
#include "sim/host/identity.h"
#include "sim/host/pop_host.h"
#include "sim/launch/interrupt.h"
#include "sim/rpc/lease_client.h"

namespace isopop::sim {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLeaseTimeout{5'000};
// Between one question and the next, with jitter: a whole network may be asking.
constexpr milliseconds kLeasePauseMin{200};
constexpr milliseconds kLeasePauseMax{5'000};

constexpr const char* kFooter =
    "Which PoP it is, from the first of these that is there:\n"
    "  POPS=AMS,FRA         several in this container, each one port further\n"
    "  POP_ID=AMS           one of the topology; with POP_CITY, POP_COUNTRY, POP_REGION, POP_LAT,\n"
    "                       POP_LON any other\n"
    "  POP_INDEX=12         its place in the topology, counted from 0, + POP_INDEX_BASE;\n"
    "                       with POPS_PER_CONTAINER=N the N places from N * 12\n"
    "  host name pop-12     the same\n"
    "  nothing              one that is free, leased from the control plane\n"
    "POP_TOPOLOGY is a file or the name of a topology that comes along (world); POP_COUNT is how\n"
    "many PoPs the network has. See docs/topology.md, Identity. Each option of isopop-pop\n"
    "comes in its own names: ISOPOP_POP_CONTROL, ISOPOP_POP_LISTEN (0.0.0.0:8080), ...";

std::string value_of(const Environment& environment, std::string_view name,
                     std::string_view fallback) {
  const auto found = environment.find(name);
  return std::string(found == environment.end() || found->second.empty() ? fallback
                                                                         : found->second);
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

Result<Topology> read_topology(const Environment& environment) {
  ISOPOP_TRY_ASSIGN(const std::filesystem::path file,
                    find_topology(value_of(environment, "POP_TOPOLOGY", "world")));
  return load_topology(file.string());
}

// Asks once, with the join token where there is to be one: its file may come later.
Result<std::string> lease_from(const std::string& control, rpc::TlsFiles tls,
                               const std::filesystem::path& join, LeaseRequest request) {
  constexpr std::uint64_t kTokenBytesMax = 4096;
  if (!join.empty()) {
    tls.ca = (join / "ca.crt").string();
    const Result<std::string> token = read_file(join / "join.token", kTokenBytesMax);
    if (!token.ok()) return unavailable(token.error().message);
    request.join_token = trim(token.value());
    if (const Result<void> checked = rpc::check_tls_files(tls); !checked.ok()) {
      return unavailable(checked.error().message);
    }
  }
  return lease_pop(control, tls, request, kLeaseTimeout);
}

// Asks until there is an answer; none when a signal came first.
Result<std::optional<PopSite>> lease_site(const std::vector<PopSite>& sites,
                                          const Environment& environment) {
  // The first process of a container is ended by no signal that it does not ask for.
  ISOPOP_TRY_ASSIGN(Interrupt interrupt, Interrupt::create());
  const std::string control = value_of(environment, "ISOPOP_POP_CONTROL", "127.0.0.1:7070");
  const rpc::TlsFiles tls{.certificate = value_of(environment, "ISOPOP_POP_TLS_CERT", ""),
                          .key = value_of(environment, "ISOPOP_POP_TLS_KEY", ""),
                          .ca = value_of(environment, "ISOPOP_POP_TLS_CA", "")};
  const std::filesystem::path join = value_of(environment, "ISOPOP_POP_JOIN", "");
  ISOPOP_TRY(rpc::check_tls_files(tls));
  LeaseRequest request{.host = host_name(), .instance = random_hex(8), .ids = {}};
  for (const PopSite& site : sites) request.ids.push_back(site.id);
  RandomStream jitter(entropy64(), "isopop/pop/lease");
  milliseconds pause{0};
  milliseconds backoff = kLeasePauseMin;
  std::string said;
  while (!interrupt.wait(pause)) {
    const Result<std::string> id = lease_from(control, tls, join, request);
    if (id.ok()) {
      const auto site = std::find_if(sites.begin(), sites.end(), [&id](const PopSite& candidate) {
        return candidate.id == id.value();
      });
      if (site == sites.end()) {
        return internal_error(fmt::format(
            "the control plane at {} leases PoP {}, which nobody asked for", control, id.value()));
      }
      log_info("the control plane at {} says that this is PoP {}", control, site->id);
      return std::optional(*site);
    }
    if (id.error().code == ErrorCode::kInvalidArgument ||
        id.error().code == ErrorCode::kUnimplemented) {
      return id.error().with_context("ask the control plane at " + control + " for a lease");
    }
    if (std::exchange(said, id.error().message) != id.error().message) {
      log_warning("no lease from the control plane at {} yet: {}; trying on", control, said);
    }
    pause = std::chrono::ceil<milliseconds>(backoff * (0.5 + 0.5 * jitter.uniform()));
    backoff = std::min(backoff * 2, kLeasePauseMax);
  }
  return std::optional<PopSite>();
}

// This process becomes the PoP, so that it gets its container's signals itself. Returns only when
// that fails.
Error become(const std::filesystem::path& program, const HostedPop& pop) {
  std::vector<std::string> arguments = {program.string()};
  arguments.insert(arguments.end(), pop.arguments.begin(), pop.arguments.end());
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  // What asked for the lease left connections open.
  syscall(SYS_close_range, 3U, ~0U, static_cast<unsigned>(CLOSE_RANGE_CLOEXEC));
  execve(program.c_str(), pointers.data(), environ);
  return errno_error(fmt::format("start {}", program.string()), errno);
}

int run_pops(const std::vector<HostedPop>& pops) {
  const std::filesystem::path program = program_folder() / "isopop-pop";
  if (access(program.c_str(), X_OK) != 0) {
    return fail(not_found(fmt::format("the program {} is missing", program.string())), kExitFailed);
  }
  if (pops.size() == 1) return fail(become(program, pops.front()), kExitFailed);
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  const SystemClock clock;
  const Result<void> outcome =
      host_pops({.program = program, .environment = std::move(environment), .pops = pops}, clock);
  return outcome.ok() ? kExitDone : fail(outcome.error(), kExitFailed);
}

int run_pop() {
  const Environment environment = environment_of(environ);
  configure_log({.program = "isopop",
                 .level = LogLevel::kInfo,
                 .format = value_of(environment, "ISOPOP_POP_LOG_FORMAT", "text") == "json"
                               ? LogOptions::Format::kJson
                               : LogOptions::Format::kText});
  const Result<Identity> identity = read_identity(environment, host_name());
  if (!identity.ok()) return fail(identity.error(), kExitUsage);
  std::optional<PopSettings> settings;
  std::vector<PopSite> sites;
  if (const auto* described = std::get_if<DescribedPop>(&identity.value())) {
    sites = {described->site};
  } else {
    const Result<Topology> topology = read_topology(environment);
    if (!topology.ok()) {
      return fail(topology.error().with_context("POP_TOPOLOGY"), kExitBadInput);
    }
    Result<std::vector<PopSite>> found =
        find_sites(identity.value(), environment, topology.value());
    if (!found.ok()) return fail(found.error(), kExitUsage);
    settings = topology.value().pop;
    sites = std::move(found).value();
  }
  if (std::holds_alternative<LeasedPop>(identity.value())) {
    const Result<std::optional<PopSite>> leased = lease_site(sites, environment);
    if (!leased.ok()) return fail(leased.error(), kExitFailed);
    if (!leased.value()) return kExitDone;
    sites = {*leased.value()};
  }
  const Result<std::vector<HostedPop>> pops = hosted_pops(sites, settings, environment);
  if (!pops.ok()) return fail(pops.error(), kExitUsage);
  return run_pops(pops.value());
}

}  // namespace

void add_pop_command(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("pop", "Be a PoP, or several: what a container starts");
  command->footer(kFooter);
  command->callback([&chosen] { chosen.run = run_pop; });
}

}  // namespace isopop::sim
