#include "sim/rpc/lease_client.h"

#include <grpcpp/grpcpp.h>

#include "common/rpc/rpc.h"
#include "isopop/v1/distribution.grpc.pb.h"

namespace isopop::sim {

Result<std::string> lease_pop(const std::string& control_address, const rpc::TlsFiles& tls,
                              const LeaseRequest& request, std::chrono::milliseconds timeout) {
  const auto stub = v1::Distribution::NewStub(rpc::connect(control_address, tls));
  v1::LeasePopRequest question;
  question.set_host(request.host);
  question.set_instance(request.instance);
  question.set_join_token(request.join_token);
  for (const std::string& id : request.ids) question.add_ids(id);
  grpc::ClientContext context;
  context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                    gpr_time_from_millis(timeout.count(), GPR_TIMESPAN)));
  v1::LeasePopResponse answer;
  const grpc::Status outcome = stub->LeasePop(&context, question, &answer);
  if (!outcome.ok()) return rpc::to_error(outcome);
  return answer.id();
}

}  // namespace isopop::sim
