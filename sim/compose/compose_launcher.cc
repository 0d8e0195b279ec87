#include "sim/compose/compose_launcher.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/files/files.h"
#include "common/hash/hash.h"
#include "common/http/header_names.h"
#include "common/text/text.h"
#include "sim/compose/compose_stopper.h"
#include "sim/compose/subnet.h"
#include "sim/doctor/doctor.h"
#include "sim/export/compose.h"
#include "sim/launch/http_probe.h"
#include "sim/launch/not_ready.h"
#include "sim/rpc/control_client.h"

namespace isopop::sim {
namespace {

constexpr std::chrono::milliseconds kPollEvery{200};
constexpr std::chrono::milliseconds kAnswerTimeout{2'000};
constexpr std::chrono::minutes kListTimeout{1};
// Measured on two processors, 330 containers: the engine starts two to three containers a second,
// and a PoP is ready within a second of that, so more at a time would only wait for each other.
constexpr std::size_t kWave = 32;
constexpr int kLogLinesShown = 8;
constexpr std::uint16_t kRpcPort = 7070;
constexpr std::uint16_t kHttpPort = 7071;

// What an earlier `up` wrote into .env, by name; empty when there is none.
std::string noted_variable(const StateFolder& state, std::string_view name) {
  const Result<std::string> text = read_file(state.path() / ".env");
  if (!text.ok()) return {};
  for (const std::string_view line : split(text.value(), '\n')) {
    if (line.starts_with(name) && line.substr(name.size()).starts_with('=')) {
      return std::string(line.substr(name.size() + 1));
    }
  }
  return {};
}

bool is_port_free(std::uint16_t port) {
  const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  return bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
         listen(listener.get(), 1) == 0;
}

Result<Subnet> choose_subnet(const ContainerEngine& engine, const std::string& project) {
  std::vector<Subnet> taken;
  const Result<std::string> routes = read_file("/proc/net/route");
  if (routes.ok()) taken = parse_routes(routes.value());
  ISOPOP_TRY_ASSIGN(const std::string ids, engine.docker({"network", "ls", "-q"}, kListTimeout));
  std::vector<std::string> inspect = {"network", "inspect", "--format",
                                      "{{range .IPAM.Config}}{{.Subnet}}\n{{end}}"};
  for (const std::string_view id : split(trim(ids), '\n')) inspect.emplace_back(id);
  ISOPOP_TRY_ASSIGN(const std::string subnets, engine.docker(inspect, kListTimeout));
  for (const std::string_view line : split(subnets, '\n')) {
    if (const std::optional<Subnet> subnet = parse_subnet(trim(line))) taken.push_back(*subnet);
  }
  const auto first = static_cast<std::uint32_t>(hash64(project) >> 32U);
  if (const std::optional<Subnet> free = free_subnet(taken, first)) return *free;
  return Error{ErrorCode::kResourceExhausted,
               "every private network from 10.220.0.0 to 10.251.255.255 is taken: remove container "
               "networks that nobody uses (`docker network prune`)"};
}

ComposeOptions file_options(const ComposeLaunchOptions& options) {
  ComposeOptions file;
  file.pops_per_container = options.pops_per_container;
  file.monitoring = false;
  file.log = options.log;
  file.topology = options.topology_file;
  file.made_by = "isopop up --engine compose";
  return file;
}

// One start, or change, of one network.
class ComposeLaunch final {
 public:
  ComposeLaunch(const ComposeLaunchOptions& options, const ContainerEngine& engine,
                ContainerEngine::Project project, Interrupt& interrupt, const Clock& clock)
      : options_(options),
        engine_(engine),
        project_(std::move(project)),
        interrupt_(interrupt),
        clock_(clock),
        deadline_(clock.now() + options.timeout),
        progress_(fmt::format("starting '{}', PoPs ready", options.topology.name),
                  options.topology.pops.size(), options.progress, clock) {}

  Result<void> run() {
    const std::vector<std::string> services = pop_services();
    ISOPOP_TRY(bring_up({"--remove-orphans", "control", "router"}));
    ISOPOP_TRY(find_control());
    const std::size_t at_a_time = options_.starting_max > 0 ? options_.starting_max : kWave;
    const std::size_t containers =
        std::max<std::size_t>(1, at_a_time / std::max<std::size_t>(1, options_.pops_per_container));
    for (std::size_t first = 0; first < services.size(); first += containers) {
      const std::size_t last = std::min(services.size(), first + containers);
      // No more than two waves are starting at a time.
      const std::size_t begun = first * options_.pops_per_container;
      ISOPOP_TRY(wait_for_ready(begun > at_a_time ? begun - at_a_time : 0));
      std::vector<std::string> wave = {"--no-deps"};
      wave.insert(wave.end(), services.begin() + static_cast<long>(first),
                  services.begin() + static_cast<long>(last));
      ISOPOP_TRY(bring_up(std::move(wave)));
    }
    ISOPOP_TRY(wait_for_ready(options_.topology.pops.size()));
    return wait_for_router();
  }

  [[nodiscard]] const std::string& control_address() const { return control_address_; }

 private:
  // In the topology's order, which is one of growing networks.
  [[nodiscard]] std::vector<std::string> pop_services() const {
    std::vector<std::string> services;
    for (std::size_t pop = 0; pop < options_.topology.pops.size(); ++pop) {
      std::string service = service_of(pop);
      if (services.empty() || services.back() != service) services.push_back(std::move(service));
    }
    return services;
  }

  [[nodiscard]] std::string service_of(std::size_t pop) const {
    return compose_service(options_.topology, pop, file_options(options_));
  }

  // `compose up` of these services, while the control plane is asked how far they are.
  Result<void> bring_up(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"up", "-d"});
    ISOPOP_TRY_ASSIGN(RunningCommand command,
                      engine_.start_compose(project_, std::move(arguments)));
    while (true) {
      if (const std::optional<CommandOutput> ended = command.poll()) {
        if (ended->status.success()) return {};
        return explain_engine_error("compose up", ended->errors);
      }
      ISOPOP_TRY(look());
    }
  }

  Result<void> wait_for_ready(std::size_t wanted) {
    while (ready_ < wanted) ISOPOP_TRY(look());
    return {};
  }

  Result<void> wait_for_router() {
    const HttpProbe probe{.address = fmt::format("127.0.0.1:{}", options_.port),
                          .path = std::string(http::own_paths::kReady),
                          .host = {},
                          .timeout = kAnswerTimeout};
    while (true) {
      const Result<unsigned> answer = probe_http(probe);
      if (answer.ok() && answer.value() == 200) return {};
      ISOPOP_TRY(look());
    }
  }

  // One look at the network, and a short sleep.
  Result<void> look() {
    if (control_) {
      const Result<ControlStatus> status = control_->status(kAnswerTimeout);
      if (status.ok()) ready_ = static_cast<std::size_t>(status.value().pops_ready);
      progress_.update(ready_);
    }
    if (clock_.now() >= deadline_) return too_late();
    if (interrupt_.wait(kPollEvery)) return Error{ErrorCode::kCancelled, "interrupted"};
    return {};
  }

  Result<void> find_control() {
    ISOPOP_TRY_ASSIGN(const std::optional<Container> control, container_of("control"));
    if (!control) return internal_error("compose made no container of the control plane");
    ISOPOP_TRY_ASSIGN(control_address_, engine_.address_of(*control));
    if (!control->is_running() || control_address_.empty()) {
      return unavailable(fmt::format("the control plane's container {} ended: {}{}", control->name,
                                     control->status, log_of(*control)));
    }
    ISOPOP_TRY(learn_access(*control));
    control_.emplace(fmt::format("{}:{}", control_address_, kRpcPort),
                     access_of(options_.state.path()));
    return {};
  }

  // What the control plane has made in its container, for people on this machine: whom to believe,
  // and the first token.
  Result<void> learn_access(const Container& control) {
    const auto copy = [&](const char* file, const std::filesystem::path& to) -> Result<void> {
      while (true) {
        const Result<std::string> text = engine_.docker(
            {"exec", control.name, "cat", fmt::format("/var/lib/isopop/pki/{}", file)},
            kListTimeout);
        if (text.ok() && !text.value().empty()) {
          ISOPOP_TRY(create_private_folder(to.parent_path()));
          return write_private_file(to, text.value());
        }
        ISOPOP_TRY(look());
      }
    };
    ISOPOP_TRY(copy("admin.token", options_.state.pki() / "admin.token"));
    return copy("ca.crt", options_.state.join() / "ca.crt");
  }

  Result<std::optional<Container>> container_of(const std::string& service) {
    ISOPOP_TRY_ASSIGN(const std::vector<Container> containers, engine_.containers(project_.name));
    const auto found =
        std::find_if(containers.begin(), containers.end(),
                     [&service](const Container& each) { return each.service == service; });
    if (found == containers.end()) return std::optional<Container>();
    return std::optional(*found);
  }

  Error too_late() {
    std::vector<std::string> pops;
    pops.reserve(options_.topology.pops.size());
    for (const PopSite& pop : options_.topology.pops) pops.push_back(pop.id);
    const NotReady reason = find_not_ready(control_ ? &*control_ : nullptr, pops, options_.timeout);
    const auto pop = std::find(pops.begin(), pops.end(), reason.culprit);
    const std::string service = pop == pops.end()
                                    ? reason.culprit
                                    : service_of(static_cast<std::size_t>(pop - pops.begin()));
    return {ErrorCode::kDeadlineExceeded, reason.message + log_of_service(service)};
  }

  std::string log_of_service(const std::string& service) {
    const Result<std::optional<Container>> container = container_of(service);
    if (!container.ok() || !container.value()) return "; it has no container yet";
    return log_of(*container.value());
  }

  [[nodiscard]] std::string log_of(const Container& container) const {
    const std::string tail = engine_.log_tail(container, kLogLinesShown);
    return fmt::format("; {} ({}) {}{}", container.name, container.status,
                       tail.empty() ? "has printed nothing" : "printed last:\n", tail);
  }

  const ComposeLaunchOptions& options_;
  const ContainerEngine& engine_;
  ContainerEngine::Project project_;
  Interrupt& interrupt_;
  const Clock& clock_;
  Instant deadline_;
  Progress progress_;
  std::string control_address_;
  std::optional<ControlClient> control_;  // once its container runs
  std::size_t ready_ = 0;
};

// What is decided before anything is started.
struct ComposePlan {
  ContainerEngine::Project project;
  std::string digest;
  bool is_new = true;        // no container of the project is there
  bool has_volumes = false;  // but of earlier runs its volume is
};

Result<void> check_image(const ContainerEngine& engine, const std::string& image) {
  const Result<std::string> found =
      engine.docker({"image", "inspect", "--format", "{{.Id}}", image}, kListTimeout);
  if (found.ok() || found.error().code != ErrorCode::kNotFound) {
    return found.ok() ? Result<void>() : found.error();
  }
  return not_found(fmt::format(
      "there is no image {} here: build it with `./run image`, or name another one with --image",
      image));
}

// What would make a new network fail for certain, and soon, is said before anything is started.
Result<void> check_machine(const ComposeLaunchOptions& options) {
  ISOPOP_TRY_ASSIGN(const std::vector<doctor::Finding> findings,
                    doctor::examine({.plan = {.engine = doctor::Engine::kCompose,
                                              .pops = options.topology.pops.size(),
                                              .pops_per_container = options.pops_per_container,
                                              .image = options.image,
                                              .port = options.port},
                                     .state = options.state.path()}));
  std::string problems;
  for (const doctor::Finding& finding : findings) {
    if (!finding.blocks_start()) continue;
    problems +=
        fmt::format("\n  {}: {}, needed: {}. {}{}", finding.name, finding.found, finding.needed,
                    finding.why, finding.fix.empty() ? "" : "\n    " + finding.fix);
  }
  if (problems.empty()) return {};
  return Error{ErrorCode::kFailedPrecondition,
               "this machine is not ready for that network (`isopop doctor --engine compose` tells "
               "more):" +
                   problems};
}

Result<ComposePlan> prepare(const ComposeLaunchOptions& options, const ContainerEngine& engine) {
  ComposePlan plan;
  plan.project.name = compose_project_name(options.state);
  plan.project.file = (options.state.path() / "compose.yaml").string();
  ISOPOP_TRY_ASSIGN(const std::vector<Container> containers, engine.containers(plan.project.name));
  plan.is_new = containers.empty();
  ISOPOP_TRY_ASSIGN(const std::string volumes, engine.docker({"volume", "ls", "-q", "--filter",
                                                              kProjectLabel + plan.project.name},
                                                             kListTimeout));
  plan.has_volumes = !trim(volumes).empty();

  std::string subnet = plan.is_new ? "" : noted_variable(options.state, "ISOPOP_SUBNET");
  if (subnet.empty()) {
    ISOPOP_TRY_ASSIGN(const Subnet chosen, choose_subnet(engine, plan.project.name));
    subnet = chosen.text();
  }
  const std::string port = std::to_string(options.port);
  const bool has_port_already =
      !plan.is_new && noted_variable(options.state, "ISOPOP_PORT") == port;
  if (!has_port_already && !is_port_free(options.port)) {
    return Error{ErrorCode::kFailedPrecondition,
                 fmt::format("port {} of this machine is taken: give the router another one with "
                             "--port",
                             port)};
  }
  plan.project.environment = {"ISOPOP_IMAGE=" + options.image, "ISOPOP_SUBNET=" + subnet,
                              "ISOPOP_PORT=" + port};
  ISOPOP_TRY_ASSIGN(const std::string file, compose_file(options.topology, file_options(options)));
  const std::string variables = fmt::format("{}\n", fmt::join(plan.project.environment, "\n"));
  plan.digest = sha256_hex(file + variables);
  ISOPOP_TRY(write_file_atomically(plan.project.file, file));
  // So that `docker compose` by hand, in this folder, means the same network.
  ISOPOP_TRY(write_file_atomically(options.state.path() / ".env",
                                   variables + "COMPOSE_PROJECT_NAME=" + plan.project.name + "\n"));
  return plan;
}

// Nothing is to be done when exactly this network is up.
bool is_up(const ComposeLaunchOptions& options, const std::optional<LaunchRecord>& record,
           const std::string& digest) {
  if (!record || !record->is_complete || record->digest != digest) return false;
  const ControlClient control(record->control_rpc, access_of(options.state.path()));
  const Result<ControlStatus> status = control.status(kAnswerTimeout);
  return status.ok() && status.value().pops_ready >= options.topology.pops.size() &&
         !status.value().router_addresses.empty();
}

Result<void> note_endpoints(const StateFolder& state, const LaunchRecord& record) {
  ISOPOP_TRY(write_file_atomically(state.path() / "control.endpoint", record.control_rpc + "\n"));
  return write_file_atomically(state.path() / "router.endpoint", record.router + "\n");
}

// A network that did not come up leaves nothing behind, but for what was there before.
Error clean_up(const ComposeLaunchOptions& options, const ContainerEngine& engine,
               const ComposePlan& plan, const Error& error) {
  if (!plan.is_new) {
    return error.with_context(
        "the network runs on as far as it was changed; `isopop status` tells how it is");
  }
  const Result<std::size_t> stopped =
      stop_compose(engine, plan.project.name, {.removes_volumes = !plan.has_volumes});
  if (!stopped.ok()) {
    return {error.code,
            fmt::format("{}\nand what was started could not be taken down: {}\n`isopop "
                        "down --state {}` does it when the engine is well again",
                        error.message, stopped.error().message, options.state.path().string())};
  }
  const Result<void> removed = options.state.remove_run_files();
  return removed.ok() ? error : error.with_context(removed.error().message);
}

}  // namespace

std::string compose_project_name(const StateFolder& state) {
  constexpr std::size_t kDigits = 8;
  return "isopop-" + sha256_hex(state.path().string()).substr(0, kDigits);
}

Result<LaunchOutcome> launch_compose(const ComposeLaunchOptions& options, Interrupt& interrupt,
                                     const Clock& clock) {
  const Instant begin = clock.now();
  ISOPOP_TRY_ASSIGN(const ContainerEngine engine, ContainerEngine::find());
  ISOPOP_TRY(check_image(engine, options.image));
  ISOPOP_TRY(options.state.create());
  ISOPOP_TRY_ASSIGN(const UniqueFd lock, lock_state(options.state));
  const std::optional<LaunchRecord> earlier = options.state.read_record();
  if (earlier && earlier->engine != LaunchRecord::Engine::kCompose) {
    return Error{ErrorCode::kFailedPrecondition,
                 fmt::format("a network of plain processes runs, or ran last, in {0}: stop it with "
                             "`isopop down --state {0}`, or give another folder with --state",
                             options.state.path().string())};
  }
  ISOPOP_TRY_ASSIGN(const ComposePlan plan, prepare(options, engine));
  if (is_up(options, earlier, plan.digest)) {
    return LaunchOutcome{.record = *earlier, .took = clock.now() - begin, .was_running = true};
  }

  LaunchRecord record{.topology = options.topology.name,
                      .digest = plan.digest,
                      .pops = options.topology.pops.size(),
                      .isolation = options.topology.pop.isolation,
                      .engine = LaunchRecord::Engine::kCompose,
                      .project = plan.project.name};
  record.router = fmt::format("127.0.0.1:{}", options.port);
  if (plan.is_new) ISOPOP_TRY(check_machine(options));
  ISOPOP_TRY(options.state.write_record(record));
  ComposeLaunch launch(options, engine, plan.project, interrupt, clock);
  Result<void> launched = launch.run();
  if (launched.ok()) {
    record.control_rpc = fmt::format("{}:{}", launch.control_address(), kRpcPort);
    record.control_http = fmt::format("{}:{}", launch.control_address(), kHttpPort);
    record.is_complete = true;
    launched = note_endpoints(options.state, record);
  }
  if (launched.ok()) launched = options.state.write_record(record);
  if (!launched.ok()) return clean_up(options, engine, plan, launched.error());
  return LaunchOutcome{.record = record, .took = clock.now() - begin, .was_running = false};
}

}  // namespace isopop::sim
