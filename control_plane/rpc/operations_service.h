#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <utility>

#include "control_plane/rpc/authorize.h"
#include "control_plane/rpc/control_loop.h"
#include "control_plane/rpc/telemetry.h"
#include "isopop/v1/operations.grpc.pb.h"

namespace isopop::control {

// gRPC's side of what those who run the network do and watch: PoPs that are drained or failed,
// tails, figures, backups. No call holds a thread.
class OperationsService final : public v1::Operations::CallbackService {
 public:
  // `io` is the loop's. Backups are made in `state` and gone from there before they are read.
  OperationsService(ControlLoop& loop, Telemetry& telemetry, const Authorizer& authorizer,
                    asio::io_context& io, const Clock& clock, std::filesystem::path state)
      : loop_(loop),
        telemetry_(telemetry),
        authorizer_(authorizer),
        io_(io),
        clock_(clock),
        state_(std::move(state)) {}

  // Before the servers start: what people wanted of PoPs when the last run ended.
  [[nodiscard]] Result<void> load();

  grpc::ServerUnaryReactor* GetPop(grpc::CallbackServerContext* context,
                                   const v1::GetPopRequest* request, v1::Pop* response) override;
  grpc::ServerUnaryReactor* SetPopService(grpc::CallbackServerContext* context,
                                          const v1::SetPopServiceRequest* request,
                                          v1::SetPopServiceResponse* response) override;
  grpc::ServerWriteReactor<v1::TailBatch>* Tail(grpc::CallbackServerContext* context,
                                                const v1::TailRequest* request) override;
  grpc::ServerWriteReactor<v1::Figures>* WatchFigures(
      grpc::CallbackServerContext* context, const v1::WatchFiguresRequest* request) override;
  grpc::ServerWriteReactor<v1::BackupPiece>* Backup(grpc::CallbackServerContext* context,
                                                    const v1::BackupRequest* request) override;

 private:
  // `unseen`: those of them that did not connect in this run. NOT_FOUND: the database does not know
  // one of these either.
  [[nodiscard]] Result<void> keep_service(Registry& registry, const std::set<std::string>& unseen,
                                          const std::set<std::string>& ids, v1::PopService service,
                                          const Actor& actor);
  void apply_service(const std::set<std::string>& ids, v1::PopService service,
                     v1::SetPopServiceResponse& response);

  ControlLoop& loop_;
  Telemetry& telemetry_;
  const Authorizer& authorizer_;
  asio::io_context& io_;
  const Clock& clock_;
  std::filesystem::path state_;
};

}  // namespace isopop::control
