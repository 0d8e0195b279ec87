#include "common/rpc/rpc.h"

#include <gtest/gtest.h>

#include "isopop/v1/control.grpc.pb.h"

namespace isopop::rpc {
namespace {

class StatusService final : public v1::Control::Service {
  grpc::Status GetStatus(grpc::ServerContext* /*context*/, const v1::GetStatusRequest* /*request*/,
                         v1::Status* /*response*/) override {
    return to_status(not_found("no such thing"));
  }
};

TEST(RpcTest, AnErrorCrossesTheWireUnchanged) {
  StatusService service;
  const auto server = Server::create("127.0.0.1:0", {&service}).value();
  const auto stub = v1::Control::NewStub(connect(server->address()));
  grpc::ClientContext context;
  v1::Status answer;
  const Error error = to_error(stub->GetStatus(&context, {}, &answer));
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_EQ(error.message, "no such thing");
}

TEST(RpcTest, AnAddressInUseIsSaidSo) {
  StatusService service;
  StatusService other;
  const auto server = Server::create("127.0.0.1:0", {&service}).value();
  const auto second = Server::create(server->address(), {&other});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_NE(second.error().message.find(server->address()), std::string::npos);
}

}  // namespace
}  // namespace isopop::rpc
