#include "tests/bench/propagation/bench_network.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "common/random/random.h"
#include "common/rpc/rpc.h"
#include "common/text/text.h"
#include "sim/launch/state_folder.h"
#include "tests/support/command.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr auto kPatience = 60s;

Result<std::string> first_line(const std::filesystem::path& path) {
  ISOPOP_TRY_ASSIGN(const std::string text, read_file(path));
  return text.substr(0, text.find('\n'));
}

// "Name:   123 kB" of /proc/PID/status.
Result<std::uint64_t> status_kilobytes(pid_t pid, std::string_view name) {
  ISOPOP_TRY_ASSIGN(const std::string text, read_file(fmt::format("/proc/{}/status", pid)));
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with(name)) continue;
    const std::string_view rest = trim(line.substr(name.size() + 1));
    const auto number = parse_unsigned(rest.substr(0, rest.find(' ')));
    if (number) return *number;
  }
  return not_found(fmt::format("process {} does not say its {}", pid, name));
}

}  // namespace

std::string worker_code(std::size_t bytes) {
  std::string code = fmt::format(
      "// {}\nexport default {{ fetch() {{ return new Response('ok'); }} }};\n// ", random_hex(16));
  // Random, so that nothing on the way can make it smaller.
  while (code.size() < bytes) code += random_hex(512);
  code.resize(bytes);
  code += '\n';
  return code;
}

ControlPlaneClient::ControlPlaneClient(const std::string& address, std::string ca,
                                       std::string token)
    : token_(std::move(token)) {
  rpc::TlsFiles tls;
  tls.ca = std::move(ca);
  const std::shared_ptr<grpc::Channel> channel = rpc::connect(address, tls);
  control_ = v1::Control::NewStub(channel);
  rollouts_ = v1::Rollouts::NewStub(channel);
  kv_ = v1::Kv::NewStub(channel);
}

std::unique_ptr<grpc::ClientContext> ControlPlaneClient::context() const {
  auto context = std::make_unique<grpc::ClientContext>();
  if (!token_.empty()) context->AddMetadata("authorization", "Bearer " + token_);
  context->set_wait_for_ready(true);
  return context;
}

Result<v1::DeployResponse> ControlPlaneClient::deploy(const std::string& worker,
                                                      const std::string& code,
                                                      const std::vector<v1::KvBinding>& kv) {
  v1::Bundle bundle;
  bundle.set_main_module("index.js");
  v1::Module& module = *bundle.add_modules();
  module.set_name("index.js");
  module.set_type(v1::MODULE_TYPE_ES_MODULE);
  module.set_content(code);
  const std::string bytes = bundle.SerializeAsString();
  v1::DeployResponse response;
  const auto call_context = context();
  const auto writer = control_->Deploy(call_context.get(), &response);
  v1::DeployRequest request;
  request.mutable_start()->set_worker(worker);
  request.mutable_start()->set_bundle_bytes(bytes.size());
  for (const v1::KvBinding& binding : kv) {
    *request.mutable_start()->mutable_settings()->add_kv() = binding;
  }
  bool open = writer->Write(request);
  for (std::size_t at = 0; open && at < bytes.size(); at += kPieceBytes) {
    request.set_bundle_data(bytes.substr(at, kPieceBytes));
    open = writer->Write(request);
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) return rpc::to_error(status).with_context("deploy " + worker);
  return response;
}

Result<v1::Convergence> ControlPlaneClient::converged(const std::string& worker,
                                                      std::uint64_t number, std::size_t pops) {
  v1::GetDeploymentRequest request;
  request.set_worker(worker);
  request.set_number(number);
  v1::Convergence convergence;
  grpc::Status status;
  const bool done = wait_until(
      [&] {
        const auto call_context = context();
        status = rollouts_->GetConvergence(call_context.get(), request, &convergence);
        return !status.ok() || convergence.laggards().empty();
      },
      kPatience);
  if (!status.ok()) return rpc::to_error(status).with_context("convergence of " + worker);
  const auto answered =
      static_cast<std::size_t>(convergence.acked_size()) + convergence.held_before();
  if (!done || answered < pops) {
    return internal_error(fmt::format("{} #{}: {} of {} PoPs have it, {} rejected it", worker,
                                      number, answered, pops, convergence.rejections_size()));
  }
  return convergence;
}

Result<std::vector<v1::Pop>> ControlPlaneClient::pops() {
  v1::ListPopsResponse response;
  const auto call_context = context();
  const grpc::Status status = control_->ListPops(call_context.get(), {}, &response);
  if (!status.ok()) return rpc::to_error(status);
  return std::vector<v1::Pop>(response.pops().begin(), response.pops().end());
}

Result<std::chrono::nanoseconds> ControlPlaneClient::until_ready(std::size_t pops_wanted) {
  const Instant start = clock_.now();
  const bool ready = wait_until(
      [&] {
        const Result<std::vector<v1::Pop>> all = pops();
        if (!all.ok()) return false;
        std::size_t count = 0;
        for (const v1::Pop& pop : all.value()) count += pop.state() == v1::POP_STATE_READY ? 1 : 0;
        return count >= pops_wanted;
      },
      kPatience);
  if (!ready) return internal_error("not all PoPs came back within a minute");
  return clock_.now() - start;
}

Result<std::uint64_t> ControlPlaneClient::versions(const std::string& worker) {
  v1::ListVersionsRequest request;
  request.set_worker(worker);
  v1::ListVersionsResponse response;
  const auto call_context = context();
  const grpc::Status status = control_->ListVersions(call_context.get(), request, &response);
  if (!status.ok()) return rpc::to_error(status);
  return static_cast<std::uint64_t>(response.versions_size());
}

Result<std::unique_ptr<BenchNetwork>> BenchNetwork::up(
    std::size_t pops, const std::vector<std::string>& more_arguments) {
  ISOPOP_TRY_ASSIGN(TempFolder folder, TempFolder::create("isopop-propagation-bench-"));
  std::unique_ptr<BenchNetwork> self(new BenchNetwork(std::move(folder), pops));
  std::vector<std::string> arguments = {"up",      "--quiet",    "--net",
                                        "account", "--pops",     std::to_string(pops),
                                        "--state", self->state()};
  arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
  CommandOptions command;
  command.timeout = 10min;
  const CommandOutcome outcome = run_command(program_path("isopop"), arguments, command);
  if (!outcome.success()) return internal_error(outcome.describe());
  ISOPOP_TRY_ASSIGN(const sim::StateFolder state_folder, sim::StateFolder::at(self->state()));
  const std::optional<sim::LaunchRecord> record = state_folder.read_record();
  if (!record) return internal_error("isopop up left no record");
  self->router_ = record->router;
  ISOPOP_TRY_ASSIGN(std::string token, first_line(state_folder.pki() / "admin.token"));
  self->client_ = std::make_unique<ControlPlaneClient>(
      record->control_rpc, (state_folder.join() / "ca.crt").string(), std::move(token));
  ISOPOP_TRY(self->find_control_plane());
  return self;
}

BenchNetwork::~BenchNetwork() {
  CommandOptions command;
  command.timeout = 5min;
  const CommandOutcome down = run_command(
      program_path("isopop"), {"down", "--purge", "--quiet", "--state", state()}, command);
  if (!down.success()) fmt::print(stderr, "{}\n", down.describe());
}

Result<void> BenchNetwork::find_control_plane() {
  const std::string program = program_path("isopop-control").string();
  for (const pid_t pid : processes_with_argument(state())) {
    const Result<std::string> line = read_file(fmt::format("/proc/{}/cmdline", pid));
    if (!line.ok() || !line.value().starts_with(program + '\0')) continue;
    control_pid_ = pid;
    control_arguments_.clear();
    for (const std::string_view word : split(line.value(), '\0')) {
      control_arguments_.emplace_back(word);
    }
    control_arguments_.erase(control_arguments_.begin());
    if (!control_arguments_.empty() && control_arguments_.back().empty()) {
      control_arguments_.pop_back();
    }
    return {};
  }
  return not_found("the control plane does not run");
}

Result<void> BenchNetwork::kill_control_plane() {
  if (restarted_) {
    restarted_->kill_and_reap();
    restarted_.reset();
    return {};
  }
  ::kill(control_pid_, SIGKILL);
  const bool gone = wait_until([this] { return ::kill(control_pid_, 0) != 0; });
  return gone ? Result<void>() : internal_error("the control plane does not end");
}

Result<void> BenchNetwork::start_control_plane() {
  ISOPOP_TRY_ASSIGN(Child child, start_server("isopop-control", control_arguments_,
                                              folder_.path() / "control.log"));
  control_pid_ = child.pid();
  restarted_ = std::move(child);
  return {};
}

Result<std::uint64_t> BenchNetwork::control_plane_memory_bytes() const {
  return resident_bytes(control_pid_);
}

Result<std::uint64_t> resident_bytes(pid_t pid) {
  ISOPOP_TRY_ASSIGN(const std::uint64_t kilobytes, status_kilobytes(pid, "VmRSS"));
  return kilobytes * 1024;
}

Result<std::chrono::nanoseconds> processor_time(pid_t pid) {
  ISOPOP_TRY_ASSIGN(const std::string text, read_file(fmt::format("/proc/{}/stat", pid)));
  // Behind the name, which may hold anything: state, then ten more, then user and system time.
  const std::vector<std::string_view> fields =
      split(std::string_view(text).substr(text.rfind(')') + 2), ' ');
  const auto user = parse_unsigned(fields.at(11));
  const auto system = parse_unsigned(fields.at(12));
  if (!user || !system) return internal_error("/proc/PID/stat is not as expected");
  const double seconds =
      static_cast<double>(*user + *system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return std::chrono::round<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
}

}  // namespace isopop::test
