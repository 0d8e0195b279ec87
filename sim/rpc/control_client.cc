#include "sim/rpc/control_client.h"

#include <utility>

#include "common/rpc/rpc.h"
#include "common/rpc/tls_credentials.h"
#include "isopop/v1/control.grpc.pb.h"

namespace isopop::sim {
namespace {

PopCondition to_condition(v1::PopState state) {
  switch (state) {
    case v1::POP_STATE_READY:
      return PopCondition::kReady;
    case v1::POP_STATE_STARTING:
      return PopCondition::kStarting;
    default:
      return PopCondition::kDown;
  }
}

std::vector<SandboxMeasure> to_measures(const v1::SandboxReport& report) {
  std::vector<SandboxMeasure> measures;
  for (const v1::SandboxMeasure& measure : report.measures()) {
    measures.push_back(
        {.name = measure.name(), .active = measure.active(), .detail = measure.detail()});
  }
  return measures;
}

KvTotals to_totals(const v1::KvFigures& figures) {
  KvTotals totals{.hits = figures.hits(),
                  .misses = figures.misses(),
                  .joined = figures.joined(),
                  .writes = figures.writes(),
                  .invalidations = figures.invalidations(),
                  .staleness = {}};
  for (const v1::LatencyBucket& bucket : figures.staleness()) {
    totals.staleness.add(bucket.index(), bucket.count());
  }
  return totals;
}

}  // namespace

struct ControlClient::Connection {
  std::unique_ptr<v1::Control::Stub> stub;
  ControlAccess access;

  // gRPC's deadlines are wall-clock moments; a clock that jumps only makes one question fail early.
  void prepare(grpc::ClientContext& context, std::chrono::milliseconds timeout) const {
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    if (!access.token.empty()) context.AddMetadata("authorization", "Bearer " + access.token);
  }
  [[nodiscard]] Error describe(const grpc::Status& outcome) const {
    Error error = rpc::to_error(outcome);
    const std::string about_tls = rpc::explain_tls(outcome, access.tls);
    if (about_tls.empty()) return error;
    return Error{ErrorCode::kUnauthenticated, about_tls};
  }
};

ControlClient::ControlClient(const std::string& address, ControlAccess access)
    : connection_(std::make_unique<const Connection>(
          Connection{.stub = v1::Control::NewStub(rpc::connect(address, access.tls)),
                     .access = std::move(access)})) {}

ControlClient::~ControlClient() = default;

Result<ControlStatus> ControlClient::status(std::chrono::milliseconds timeout) const {
  grpc::ClientContext context;
  connection_->prepare(context, timeout);
  v1::Status answer;
  const grpc::Status outcome = connection_->stub->GetStatus(&context, {}, &answer);
  if (!outcome.ok())
    return connection_->describe(outcome).with_context("ask the control plane for its status");
  return ControlStatus{
      .program_version = answer.program_version(),
      .started_at = from_unix_ms(answer.started_at_ms()),
      .workers = answer.workers(),
      .pops_ready = answer.pops_ready(),
      .pops_starting = answer.pops_starting(),
      .pops_down = answer.pops_down(),
      .router_addresses = {answer.router_addresses().begin(), answer.router_addresses().end()},
  };
}

Result<std::vector<PopReport>> ControlClient::pops(std::chrono::milliseconds timeout) const {
  grpc::ClientContext context;
  connection_->prepare(context, timeout);
  v1::ListPopsResponse answer;
  const grpc::Status outcome = connection_->stub->ListPops(&context, {}, &answer);
  if (!outcome.ok())
    return connection_->describe(outcome).with_context("ask the control plane for its PoPs");
  std::vector<PopReport> reports;
  reports.reserve(static_cast<std::size_t>(answer.pops_size()));
  for (const v1::Pop& pop : answer.pops()) {
    const v1::PopIdentity& identity = pop.identity();
    reports.push_back({.id = identity.id(),
                       .city = identity.city(),
                       .country = identity.country(),
                       .place = {identity.latitude_deg(), identity.longitude_deg()},
                       .condition = to_condition(pop.state()),
                       .http_address = pop.http_address(),
                       .executors = pop.executors(),
                       .requests = pop.requests(),
                       .errors = pop.errors(),
                       .sandbox = to_measures(pop.sandbox()),
                       .last_heartbeat = from_unix_ms(pop.last_heartbeat_ms()),
                       .kv = to_totals(pop.kv())});
  }
  return reports;
}

}  // namespace isopop::sim
